package conformance

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

var completedCases = []testCase{
	{"AsCompleted: results come in the order in which the functions end", func(t *testing.T, ctx context.Context) {
		gates := make([]braid.Event, 3)
		fn := func(i int) intFunc {
			return func(ctx context.Context) (int, error) { return i, gates[i].Wait(ctx) }
		}
		order := []int{1, 2, 0}
		gates[order[0]].Set()
		var got []int
		for v, err := range braid.AsCompleted(ctx, fn(0), fn(1), fn(2)) {
			ok(t, err)
			got = append(got, v)
			if len(got) < 3 {
				gates[order[len(got)]].Set()
			}
		}
		wantList(t, "results", got, order...)
	}},
	{"AsCompleted: a failure is yielded, named, and cancels nobody", func(t *testing.T, ctx context.Context) {
		var gate braid.Event
		boom := errors.New("boom")
		n := 0
		for v, err := range braid.AsCompleted(ctx,
			func(ctx context.Context) (int, error) { return 1, gate.Wait(ctx) },
			func(context.Context) (int, error) { return 2, boom },
		) {
			if n++; n == 1 {
				wantTask(t, err, "completed", "1", boom)
				want(t, "the value of the failure", v, 0)
				pass(ctx)
				gate.Set()
				continue
			}
			ok(t, err)
			want(t, "the value", v, 1)
		}
		want(t, "results", n, 2)
	}},
	{"AsCompleted: Goexit of one function is a failure, never a hang", func(t *testing.T, ctx context.Context) {
		n := 0
		for v, err := range braid.AsCompleted(ctx, func(context.Context) (int, error) { goexit(); return 1, nil }, returns(2)) {
			if n++; err != nil {
				wantTask(t, err, "completed", "0", braid.ErrGoexit)
			} else {
				want(t, "the other's value", v, 2)
			}
		}
		want(t, "results", n, 2)
	}},
	{"AsCompleted: the functions start when the loop does, and anew with each loop", func(t *testing.T, ctx context.Context) {
		var calls atomic.Int32
		seq := braid.AsCompleted(ctx, func(context.Context) (int32, error) { return calls.Add(1), nil })
		pass(ctx)
		want(t, "calls before the loop", calls.Load(), 0)
		for i := range int32(2) {
			got, err := braid.Collect(seq)
			ok(t, err)
			wantList(t, "results", got, i+1)
		}
	}},
	{"AsCompleted: of no functions ends at once", func(t *testing.T, ctx context.Context) {
		for range braid.AsCompleted[int](ctx) {
			t.Error("there is a result")
		}
	}},
	{"AsCompleted: a nil function panics, says which it is, and joins those before it", func(t *testing.T, ctx context.Context) {
		quietly(t, ctx, func(ctx context.Context) {
			var h hanger
			panics(t, "the loop", func() {
				for range braid.AsCompleted(ctx, h.runInt, nil) {
					t.Error("there is a result")
				}
			}, "function 1", "completed", "nil")
			h.joined(t, "the one before")
		})
	}},
	{"AsCompleted: when ctx ends what failed meanwhile is not mistaken for the cause", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var h hanger
			c := begin(g, func(ctx context.Context) error {
				var last error
				for _, last = range braid.AsCompleted(ctx, func(ctx context.Context) (int, error) { _ = h.run(ctx); return 0, errors.New("boom") }) {
				}
				return last
			})
			h.started(t, ctx)
			c.h.Cancel(errStop)
			want(t, "the last error", c.result(t, ctx), errStop)
		})
	}},
	{"Collect: gathers the values of a stream", func(t *testing.T, ctx context.Context) {
		got, err := braid.Collect(braid.Map(ctx, numbers(4), 2, double))
		ok(t, err)
		wantList(t, "values", got, 0, 2, 4, 6)
		got, err = braid.Collect(braid.Map(ctx, numbers(0), 2, double))
		ok(t, err)
		want(t, "length", len(got), 0)
	}},
	{"Collect: stops at the first error, returns what came before it, and joins the rest", func(t *testing.T, ctx context.Context) {
		var h hanger
		boom := errors.New("boom")
		got, err := braid.Collect(braid.Map(ctx, numbers(100), 3, func(ctx context.Context, i int) (int, error) {
			switch i {
			case 2:
				return h.thenInt(failing[int](boom))(ctx)
			case 3:
				return h.runInt(ctx)
			}
			return double(ctx, i)
		}))
		h.joined(t, "the one behind")
		wantList(t, "values", got, 0, 2)
		wantTask(t, err, "map", "2", boom)
	}},
}

// streamKind is one of the streams that run functions. open runs all fns at the same time.
type streamKind struct {
	name string
	path string // how tasks of the stream are called
	open func(ctx context.Context, fns ...intFunc) iter.Seq2[int, error]
}

// mapped opens a stream with Map or one like it.
func mapped(stream func(context.Context, iter.Seq[intFunc], int, func(context.Context, intFunc) (int, error)) iter.Seq2[int, error],
) func(context.Context, ...intFunc) iter.Seq2[int, error] {
	return func(ctx context.Context, fns ...intFunc) iter.Seq2[int, error] {
		seq := func(yield func(intFunc) bool) {
			for _, fn := range fns {
				if !yield(fn) {
					return
				}
			}
		}
		return stream(ctx, seq, max(1, len(fns)), func(ctx context.Context, fn intFunc) (int, error) { return fn(ctx) })
	}
}

// streamEndCases returns what holds for the end of each stream.
func streamEndCases() []testCase {
	var all []testCase
	for _, k := range []streamKind{
		{"AsCompleted", "completed", braid.AsCompleted[int]},
		{"Map", "map", mapped(braid.Map[intFunc, int])},
		{"MapUnordered", "map", mapped(braid.MapUnordered[intFunc, int])},
	} {
		all = append(all,
			testCase{k.name + ": break cancels the rest and joins it before the loop is left", k.breaks},
			testCase{k.name + ": return in the loop joins the rest before the function is left", k.returns},
			testCase{k.name + ": break at a failure yields nothing more", k.breaksAtFailure},
			testCase{k.name + ": a panic in the loop joins the rest and comes out of the loop statement", k.bodyPanics},
			testCase{k.name + ": a panic in a function cancels and joins the others and comes out of the loop statement", k.functionPanics},
			testCase{k.name + ": Goexit in the loop joins the rest before the goroutine ends", k.bodyGoexit},
			testCase{k.name + ": when ctx ends the rest is joined and the cause is yielded last, once", k.ctxEnds},
			testCase{k.name + ": when ctx ends while the loop works the cause is yielded last", k.ctxEndsInLoop},
			testCase{k.name + ": with a done ctx nothing is called and the cause is all there is", k.ctxFirst},
			testCase{k.name + ": a timeout around the loop is its last error", k.timeout},
		)
	}
	return all
}

func (k streamKind) breaks(t *testing.T, ctx context.Context) {
	var h hanger
	n := 0
	for v, err := range k.open(ctx, h.thenInt(returns(5)), h.runInt) {
		ok(t, err)
		want(t, "the value", v, 5)
		n++
		break
	}
	h.joined(t, "the rest")
	says(t, "the cause that the rest sees", h.cause, "loop over the results has ended")
	want(t, "rounds of the loop", n, 1)
	ok(t, ctx.Err())
}

func (k streamKind) returns(t *testing.T, ctx context.Context) {
	var h hanger
	v := func() int {
		for v, err := range k.open(ctx, h.thenInt(returns(5)), h.runInt) {
			ok(t, err)
			return v
		}
		return 0
	}()
	h.joined(t, "the rest")
	want(t, "the value", v, 5)
}

func (k streamKind) breaksAtFailure(t *testing.T, ctx context.Context) {
	var h hanger
	boom := errors.New("boom")
	for _, err := range k.open(ctx, h.thenInt(failing[int](boom)), func(ctx context.Context) (int, error) { _ = h.run(ctx); return 0, errors.New("late") }) {
		wantTask(t, err, k.path, "0", boom)
		break
	}
	h.joined(t, "the rest")
}

func (k streamKind) bodyPanics(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		pe := caughtPanic(t, func() {
			for range k.open(ctx, h.thenInt(returns(5)), h.runInt) {
				panic("ouch")
			}
		})
		h.joined(t, "the rest")
		want(t, "the value", pe.Value, any("ouch"))
	})
}

func (k streamKind) functionPanics(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		pe := caughtPanic(t, func() {
			for v, err := range k.open(ctx, h.runInt, h.thenInt(func(context.Context) (int, error) { panic("ouch") })) {
				if err == nil {
					t.Errorf("there is a result: %d", v)
				}
			}
		})
		h.joined(t, "the other")
		want(t, "the value", pe.Value, any("ouch"))
	})
}

func (k streamKind) bodyGoexit(t *testing.T, ctx context.Context) {
	var h hanger
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			for range k.open(ctx, h.thenInt(returns(5)), h.runInt) {
				goexit()
			}
			return nil
		})
		return nil
	})
	h.joined(t, "the rest")
	if !errors.Is(err, braid.ErrGoexit) {
		t.Errorf("err = %v", err)
	}
}

func (k streamKind) ctxEnds(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var a, b hanger
		var one braid.Event
		var got []int
		var errs []error
		c := begin(g, func(ctx context.Context) error {
			for v, err := range k.open(ctx, returns(5), a.runInt, b.runInt) {
				if err != nil {
					a.joined(t, "one")
					b.joined(t, "the other")
					errs = append(errs, err)
					continue
				}
				got = append(got, v)
				one.Set()
			}
			return nil
		})
		ok(t, one.Wait(ctx))
		a.started(t, ctx)
		b.started(t, ctx)
		c.h.Cancel(errStop)
		c.succeeds(t, ctx, "the loop")
		wantList(t, "values", got, 5)
		wantList(t, "errors", errs, errStop)
		want(t, "the cause inside", a.cause, errStop)
	})
}

func (k streamKind) ctxEndsInLoop(t *testing.T, ctx context.Context) {
	below, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var h hanger
	var errs []error
	n := 0
	for v, err := range k.open(below, h.thenInt(returns(5)), h.runInt) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n++
		want(t, "the value", v, 5)
		cancel(errStop)
	}
	h.joined(t, "the rest")
	want(t, "values", n, 1)
	wantList(t, "errors", errs, errStop)
}

func (k streamKind) ctxFirst(t *testing.T, ctx context.Context) {
	for _, done := range endedContexts(ctx) {
		var errs []error
		for _, err := range k.open(done, func(context.Context) (int, error) { t.Error("called"); return 0, nil }) {
			errs = append(errs, err)
		}
		wantList(t, "errors", errs, errStop)
	}
}

func (k streamKind) timeout(t *testing.T, ctx context.Context) {
	var h hanger
	err := braid.Timeout(ctx, aMoment, func(ctx context.Context) error {
		_, err := braid.Collect(k.open(ctx, returns(1), h.runInt))
		return err
	})
	if !errors.Is(err, braid.ErrTimeout) {
		t.Errorf("err = %v", err)
	}
	if h.begun.IsSet() {
		h.joined(t, "the function that ran")
	}
}
