package braid

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
)

// Map calls fn for each element of seq, up to n at a time, and yields the results in the order of seq.
//
// seq is read by a task of its own and no further than needed: at most n calls run,
// and at most n more results wait for an earlier one or for the loop; one element more may have been read.
// A failure is yielded in its place as a [*TaskError] and cancels nobody;
// a loop that returns at the first error has the rest cancelled and joined.
// How the loop ends, and panics, are as with [AsCompleted].
// The loop waits for seq to return, so seq should not block for ever.
//
// Map panics if n < 1.
//
// # Cancellation
//
// If ctx ends, seq is read no further, the calls are cancelled and joined, and the cause is yielded last.
// An element that was read and not begun is dropped.
func Map[In, Out any](ctx context.Context, seq iter.Seq[In], n int, fn func(context.Context, In) (Out, error)) iter.Seq2[Out, error] {
	checkMap("Map", n, seq == nil || fn == nil)
	return stream(ctx, "map", func(g *Group, late func(error)) func(context.Context) (result[Out], error) {
		places := NewQueue[*Promise[result[Out]]](Unbounded)
		window := NewSemaphore(2 * int64(n))
		feed(g, seq, n, window, fn, late,
			func() func(result[Out]) {
				p := &Promise[result[Out]]{}
				_ = places.TryPut(p)
				return func(r result[Out]) { p.Resolve(r) }
			},
			func() { places.Shutdown(Drain) })
		return func(ctx context.Context) (result[Out], error) {
			p, err := places.Get(ctx)
			if err != nil {
				return result[Out]{}, err
			}
			r, err := p.Future().Wait(ctx)
			window.Release(1)
			return r, err
		}
	})
}

// MapUnordered is [Map] with the results in the order in which they are ready.
//
// # Cancellation
//
// As with Map: if ctx ends, the calls are cancelled and joined, and the cause is yielded last.
func MapUnordered[In, Out any](ctx context.Context, seq iter.Seq[In], n int, fn func(context.Context, In) (Out, error)) iter.Seq2[Out, error] {
	checkMap("MapUnordered", n, seq == nil || fn == nil)
	return stream(ctx, "map", func(g *Group, late func(error)) func(context.Context) (result[Out], error) {
		out := NewQueue[result[Out]](Unbounded)
		window := NewSemaphore(2 * int64(n))
		left := newCountdown(1, func() { out.Shutdown(Drain) })
		feed(g, seq, n, window, fn, late,
			func() func(result[Out]) {
				left.add()
				return func(r result[Out]) {
					_ = out.TryPut(r)
					left.done()
				}
			},
			left.done)
		return func(ctx context.Context) (result[Out], error) {
			r, err := out.Get(ctx)
			if err == nil {
				window.Release(1)
			}
			return r, err
		}
	})
}

func checkMap(op string, n int, missing bool) {
	if n < 1 {
		panic(fmt.Sprintf("braid: %s with n = %d: at least one call must be allowed to run", op, n))
	}
	if missing {
		panic(fmt.Sprintf("braid: %s needs a sequence and a function; one of those given is nil", op))
	}
}

// feed starts a task that starts a task for each element of seq.
// place is called for each, in order, and returns where the result goes; end is called after the last.
// window bounds the results that nobody has taken yet.
func feed[In, Out any](g *Group, seq iter.Seq[In], n int, window *Semaphore,
	fn func(context.Context, In) (Out, error), late func(error), place func() func(result[Out]), end func(),
) {
	entry := entryOf(fn)
	running := NewSemaphore(int64(n))
	g.Go(func(ctx context.Context) error {
		i := 0
		for v := range seq {
			err := window.Acquire(ctx, 1)
			if err == nil {
				err = running.Acquire(ctx, 1)
			}
			if err != nil {
				if me := Current(ctx); me.cancelledAlone(err) {
					g.lost(me, err) // nobody would end the loop
				}
				return err
			}
			settle := place()
			var r result[Out]
			spawnNth(g, i, entry,
				func(ctx context.Context) (Out, error) { return fn(ctx, v) },
				func(out Out) { r.value = out },
				func(err error) {
					r.err = err
					late(err)
					running.Release(1)
					settle(r)
				}, nil)
			i++
		}
		end()
		return nil
	}, Name("feed"))
}

// countdown calls a function when its count reaches zero.
type countdown struct {
	left atomic.Int64
	zero func()
}

func newCountdown(n int, zero func()) *countdown {
	c := &countdown{zero: zero}
	c.left.Store(int64(n))
	if n == 0 {
		zero()
	}
	return c
}

func (c *countdown) add() { c.left.Add(1) }

func (c *countdown) done() {
	if c.left.Add(-1) == 0 {
		c.zero()
	}
}
