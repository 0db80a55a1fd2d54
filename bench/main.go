// Command bench measures braid beside its peers, in one run and in turns, and prints one table.
//
//	go run ./bench                     all measurements, a few minutes
//	go run ./bench -short              fewer and shorter rounds, under a minute
//	go run ./bench -run 'queue|spawn'  some of them
//	go run ./bench -json               for programs
//	go run ./bench -list               what there is to measure
//
// A figure over its bound is reported, and is no failure: only what does not work at all makes the command fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// config says how thoroughly to measure.
type config struct {
	rounds   int           // of measurements within this process
	slice    time.Duration // what one side takes in one round of a duel
	children int           // rounds of measurements that need a new process for each
	idlers   int           // tasks that wait
	tasks    int           // short tasks under a limit
	requests int           // that one server answers in one round
}

var full = config{
	rounds: 21, slice: 150 * time.Millisecond, children: 9,
	idlers: 100_000, tasks: 1_000_000, requests: 8_000,
}

// shortened returns c for -short. The figures are rougher, the numbers of tasks are the same.
func (c config) shortened() config {
	c.rounds, c.slice, c.children, c.requests = 9, 25*time.Millisecond, 1, 2_500
	return c
}

// benchmark is one measurement.
type benchmark struct {
	name string // for -run
	run  func(context.Context, config) ([]row, error)
}

func benchmarks() []benchmark {
	list := spawns()
	list = append(list, semaphores()...)
	list = append(list, queues()...)
	list = append(list, instants()...)
	list = append(list, loops()...)
	list = append(list, gens()...)
	list = append(list, resiliences()...)
	list = append(list, sessions()...)
	list = append(list, buses()...)
	list = append(list, works()...)
	list = append(list, caches()...)
	list = append(list, sims()...)
	list = append(list, inspects()...)
	return append(list, benchmark{"idle", idle}, benchmark{"million", million}, benchmark{"hello", hello})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if ran, err := child(ctx); ran {
		exit(err)
	}
	exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func exit(err error) {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what args ask for. The table goes to out, what is going on to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	isShort := flags.Bool("short", false, "fewer and shorter rounds")
	asJSON := flags.Bool("json", false, "print JSON")
	list := flags.Bool("list", false, "print the names of all measurements and measure nothing")
	only := flags.String("run", "", "measure only what this `regexp` matches")
	rounds := flags.Int("rounds", 0, "`number` of rounds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there is no argument %q; see -help", flags.Arg(0))
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	c := full
	if *isShort {
		c = c.shortened()
	}
	if *rounds > 0 {
		c.rounds, c.children = *rounds, *rounds
	}

	var rows []row
	var failed []error
	for _, b := range benchmarks() {
		if !pattern.MatchString(b.name) {
			continue
		}
		if *list {
			fmt.Fprintln(out, b.name)
			continue
		}
		start := time.Now()
		fmt.Fprintf(progress, "%-22s", b.name)
		more, err := b.run(ctx, c)
		if err != nil {
			fmt.Fprintln(progress)
			if failed = append(failed, fmt.Errorf("%s: %w", b.name, err)); ctx.Err() != nil {
				break
			}
			continue // what the others say is worth having
		}
		fmt.Fprintf(progress, "%6.1f s\n", time.Since(start).Seconds())
		rows = append(rows, more...)
	}
	switch {
	case *list:
		return nil
	case len(rows) == 0 && failed == nil:
		return fmt.Errorf("nothing is called %q; -list shows the names", *only)
	case len(rows) == 0:
	case *asJSON:
		failed = append(failed, newReport(c, rows).writeJSON(out))
	default:
		failed = append(failed, newReport(c, rows).writeTable(out))
	}
	return errors.Join(failed...)
}
