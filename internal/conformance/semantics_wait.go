package conformance

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// entry is a call that may block and that takes functions, which it must not call when ctx is done.
type entry struct {
	name string
	call func(ctx context.Context, g *braid.Group, fn func(context.Context) error) error
}

var entries = []entry{
	{"Run", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Run(ctx, bodyOf(fn))
	}},
	{"Timeout", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Timeout(ctx, long, fn)
	}},
	{"Timeout of zero", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Timeout(ctx, 0, fn)
	}},
	{"Deadline", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Deadline(ctx, braid.Time(ctx).Add(long), fn)
	}},
	{"Deadline in the past", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Deadline(ctx, time.Time{}, fn)
	}},
	{"Abandon", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Abandon(ctx, valueOf(fn), nil)
		return err
	}},
	{"Every", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		return braid.Every(ctx, time.Nanosecond, fn)
	}},
	{"Sleep", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		return braid.Sleep(ctx, long)
	}},
	{"Sleep of zero", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		return braid.Sleep(ctx, 0)
	}},
	{"Yield", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		return braid.Yield(ctx)
	}},
	{"Gather", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Gather(ctx, valueOf(fn))
		return err
	}},
	{"Gather of nothing", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		_, err := braid.Gather[int](ctx)
		return err
	}},
	{"Settle", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Settle(ctx, valueOf(fn))
		return err
	}},
	{"First", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.First(ctx, valueOf(fn))
		return err
	}},
	{"First of nothing", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		_, err := braid.First[int](ctx)
		return err
	}},
	{"FirstSuccess", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.FirstSuccess(ctx, valueOf(fn))
		return err
	}},
	{"AsCompleted", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Collect(braid.AsCompleted(ctx, valueOf(fn)))
		return err
	}},
	{"AsCompleted of nothing", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		_, err := braid.Collect(braid.AsCompleted[int](ctx))
		return err
	}},
	{"Map", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Collect(braid.Map(ctx, slices.Values([]int{1}), 1, eachOf(fn)))
		return err
	}},
	{"MapUnordered", func(ctx context.Context, _ *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Collect(braid.MapUnordered(ctx, slices.Values([]int{1}), 1, eachOf(fn)))
		return err
	}},
	{"Start", func(ctx context.Context, g *braid.Group, fn func(context.Context) error) error {
		_, err := braid.Start(ctx, g, func(ctx context.Context, ready func(int)) error {
			ready(1)
			return fn(ctx)
		})
		return err
	}},
	{"GoWait", func(ctx context.Context, g *braid.Group, fn func(context.Context) error) error {
		_, err := g.GoWait(ctx, fn)
		return err
	}},
	{"Portal.Do", func(ctx context.Context, g *braid.Group, fn func(context.Context) error) error {
		return braid.NewPortal(g).Do(ctx, fn)
	}},
	{"Offload in Offload", func(ctx context.Context, _ *braid.Group, _ func(context.Context) error) error {
		lim := braid.NewLimiter("l", 1)
		_, err := braid.Offload(context.WithoutCancel(ctx), lim, func(inner context.Context) (int, error) {
			done, cancel := context.WithCancelCause(inner)
			cancel(errStop)
			return braid.Offload(done, lim, returns(1))
		})
		return err
	}},
}

func valueOf(fn func(context.Context) error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) { return 1, fn(ctx) }
}

func eachOf(fn func(context.Context) error) func(context.Context, int) (int, error) {
	return func(ctx context.Context, v int) (int, error) { return v, fn(ctx) }
}

func semanticsEntryCases() []testCase {
	all := make([]testCase, 0, len(entries))
	for _, e := range entries {
		all = append(all, testCase{"C ctx first: " + e.name + " under a done ctx gives its cause and calls nothing", e.doneFirst})
	}
	return all
}

func (e entry) doneFirst(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		called := func(context.Context) error {
			t.Errorf("%s called its function", e.name)
			return nil
		}
		for _, done := range endedContexts(ctx) {
			if err := e.call(done, g, called); err != errStop {
				t.Errorf("under %v: %v, want the cause", done, err)
			}
		}
		inEndedTask(t, ctx, func(ctx context.Context) {
			if err := e.call(ctx, g, called); err != errStop {
				t.Errorf("in a cancelled task: %v, want the cause", err)
			}
		})
	})
}

// Waits and cancels of single tasks.
var semanticsWaitCases = []testCase{
	{"C Wait on a finished task under a done ctx gives the ctx's cause; Result does not look at ctx", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			task := braid.Go(g, returns(7))
			_, err := task.Wait(ctx)
			ok(t, err)
			for _, done := range endedContexts(ctx) {
				v, err := task.Wait(done)
				want(t, "Wait", err, errStop)
				want(t, "value", v, 0)
				want(t, "Handle.Wait", task.Handle.Wait(done), errStop)
			}
			v, err := task.Result()
			ok(t, err)
			want(t, "Result", v, 7)
		})
	}},
	{"S07 a waiter's ctx ends only the wait: it neither cancels the task nor becomes its result", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			task := braid.Go(g, func(ctx context.Context) (int, error) { return 7, gate.Wait(ctx) })
			var cancel context.CancelCauseFunc
			first := begin(g, func(ctx context.Context) error {
				var waiting context.Context
				waiting, cancel = context.WithCancelCause(ctx)
				_, err := task.Wait(waiting)
				return err
			})
			second := begin(g, func(ctx context.Context) error {
				v, err := task.Wait(ctx)
				want(t, "the second waiter's value", v, 7)
				return err
			})
			until(t, ctx, "both wait", func() bool { return parkedIn(first.h, "task.Wait")() && parkedIn(second.h, "task.Wait")() })
			cancel(errStop)
			first.fails(t, ctx, "the first wait", errStop)
			want(t, "state", task.State(), braid.Running)
			gate.Set()
			second.succeeds(t, ctx, "the second wait")
			v, err := task.Result()
			ok(t, err)
			want(t, "Result", v, 7)
		})
	}},
	{"S07 a wait that times out leaves the task running", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			h := g.Go(gate.Wait)
			isErr(t, "Wait", braid.Timeout(ctx, aMoment, h.Wait), braid.ErrTimeout)
			want(t, "state", h.State(), braid.Running)
			gate.Set()
			ok(t, h.Wait(ctx))
		})
	}},
	{"S07 Cancel of a handle ends the task and what is inside, and touches nobody else", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate, begun braid.Event
			var inside error
			sibling := g.Go(gate.Wait)
			h := g.Go(func(ctx context.Context) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					g.Go(func(ctx context.Context) error {
						begun.Set()
						inside = never(ctx)
						return inside
					})
					return nil
				})
			})
			ok(t, begun.Wait(ctx))
			h.Cancel(errStop)
			h.Cancel(errOther) // does nothing
			want(t, "Wait", h.Wait(ctx), errStop)
			want(t, "state", h.State(), braid.Cancelled)
			want(t, "seen inside", inside, errStop)
			want(t, "the sibling", sibling.State(), braid.Running)
			ok(t, ctx.Err())
			gate.Set()
			ok(t, sibling.Wait(ctx))
		})
	}},
	{"S07 Cancel(nil) is context.Canceled; a cancelled task may succeed or fail all the same", func(t *testing.T, ctx context.Context) {
		var canceled, succeeded, failed *braid.Handle
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			canceled = g.Go(never)
			succeeded = g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return nil
			})
			failed = g.Go(func(ctx context.Context) error {
				_ = never(ctx)
				return errBoom
			})
			for _, h := range []*braid.Handle{canceled, succeeded, failed} {
				h.Cancel(nil)
			}
			want(t, "Wait", canceled.Wait(ctx), context.Canceled)
			ok(t, succeeded.Wait(ctx))
			isErr(t, "Wait", failed.Wait(context.WithoutCancel(ctx)), errBoom)
			return nil
		}, braid.KeepGoing())
		holds(t, err, errBoom)
		wantList(t, "states", []braid.State{canceled.State(), succeeded.State(), failed.State()}, braid.Cancelled, braid.Succeeded, braid.Failed)
	}},
	{"S07 Cancel of a task that has ended does nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			task := braid.Go(g, returns(7))
			_, err := task.Wait(ctx)
			ok(t, err)
			task.Cancel(errStop)
			v, err := task.Wait(ctx)
			ok(t, err)
			want(t, "value", v, 7)
			want(t, "state", task.State(), braid.Succeeded)
		})
	}},
	{"S07 Done is closed when the task has ended, whenever it was asked for", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			h := g.Go(gate.Wait)
			early := h.Done()
			select {
			case <-early:
				t.Error("Done is closed while the task runs")
			default:
			}
			gate.Set()
			ok(t, h.Wait(ctx))
			<-early
			<-h.Done()
			err, ended := h.Err()
			ok(t, err)
			want(t, "ended", ended, true)
		})
	}},
	{"S07 everybody who waits is told", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var gate braid.Event
			var told atomic.Int64
			h := g.Go(gate.Wait)
			waiters := make([]*braid.Handle, 20)
			for i := range waiters {
				waiters[i] = g.Go(func(ctx context.Context) error {
					defer told.Add(1)
					return h.Wait(ctx)
				})
			}
			for _, w := range waiters {
				until(t, ctx, "all wait", parkedIn(w, "task.Wait"))
			}
			waiters[7].Cancel(errStop)
			want(t, "Wait", waiters[7].Wait(ctx), errStop)
			gate.Set()
			for i, w := range waiters {
				if i != 7 {
					ok(t, w.Wait(ctx))
				}
			}
			want(t, "told", told.Load(), 20)
		})
	}},
	{"S07 waiting for oneself is ErrSelfDeadlock", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			want(t, "the body", braid.Current(ctx).Wait(ctx), braid.ErrSelfDeadlock)
			h := g.Go(func(ctx context.Context) error {
				want(t, "a task", braid.Current(ctx).Wait(ctx), braid.ErrSelfDeadlock)
				return braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
					want(t, "a nested body", braid.Current(ctx).Wait(ctx), braid.ErrSelfDeadlock)
					return nil
				})
			})
			ok(t, h.Wait(ctx))
		})
	}},
}
