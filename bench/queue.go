package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
)

const (
	capacity  = 50
	consumers = 10
)

func queues() []benchmark {
	return []benchmark{
		{"queue/1x10", queueDuel("queue of 50, 1 producer, 10 consumers", 1).run},
		{"queue/10x10", queueDuel("queue of 50, 10 producers, 10 consumers", 10).run},
	}
}

// queueDuel compares what an item costs on its way through. The last producer shuts down.
// A bare channel knows no ctx; the one with select does what a queue's Put and Get do about it.
func queueDuel(title string, producers int) duel {
	return duel{
		title: title,
		unit:  "an item",
		batch: producers,
		sides: []side{
			{name: "channel", run: counted(producers, throughChannel)},
			{name: "braid", run: counted(producers, throughQueue), maxRatio: 2},
			{name: "channel, select", run: counted(producers, throughSelect)},
		},
	}
}

// counted checks that all items arrive.
func counted(producers int, through func(ctx context.Context, producers, each int, got *atomic.Int64) error) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		var got atomic.Int64
		if err := through(ctx, producers, n/producers, &got); err != nil {
			return err
		}
		if got.Load() != int64(n) {
			return fmt.Errorf("%d of %d items arrived", got.Load(), n)
		}
		return nil
	}
}

func throughChannel(ctx context.Context, producers, each int, got *atomic.Int64) error {
	ch := make(chan int, capacity)
	left := newLast(producers, func() { close(ch) })
	g, _ := errgroup.WithContext(ctx)
	for range producers {
		g.Go(func() error {
			for i := range each {
				ch <- i
			}
			left.done()
			return nil
		})
	}
	for range consumers {
		g.Go(func() error {
			n := 0
			for range ch {
				n++
			}
			got.Add(int64(n))
			return nil
		})
	}
	return g.Wait()
}

func throughSelect(ctx context.Context, producers, each int, got *atomic.Int64) error {
	ch := make(chan int, capacity)
	left := newLast(producers, func() { close(ch) })
	g, ctx := errgroup.WithContext(ctx)
	for range producers {
		g.Go(func() error {
			for i := range each {
				select {
				case ch <- i:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			left.done()
			return nil
		})
	}
	for range consumers {
		g.Go(func() error {
			for n := 0; ; n++ {
				select {
				case _, open := <-ch:
					if !open {
						got.Add(int64(n))
						return nil
					}
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	return g.Wait()
}

func throughQueue(ctx context.Context, producers, each int, got *atomic.Int64) error {
	q := braid.NewQueue[int](capacity)
	left := newLast(producers, func() { q.Shutdown(braid.Drain) })
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range producers {
			g.Go(func(ctx context.Context) error {
				for i := range each {
					if err := q.Put(ctx, i); err != nil {
						return err
					}
				}
				left.done()
				return nil
			})
		}
		for range consumers {
			g.Go(func(ctx context.Context) error {
				for n := 0; ; n++ {
					if _, err := q.Get(ctx); errors.Is(err, braid.ErrShutdown) {
						got.Add(int64(n))
						return nil
					} else if err != nil {
						return err
					}
				}
			})
		}
		return nil
	})
}

// last calls a function when the last of some has called done.
type last struct {
	left atomic.Int64
	then func()
}

func newLast(n int, then func()) *last {
	l := &last{then: then}
	l.left.Store(int64(n))
	return l
}

func (l *last) done() {
	if l.left.Add(-1) == 0 {
		l.then()
	}
}
