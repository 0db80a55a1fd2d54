package conformance

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

// The semantics that other files show in more detail, each by its name.
var semanticsCases = []testCase{
	{"S06 Gather gives the results in the order of its functions, not of their ends", func(t *testing.T, ctx context.Context) {
		var second, third braid.Event
		list, err := braid.Gather(ctx,
			func(ctx context.Context) (string, error) { return "a", second.Wait(ctx) },
			func(ctx context.Context) (string, error) { defer second.Set(); return "b", third.Wait(ctx) },
			func(context.Context) (string, error) { defer third.Set(); return "c", nil })
		ok(t, err)
		wantList(t, "results", list, "a", "b", "c")
		none, err := braid.Gather[int](ctx)
		ok(t, err)
		wantList(t, "results of nothing", none)
	}},
	{"S06 if one of Gather's functions fails, the others are cancelled and joined first", func(t *testing.T, ctx context.Context) {
		var ended atomic.Int64
		list, err := braid.Gather(ctx, lingering[int](&ended), lingering[int](&ended), failing[int](errBoom))
		want(t, "ended", ended.Load(), 2)
		holds(t, err, errBoom)
		wantList(t, "results", list)
		var te *braid.TaskError
		if !errors.As(err, &te) || !strings.HasSuffix(te.Task, "#2") {
			t.Errorf("the failure does not name the third function: %v", err)
		}
	}},
	{"S06 Settle lets all come to their own ends and gives an outcome for each, in order", func(t *testing.T, ctx context.Context) {
		var failed braid.Event
		list, err := braid.Settle(ctx,
			func(ctx context.Context) (int, error) {
				err := failed.Wait(ctx)
				pass(ctx)
				return 1, errors.Join(err, ctx.Err())
			},
			func(context.Context) (int, error) { defer failed.Set(); return 0, errBoom },
			func(context.Context) (int, error) { goexit(); return 0, nil },
			failing[int](context.Canceled))
		ok(t, err)
		if len(list) != 4 {
			t.Fatalf("outcomes = %v", list)
		}
		want(t, "first", list[0], braid.Outcome[int]{Value: 1})
		isErr(t, "second", list[1].Err, errBoom)
		isErr(t, "third", list[2].Err, braid.ErrGoexit)
		isErr(t, "fourth", list[3].Err, context.Canceled)
	}},
	{"S06 Settle whose ctx ends before anything has started returns the cause", func(t *testing.T, ctx context.Context) {
		list, err := braid.Settle(endsOnEntry(ctx), returns(1), returns(2))
		for _, o := range list {
			if o.Err != nil {
				want(t, "Settle", err, errStop)
			}
		}
	}},
	{"S06 First gives the first end, be it success or failure, and joins the losers", func(t *testing.T, ctx context.Context) {
		var ended atomic.Int64
		v, err := braid.First(ctx, lingering[int](&ended), returns(7), lingering[int](&ended))
		ok(t, err)
		want(t, "winner", v, 7)
		if n := ended.Load(); n != 1 && n != 2 { // the last may not have been started
			t.Errorf("%d losers have ended", n)
		}
		ended.Store(0)
		_, err = braid.First(ctx, lingering[int](&ended), failing[int](errBoom))
		isErr(t, "First", err, errBoom)
		want(t, "ended", ended.Load(), 1)
		if _, named := errors.AsType[*braid.TaskError](err); !named {
			t.Errorf("the failure has no name: %v", err)
		}
	}},
	{"S06 FirstSuccess gives the first success, whatever failed before, and joins the losers", func(t *testing.T, ctx context.Context) {
		var ended atomic.Int64
		var failed braid.Event
		v, err := braid.FirstSuccess(ctx,
			lingering[int](&ended),
			func(context.Context) (int, error) { defer failed.Set(); return 0, errBoom },
			func(ctx context.Context) (int, error) { err := failed.Wait(ctx); pass(ctx); return 7, err })
		ok(t, err)
		want(t, "winner", v, 7)
		want(t, "ended", ended.Load(), 1)
	}},
	{"S06 a loser that succeeds too is handed to Dispose, before the race returns", func(t *testing.T, ctx context.Context) {
		for _, first := range []bool{true, false} {
			var disposed []int
			var ready braid.Event
			race := braid.Race[int]{Dispose: func(v int) { disposed = append(disposed, v) }}
			run := race.FirstSuccess
			if first {
				run = race.First
			}
			v, err := run(ctx,
				func(ctx context.Context) (int, error) { ready.Set(); _ = never(ctx); return 2, nil },
				func(ctx context.Context) (int, error) { return 1, ready.Wait(ctx) },
				func(ctx context.Context) (int, error) { _ = never(ctx); return 3, errBoom })
			ok(t, err)
			want(t, "winner", v, 1)
			wantList(t, "disposed", disposed, 2)
		}
	}},
	{"S06 of many that succeed one wins and each other is disposed of", func(t *testing.T, ctx context.Context) {
		const n = 20
		var disposed atomic.Int64
		var total atomic.Int64
		fns := make([]func(context.Context) (int64, error), n)
		for i := range fns {
			fns[i] = func(context.Context) (int64, error) {
				total.Add(int64(i))
				return int64(i), nil
			}
		}
		v, err := braid.Race[int64]{Dispose: func(v int64) { disposed.Add(v) }}.First(ctx, fns...)
		ok(t, err)
		want(t, "winner and disposed", v+disposed.Load(), total.Load())
	}},
	{"S06 a race whose ctx ends before anything has started has no winner and returns the cause", func(t *testing.T, ctx context.Context) {
		for name, run := range map[string]func(context.Context, ...func(context.Context) (int, error)) (int, error){
			"First": braid.First[int], "FirstSuccess": braid.FirstSuccess[int],
		} {
			v, err := run(endsOnEntry(ctx), returns(7))
			if !errors.Is(err, errStop) || v != 0 {
				t.Errorf("%s = %v, %v; want the cause", name, v, err)
			}
		}
	}},
	{"S08 cancelled means that it did not happen: a permit or an item is never lost", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const n = 30
			sem := braid.NewSemaphore(2)
			q := braid.NewQueue[int](3)
			var got, put atomic.Int64
			for i := range n {
				c := g.Go(func(ctx context.Context) error {
					if sem.Acquire(ctx, 1) == nil {
						_ = braid.Yield(ctx)
						sem.Release(1)
					}
					return nil
				})
				p := g.Go(func(ctx context.Context) error {
					if q.Put(ctx, i) == nil {
						put.Add(1)
					}
					return nil
				})
				r := g.Go(func(ctx context.Context) error {
					if _, err := q.Get(ctx); err == nil {
						got.Add(1)
					}
					return nil
				})
				if i%2 == 0 {
					pass(ctx)
				}
				if i%3 != 0 {
					c.Cancel(errStop)
					p.Cancel(errStop)
					r.Cancel(errStop)
				}
			}
			q.Shutdown(braid.Drain)
			until(t, ctx, "all have ended", func() bool { return g.Statistics().Running == 0 })
			for {
				if _, more := q.TryGet(); !more {
					break
				}
				got.Add(1)
			}
			want(t, "items got", got.Load(), put.Load())
			want(t, "permits free", sem.TryAcquire(2), true)
		})
	}},
	{"S08 a timeout returns after its callee has stopped", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			stopped := false
			err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
				err := never(ctx)
				_ = braid.Sleep(context.WithoutCancel(ctx), aMoment)
				stopped = true
				return err
			})
			isErr(t, "Timeout", err, braid.ErrTimeout)
			want(t, "stopped", stopped, true)
		})
	}},
	{"S08 Abandon is the name for leaving the callee running: it returns the cause at once", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var begun, gate braid.Event
			var task *braid.Handle
			var seen error
			disposed := make(chan int, 1)
			c := begin(g, func(ctx context.Context) error {
				_, err := braid.Abandon(ctx, func(ctx context.Context) (int, error) {
					task = braid.Current(ctx)
					begun.Set()
					_ = deaf(ctx, &gate)
					seen = context.Cause(ctx)
					return 7, nil
				}, func(v int) { disposed <- v })
				return err
			})
			ok(t, begun.Wait(ctx))
			c.h.Cancel(errStop)
			c.fails(t, ctx, "Abandon", errStop)
			want(t, "state of what was abandoned", task.State(), braid.Running)
			want(t, "it has a group", task.Group() != nil, false)
			gate.Set()
			ok(t, task.Wait(ctx))
			want(t, "the cause it saw", seen, errStop)
			want(t, "disposed of", <-disposed, 7)
		})
	}},
	{"S09 a shield runs in the same task, with the values and without the cancel of its ctx", func(t *testing.T, ctx context.Context) {
		scope(t, context.WithValue(ctx, valueKey{}, "v"), func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				me := braid.Current(ctx)
				me.Cancel(errStop)
				called := false
				ok(t, braid.Shield(ctx, long, func(ctx context.Context) error {
					called = true
					want(t, "task", braid.Current(ctx), me)
					want(t, "value", ctx.Value(valueKey{}), any("v"))
					want(t, "Cause", context.Cause(ctx), nil)
					_, has := ctx.Deadline()
					want(t, "has a deadline", has, true)
					return braid.Yield(ctx)
				}))
				want(t, "called", called, true)
				want(t, "the next call", braid.Yield(ctx), errStop)
				return nil
			})
		})
	}},
	{"S09 a shield holds against a cancel that comes while it runs, and its group waits for it", func(t *testing.T, ctx context.Context) {
		cleaned := false
		parent, cancel := context.WithCancelCause(ctx)
		err := braid.Run(parent, func(ctx context.Context, g *braid.Group) error {
			var begun braid.Event
			var gate braid.Event
			g.Go(func(ctx context.Context) error {
				return braid.Shield(ctx, long, func(ctx context.Context) error {
					begun.Set()
					err := gate.Wait(ctx)
					pass(ctx)
					cleaned = err == nil && ctx.Err() == nil
					return err
				})
			})
			ok(t, begun.Wait(ctx))
			cancel(errStop)
			_ = never(ctx)
			gate.Set()
			return nil
		})
		ok(t, err)
		want(t, "cleaned", cleaned, true)
	}},
	{"S09 tasks started in a shield are shielded and joined", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(_ context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error {
				braid.Current(ctx).Cancel(errStop)
				ended := false
				ok(t, braid.Shield(ctx, long, func(ctx context.Context) error {
					return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
						g.Go(func(ctx context.Context) error {
							pass(ctx)
							ended = true
							return ctx.Err()
						})
						return nil
					})
				}))
				want(t, "ended", ended, true)
				return nil
			})
		})
	}},
	{"S14 a queue is first in, first out, for its items and for who waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](2)
			var puts []*call
			for i := range 5 {
				puts = append(puts, begin(g, func(ctx context.Context) error { return q.Put(ctx, i) }))
				until(t, ctx, "it is in the queue or waits", func() bool { return puts[i].ended() || parkedIn(puts[i].h, "queue.Put")() })
			}
			for i := range 5 {
				v, err := q.Get(ctx)
				ok(t, err)
				want(t, "item", v, i)
			}
			var gets []*call
			var got [3]int
			for i := range got {
				gets = append(gets, begin(g, func(ctx context.Context) (err error) {
					got[i], err = q.Get(ctx)
					return err
				}))
				until(t, ctx, "it waits", parkedIn(gets[i].h, "queue.Get"))
			}
			for i := range got {
				ok(t, q.Put(ctx, 10+i))
			}
			for i, c := range gets {
				c.succeeds(t, ctx, "Get")
				want(t, "item", got[i], 10+i)
			}
		})
	}},
	{"S14 each producer closes for itself, and iteration ends when the last one has", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			q := braid.NewQueue[int](1)
			var sent, sum atomic.Int64
			for i := range 3 {
				p := q.Producer()
				g.Go(func(ctx context.Context) error {
					defer p.Close()
					for j := range 4 {
						v := 10*i + j
						if err := p.Put(ctx, v); err != nil {
							return err
						}
						sent.Add(int64(v))
					}
					return nil
				})
			}
			for v, err := range q.All(ctx) {
				ok(t, err)
				sum.Add(int64(v))
			}
			want(t, "sum", sum.Load(), sent.Load())
			ok(t, ctx.Err())
		})
	}},
	{"S15 break joins the rest before the loop is left", func(t *testing.T, ctx context.Context) {
		for name, seq := range streams() {
			var ended atomic.Int64
			for v, err := range seq(ctx, &ended) {
				ok(t, err)
				want(t, "first", v, 1)
				break
			}
			if ended.Load() == 0 {
				t.Errorf("%s: the rest still runs", name)
			}
		}
	}},
	{"S15 return joins the rest", func(t *testing.T, ctx context.Context) {
		for name, seq := range streams() {
			var ended atomic.Int64
			func() {
				for range seq(ctx, &ended) {
					return
				}
			}()
			if ended.Load() == 0 {
				t.Errorf("%s: the rest still runs", name)
			}
		}
	}},
	{"S15 a panic in the loop joins the rest and comes out", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			for name, seq := range streams() {
				var ended atomic.Int64
				pe := caughtPanic(t, func() {
					for range seq(ctx, &ended) {
						_ = explode("boom")
					}
				})
				want(t, "Value", pe.Value, any("boom"))
				if ended.Load() == 0 {
					t.Errorf("%s: the rest still runs", name)
				}
			}
		}, hushed)
	}},
	{"S15 Goexit in the loop joins the rest", func(t *testing.T, ctx context.Context) {
		for name, seq := range streams() {
			var ended atomic.Int64
			err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(func(ctx context.Context) error {
					for range seq(ctx, &ended) {
						goexit()
					}
					return nil
				})
				return nil
			})
			holds(t, err, braid.ErrGoexit)
			if ended.Load() == 0 {
				t.Errorf("%s: the rest still runs", name)
			}
		}
	}},
	{"S15 if ctx ends, the rest is joined and the cause is yielded last", func(t *testing.T, ctx context.Context) {
		for name, seq := range streams() {
			var ended atomic.Int64
			var last error
			parent, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			for _, err := range seq(parent, &ended) {
				want(t, "an error before the last", last, nil)
				last = err
				cancel(errStop)
			}
			isErr(t, name, last, errStop)
			if ended.Load() == 0 {
				t.Errorf("%s: the rest still runs", name)
			}
		}
	}},
}

// lingering waits for its ctx, and then takes a while to end. ended counts those that have.
func lingering[T any](ended *atomic.Int64) func(context.Context) (T, error) {
	return func(ctx context.Context) (v T, err error) {
		err = never(ctx)
		pass(ctx)
		ended.Add(1)
		return v, err
	}
}

func returnsNil(context.Context) error { return nil }

// numbers yields the numbers below n.
func numbers(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// streams returns streams of each kind, which yield 1 and then wait for ever; the one that waits counts its end.
func streams() map[string]func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error] {
	each := func(ended *atomic.Int64) func(context.Context, int) (int, error) {
		return func(ctx context.Context, i int) (int, error) {
			if i == 0 {
				return 1, nil
			}
			return lingering[int](ended)(ctx)
		}
	}
	// The second function must have begun when the first result is there, or it might never begin.
	both := func(ended *atomic.Int64) (func(context.Context) (int, error), func(context.Context) (int, error)) {
		var begun braid.Event
		return func(ctx context.Context) (int, error) { return 1, begun.Wait(ctx) },
			func(ctx context.Context) (int, error) {
				begun.Set()
				return lingering[int](ended)(ctx)
			}
	}
	return map[string]func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error]{
		"AsCompleted": func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error] {
			a, b := both(ended)
			return braid.AsCompleted(ctx, a, b)
		},
		"Map": func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error] {
			return braid.Map(ctx, numbers(2), 2, pairOf(both(ended)))
		},
		"MapUnordered": func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error] {
			return braid.MapUnordered(ctx, numbers(2), 2, pairOf(both(ended)))
		},
		"Map of one at a time": func(ctx context.Context, ended *atomic.Int64) iter.Seq2[int, error] {
			return braid.Map(ctx, countedSource(ended), 1, each(ended))
		},
	}
}

// pairOf makes a function for Map that calls a for 0 and b for the rest.
func pairOf(a, b func(context.Context) (int, error)) func(context.Context, int) (int, error) {
	return func(ctx context.Context, i int) (int, error) {
		if i == 0 {
			return a(ctx)
		}
		return b(ctx)
	}
}

// countedSource yields numbers until it is told to stop, and counts its end.
func countedSource(ended *atomic.Int64) iter.Seq[int] {
	return func(yield func(int) bool) {
		defer ended.Add(1)
		for i := 0; yield(i); i++ {
		}
	}
}
