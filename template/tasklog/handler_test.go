package tasklog_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/tasklog"
)

func TestHandler(t *testing.T) {
	for name, c := range map[string]struct {
		log  func(context.Context, *slog.Logger)
		want string
	}{
		"plain": {
			func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "hi", "a", 1) },
			"level=INFO msg=hi task=main/worker a=1",
		},
		"without a ctx": {
			func(_ context.Context, l *slog.Logger) { l.Info("hi", "a", 1) },
			"level=INFO msg=hi task=- a=1",
		},
		"task named by the record": {
			func(ctx context.Context, l *slog.Logger) { l.InfoContext(ctx, "hi", "task", "other", "a", 1) },
			"level=INFO msg=hi task=other a=1",
		},
		"attributes": {
			func(ctx context.Context, l *slog.Logger) { l.With("w", 0).With("x", 1).InfoContext(ctx, "hi", "a", 1) },
			"level=INFO msg=hi w=0 x=1 task=main/worker a=1",
		},
		"group": {
			func(ctx context.Context, l *slog.Logger) { l.WithGroup("g").InfoContext(ctx, "hi", "a", 1) },
			"level=INFO msg=hi task=main/worker g.a=1",
		},
		"attributes and groups": {
			func(ctx context.Context, l *slog.Logger) {
				l.With("w", 0).WithGroup("g").With("x", 1).WithGroup("").WithGroup("h").With("y", 2).InfoContext(ctx, "hi", "a", 1)
			},
			"level=INFO msg=hi w=0 task=main/worker g.x=1 g.h.y=2 g.h.a=1",
		},
		"below the level": {
			func(ctx context.Context, l *slog.Logger) { l.DebugContext(ctx, "hi") },
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(tasklog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
				ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
					if a.Key == slog.TimeKey {
						return slog.Attr{}
					}
					return a
				},
			})))
			err := braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					c.log(ctx, log)
					return nil
				}, braid.Name("worker"))
				return nil
			}, braid.Name("main"))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(out.String()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Two loggers made from one must not write into each other.
func TestHandlerBranches(t *testing.T) {
	var out bytes.Buffer
	base := slog.New(tasklog.New(slog.NewTextHandler(&out, nil))).WithGroup("g")
	one, two := base.With("x", 1), base.With("y", 2)
	one.Info("one")
	two.Info("two")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], "msg=one task=- g.x=1") || !strings.HasSuffix(lines[1], "msg=two task=- g.y=2") {
		t.Errorf("got %q", lines)
	}
}
