package template

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/braid-go/braid/template/tasklog"
)

// Command returns the command that runs the service under the given name,
// to be run alone or as a part of a larger program. It ends when the ctx that
// it runs with ends, or by a signal.
func Command(name string) *cli.Command {
	return &cli.Command{
		Name:  name,
		Usage: "run a small HTTP service whose every request is a task",
		Description: "What to try, in a second terminal:\n\n" + indent(try) + `

Ctrl-C (SIGINT) or SIGTERM stops it: it finishes what it has begun, within --grace.
A second one stops it at once.

Exit status: 0 after an orderly end; 1 if something failed, or was stuck; 2 if a
flag or an environment variable is wrong.`,
		HideHelpCommand: true,
		OnUsageError:    func(_ context.Context, _ *cli.Command, err error, _ bool) error { return err },
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "http", Value: DefaultHTTP, Sources: cli.EnvVars("BRAID_HTTP"),
				Usage: "serve on `ADDR`, host:port; port 0 takes a free one",
			},
			&cli.StringFlag{
				Name: "db", Value: DefaultDB(), Sources: cli.EnvVars("BRAID_DB"),
				Usage: "keep the users in the SQLite file `PATH`",
			},
			&cli.DurationFlag{
				Name: "grace", Value: DefaultGrace, Sources: cli.EnvVars("BRAID_GRACE"),
				Usage: "when stopped, wait `DURATION` for requests to finish",
			},
			&cli.DurationFlag{
				Name: "heartbeat", Value: DefaultHeartbeat, Sources: cli.EnvVars("BRAID_HEARTBEAT"),
				Usage: "let the background task beat every `DURATION`",
			},
			&cli.StringFlag{
				Name: "console", Value: DefaultConsole, Sources: cli.EnvVars("BRAID_CONSOLE"),
				Usage: "serve the page that shows what runs on `ADDR`, host:port, to who has the token; '' for none",
			},
			&cli.BoolFlag{
				Name: "allow-cancel", Sources: cli.EnvVars("BRAID_ALLOW_CANCEL"),
				Usage: "let the console, and braid cancel, end tasks",
			},
			&cli.BoolFlag{
				Name: "chaos", Sources: cli.EnvVars("BRAID_CHAOS"),
				Usage: "add a leak, a deadlock and a task that does not stop, for the inspector to find",
			},
		},
		Action: action,
	}
}

func action(ctx context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("%s takes flags only, not %q", cmd.Name, cmd.Args().First())
	}
	cfg := Config{
		HTTP:      cmd.String("http"),
		DB:        cmd.String("db"),
		Grace:     cmd.Duration("grace"),
		Heartbeat: cmd.Duration("heartbeat"),

		Console:     cmd.String("console"),
		AllowCancel: cmd.Bool("allow-cancel"),
		Chaos:       cmd.Bool("chaos"),
	}
	if err := cfg.check(); err != nil {
		return err
	}
	if !cmd.IsSet("db") { // a folder of our own choice is ours to make
		if err := os.MkdirAll(filepath.Dir(cfg.DB), 0o700); err != nil {
			return &failure{fmt.Errorf("make a folder for the database: %w; name another place with --db", err)}
		}
	}
	root := cmd.Root()
	log := slog.New(tasklog.New(slog.NewTextHandler(root.ErrWriter, nil)))
	err := Serve(ctx, cfg, log, func(at Places) { greet(root.Writer, at, cfg) })
	if err != nil {
		return &failure{err}
	}
	return nil
}
