package main

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/braid-go/braid"
)

// Each library runs under the ctx that its own groups give to their tasks.
// The other rows show braid in a program that uses it for its semaphore alone.

const permits = 10

func semaphores() []benchmark {
	return []benchmark{
		{"semaphore/uncontended", semaphoreDuel("semaphore, uncontended", 1, false, none).run},
		{"semaphore/contended", semaphoreDuel("semaphore, 100 tasks on 10 permits", 100, false, 0).run},
		{"semaphore/yielding", semaphoreDuel("the same, and a holder yields once", 100, true, 0).run},
	}
}

// semaphoreDuel compares acquire and release by some tasks.
// A holder that does nothing is through before another one runs, unless that is on another processor;
// one that yields makes the others queue up.
func semaphoreDuel(title string, tasks int, yield bool, maxAllocs float64) duel {
	return duel{
		title: title,
		unit:  "an acquire",
		batch: tasks,
		sides: []side{
			{name: "x/sync", run: func(ctx context.Context, n int) error {
				s := semaphore.NewWeighted(permits)
				return inErrgroup(ctx, tasks, func(ctx context.Context) error {
					return useWeighted(ctx, s, n/tasks, yield)
				})
			}},
			{name: "braid", maxRatio: 1, maxAllocs: maxAllocs, run: func(ctx context.Context, n int) error {
				s := braid.NewSemaphore(permits)
				return inBraid(ctx, tasks, func(ctx context.Context) error {
					return useBraid(ctx, s, n/tasks, yield)
				})
			}},
			{name: "braid, errgroup's ctx", run: func(ctx context.Context, n int) error {
				s := braid.NewSemaphore(permits)
				return inErrgroup(ctx, tasks, func(ctx context.Context) error {
					return useBraid(ctx, s, n/tasks, yield)
				})
			}},
			{name: "braid, context.Background()", run: func(ctx context.Context, n int) error {
				s := braid.NewSemaphore(permits)
				return inErrgroup(ctx, tasks, func(context.Context) error {
					return useBraid(context.Background(), s, n/tasks, yield)
				})
			}},
		},
	}
}

// useWeighted and useBraid are the same twice, because a common one would have to call through an interface.
func useWeighted(ctx context.Context, s *semaphore.Weighted, n int, yield bool) error {
	for range n {
		if err := s.Acquire(ctx, 1); err != nil {
			return err
		}
		if yield {
			runtime.Gosched()
		}
		s.Release(1)
	}
	return nil
}

func useBraid(ctx context.Context, s *braid.Semaphore, n int, yield bool) error {
	for range n {
		if err := s.Acquire(ctx, 1); err != nil {
			return err
		}
		if yield {
			runtime.Gosched()
		}
		s.Release(1)
	}
	return nil
}

// inErrgroup runs fn in as many goroutines of an errgroup.
func inErrgroup(ctx context.Context, tasks int, fn func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for range tasks {
		g.Go(func() error { return fn(ctx) })
	}
	return g.Wait()
}

// inBraid runs fn in as many tasks of a braid group.
func inBraid(ctx context.Context, tasks int, fn func(context.Context) error) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range tasks {
			g.Go(fn)
		}
		return nil
	})
}
