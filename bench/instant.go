package main

import (
	"context"
	"errors"

	"github.com/braid-go/braid"
)

// What need not wait must cost next to nothing. These have no peer, only a bound in ns;
// the loop around them is in the figure.

func instants() []benchmark {
	return []benchmark{
		{"instant/wait", instant("Wait on a finished task", waitFinished)},
		{"instant/current", instant("Current(ctx)", current)},
		{"instant/event", instant("Wait on an event that is set", waitSet)},
	}
}

// instant measures work under a task's ctx: in a program that begins with context.Background(), in one that begins
// with a ctx that signals cancel, which has to be looked at too, and under a ctx that the standard library has made
// from the task's.
func instant(title string, work func(ctx context.Context, n int) error) func(context.Context, config) ([]row, error) {
	inTask := func(ctx context.Context, n int) error {
		return inBraid(ctx, 1, func(ctx context.Context) error { return work(ctx, n) })
	}
	alone := func(_ context.Context, n int) error { return inTask(context.Background(), n) }
	inChild := func(ctx context.Context, n int) error {
		return inBraid(ctx, 1, func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			return work(ctx, n)
		})
	}
	return func(ctx context.Context, c config) (rows []row, err error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for _, s := range []side{
			{name: "braid", run: alone, maxNS: 10, maxAllocs: none},
			{name: "braid, in a ctx that can end", run: inTask, maxNS: 10, maxAllocs: none},
			{name: "braid, below WithCancel", run: inChild},
		} {
			more, err := duel{title: title, unit: perCall, sides: []side{s}}.run(ctx, c)
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
		return rows, nil
	}
}

func waitFinished(ctx context.Context, n int) error {
	var task *braid.Task[int]
	err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		task = braid.Go(g, func(context.Context) (int, error) { return 1, nil })
		return nil
	})
	if err != nil {
		return err
	}
	for range n {
		if _, err := task.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func current(ctx context.Context, n int) error {
	for range n {
		if braid.Current(ctx) == nil {
			return errors.New("no task")
		}
	}
	return nil
}

func waitSet(ctx context.Context, n int) error {
	var event braid.Event
	event.Set()
	for range n {
		if err := event.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
