package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// onceGate is a OnceValue whose function counts its calls and waits for gate.
type onceGate struct {
	*braid.OnceValue[int]
	gate  braid.Event
	calls int
}

func newOnceGate() *onceGate {
	o := &onceGate{}
	o.OnceValue = braid.NewOnceValue(func(ctx context.Context) (int, error) {
		o.calls++
		n := o.calls
		return n, o.gate.Wait(ctx)
	})
	return o
}

func (o *onceGate) get(ctx context.Context) error { _, err := o.Get(ctx); return err }

var onceCases = []testCase{
	{"OnceValue: calls its function once, and everybody gets the value", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			o := newOnceGate()
			want(t, "new", o.Statistics(), braid.OnceValueStatistics{})
			var calls []*call
			for range 4 {
				calls = append(calls, begin(g, func(ctx context.Context) error {
					v, err := o.Get(ctx)
					want(t, "the value", v, 1)
					return err
				}))
			}
			until(t, ctx, "one runs and all others wait", func() bool {
				return o.Statistics() == braid.OnceValueStatistics{Running: true, Waiting: 3} && o.gate.Statistics().Waiting == 1
			})
			o.gate.Set()
			for _, c := range calls {
				c.succeeds(t, ctx, "a Get")
			}
			ok(t, o.get(ctx))
			want(t, "calls of the function", o.calls, 1)
			want(t, "done", o.Statistics(), braid.OnceValueStatistics{Done: true})
		})
	}},
	{"OnceValue: keeps an error as it keeps a value, a foreign context error too", func(t *testing.T, ctx context.Context) {
		for _, boom := range []error{errors.New("boom"), context.Canceled, context.DeadlineExceeded} {
			calls := 0
			o := braid.NewOnceValue(func(context.Context) (int, error) { calls++; return 3, boom })
			for range 3 {
				_, err := o.Get(ctx)
				want(t, "the error", err, boom)
			}
			want(t, "calls of the function", calls, 1)
		}
	}},
	{"OnceValue: keeps a panic, with the value and the stack, for those who wait and those who come later", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			calls := 0
			var gate braid.Event
			o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
				calls++
				ok(t, gate.Wait(ctx))
				panic("no such table")
			})
			get := func(ctx context.Context) (err error) {
				defer func() {
					pe, is := recover().(*braid.PanicError)
					if !is || pe.Value != "no such table" || len(pe.Stack) == 0 {
						t.Errorf("panicked with %v", pe)
					}
				}()
				_, err = o.Get(ctx)
				return err
			}
			all := []*call{begin(g, get), begin(g, get)}
			until(t, ctx, "one waits", func() bool { return o.Statistics().Waiting == 1 })
			gate.Set()
			for _, c := range all {
				c.succeeds(t, ctx, "a Get")
			}
			ok(t, get(ctx))
			want(t, "calls of the function", calls, 1)
			want(t, "done", o.Statistics(), braid.OnceValueStatistics{Done: true})
		})
	}},
	{"OnceValue: if the runner is cancelled, the next in line runs the function again", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			o := newOnceGate()
			runner := begin(g, o.get)
			until(t, ctx, "it runs", func() bool { return o.gate.Statistics().Waiting == 1 })
			var calls []*call
			for i := range 3 {
				calls = append(calls, begin(g, o.get))
				until(t, ctx, "one more waits", func() bool { return o.Statistics().Waiting == i+1 })
			}
			runner.h.Cancel(errStop)
			runner.fails(t, ctx, "the runner", errStop)
			until(t, ctx, "the next runs", func() bool { return o.gate.Statistics().Waiting == 1 && o.Statistics().Waiting == 2 })
			calls[0].h.Cancel(errStop) // it was the first in line, so it is the one that runs now
			calls[0].fails(t, ctx, "the second runner", errStop)
			until(t, ctx, "the third runs", func() bool { return o.gate.Statistics().Waiting == 1 && o.Statistics().Waiting == 1 })
			o.gate.Set()
			calls[1].succeeds(t, ctx, "the third runner")
			calls[2].succeeds(t, ctx, "the last")
			want(t, "calls of the function", o.calls, 3)
			want(t, "done", o.Statistics(), braid.OnceValueStatistics{Done: true})
		})
	}},
	{"OnceValue: whoever comes later does not overtake the next in line", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var o *braid.OnceValue[int]
			var order []int
			var gate braid.Event
			var late *call
			get := func(i int) func(ctx context.Context) error {
				return func(ctx context.Context) error {
					_, err := o.Get(context.WithValue(ctx, valueKey{}, i))
					return err
				}
			}
			o = braid.NewOnceValue(func(ctx context.Context) (int, error) {
				i, _ := ctx.Value(valueKey{}).(int)
				order = append(order, i)
				err := gate.Wait(ctx)
				if i == 0 { // a newcomer that is ready before the next in line is woken
					late = begin(g, get(2))
				}
				return i, err
			})
			runner := begin(g, get(0))
			until(t, ctx, "it runs", func() bool { return gate.Statistics().Waiting == 1 })
			next := begin(g, get(1))
			until(t, ctx, "one waits", func() bool { return o.Statistics().Waiting == 1 })
			runner.h.Cancel(errStop)
			runner.fails(t, ctx, "the runner", errStop)
			until(t, ctx, "the next runs", func() bool { return gate.Statistics().Waiting == 1 && o.Statistics().Waiting == 1 })
			gate.Set()
			next.succeeds(t, ctx, "the next in line")
			late.succeeds(t, ctx, "the newcomer")
			wantList(t, "the order of runners", order, 0, 1)
		})
	}},
	{"OnceValue: the next in line that is cancelled in the same moment lets the one behind it run", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			o := newOnceGate()
			runner := begin(g, func(ctx context.Context) error {
				_, err := o.Get(ctx)
				return err
			})
			until(t, ctx, "it runs", func() bool { return o.gate.Statistics().Waiting == 1 })
			next := begin(g, o.get)
			until(t, ctx, "one waits", func() bool { return o.Statistics().Waiting == 1 })
			last := begin(g, o.get)
			until(t, ctx, "two wait", func() bool { return o.Statistics().Waiting == 2 })
			runner.h.Cancel(errStop)
			next.h.Cancel(errStop)
			runner.fails(t, ctx, "the runner", errStop)
			next.fails(t, ctx, "the next", errStop)
			until(t, ctx, "the last runs", func() bool { return o.gate.Statistics().Waiting == 1 })
			o.gate.Set()
			last.succeeds(t, ctx, "the last")
		})
	}},
	{"OnceValue: a runner that calls Goexit leaves no result, and the next in line runs", func(t *testing.T, ctx context.Context) {
		first := true
		var gate braid.Event
		o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
			if first {
				first = false
				ok(t, gate.Wait(ctx))
				goexit()
			}
			return 5, nil
		})
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { _, err := o.Get(ctx); return err })
			until(t, ctx, "it runs", func() bool { return gate.Statistics().Waiting == 1 })
			next := begin(g, func(ctx context.Context) error {
				v, err := o.Get(ctx)
				want(t, "the value", v, 5)
				return err
			})
			until(t, ctx, "one waits", func() bool { return o.Statistics().Waiting == 1 })
			gate.Set()
			next.succeeds(t, ctx, "the next")
			return nil
		}, braid.KeepGoing())
		if !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("the scope: %v", err)
		}
	}},
	{"OnceValue: a Get inside its own function is an error, not a hang", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, _ *braid.Group) {
			var o *braid.OnceValue[int]
			o = braid.NewOnceValue(func(ctx context.Context) (int, error) { return o.Get(ctx) })
			if _, err := o.Get(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("Get: %v", err)
			}
		})
	}},
	{"OnceValue: needs a function, and says so", func(t *testing.T, _ context.Context) {
		panics(t, "NewOnceValue(nil)", func() { braid.NewOnceValue[int](nil) }, "needs a function", "nil")
	}},
	{"OnceValue: a storm of cancelled runners still ends with one value for all", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			running := 0
			o := braid.NewOnceValue(func(ctx context.Context) (int, error) {
				if running++; running > 1 {
					t.Error("two run the function at a time")
				}
				defer func() { running-- }()
				for range 6 {
					if err := braid.Yield(ctx); err != nil {
						return 0, err
					}
				}
				return 9, nil
			})
			storm(t, ctx, g, 8, 10, func(ctx context.Context, _ int) error { _, err := o.Get(ctx); return err })
			v, err := o.Get(ctx)
			ok(t, err)
			want(t, "the value", v, 9)
			want(t, "afterwards", o.Statistics(), braid.OnceValueStatistics{Done: true})
		})
	}},
}
