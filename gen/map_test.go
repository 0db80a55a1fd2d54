package gen_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

type mapping func(ctx context.Context, src iter.Seq2[int, error], n int, fn func(context.Context, int) (int, error)) iter.Seq2[int, error]

func mapCases() (list []testCase) {
	for _, k := range []mapKind{{"Map", true, gen.Map[int, int]}, {"MapUnordered", false, gen.MapUnordered[int, int]}} {
		for what, run := range map[string]func(t *testing.T, ctx context.Context){
			"at most n run, and in the end all have":             k.bounded,
			"reads no further than n calls and n results":        k.readsNoFurther,
			"a loop that is slow holds back the source":          k.holdsBack,
			"a failure ends it, and what runs is joined":         k.failure,
			"a failure makes no more calls begin":                k.failureStops,
			"a panic of fn comes out of the loop":                k.panics,
			"Goexit in fn is an error":                           k.goexit,
			"results are complete whatever the calls take":       k.complete,
			"few elements need few workers":                      k.few,
			"calls that run when the loop is left are joined":    k.breakJoins,
			"a call's cleanup that fails after that is reported": k.lateFailure,
			"nests": k.nests,
			"arguments": func(t *testing.T, ctx context.Context) {
				panics(t, "n = 0", func() { k.of(ctx, naturals(), 0, same) }, k.name+" with n = 0")
				panics(t, "no function", func() { k.of(ctx, naturals(), 1, nil) }, k.name)
				panics(t, "no source", func() { k.of(ctx, nil, 1, same) }, k.name)
			},
		} {
			list = append(list, testCase{k.name + ": " + what, run})
		}
	}
	return append(list,
		testCase{"Map: an early element that is slow holds back the results, not the calls", func(t *testing.T, ctx context.Context) {
			var first braid.Event
			var calls atomic.Int32
			var got []int
			for v, err := range gen.Map(ctx, gen.Values(upTo(8)), 4, func(ctx context.Context, v int) (int, error) {
				if v == 0 {
					return v, first.Wait(ctx)
				}
				if calls.Add(1) == 7 {
					first.Set()
				}
				return v, nil
			}) {
				want(t, "err", err, nil)
				got = append(got, v)
			}
			wantList(t, "values", got, numbers(8)...)
		}},
		testCase{"Map: results before a failure are passed on, those behind are not", func(t *testing.T, ctx context.Context) {
			got, err := collect(t, gen.Map(ctx, naturals(), 4, func(_ context.Context, v int) (int, error) {
				if v == 13 {
					return 0, errBoom
				}
				return v, nil
			}))
			wantList(t, "values", got, numbers(13)...)
			taskError(t, err, "#13", errBoom)
		}},
		testCase{"MapUnordered: a slow element holds up nobody", func(t *testing.T, ctx context.Context) {
			var rest braid.Event
			var got []int
			for v, err := range gen.MapUnordered(ctx, gen.Values(upTo(6)), 2, func(ctx context.Context, v int) (int, error) {
				if v == 0 {
					return v, rest.Wait(ctx)
				}
				return v, nil
			}) {
				want(t, "err", err, nil)
				if got = append(got, v); len(got) == 5 {
					rest.Set()
				}
			}
			want(t, "the last", got[5], 0)
		}},
	)
}

type mapKind struct {
	name    string
	ordered bool
	of      mapping
}

func (k mapKind) bounded(t *testing.T, ctx context.Context) {
	for _, n := range []int{1, 2, 7} {
		var in, peak, calls atomic.Int32
		got, err := collect(t, k.of(ctx, gen.Values(upTo(30)), n, func(ctx context.Context, v int) (int, error) {
			defer in.Add(-1)
			if now := in.Add(1); now > peak.Load() {
				peak.Store(now)
			}
			calls.Add(1)
			return 2 * v, braid.Yield(ctx)
		}))
		want(t, "err", err, nil)
		want(t, "values", len(got), 30)
		want(t, "calls", calls.Load(), 30)
		if p := int(peak.Load()); p > n {
			t.Errorf("%d ran at a time with n = %d", p, n)
		}
	}
}

func (k mapKind) readsNoFurther(t *testing.T, ctx context.Context) {
	const n = 3
	var read, calls atomic.Int32
	var gate braid.Event
	src := gen.Values(func(yield func(int) bool) {
		for i := range 40 {
			if read.Add(1); !yield(i) {
				return
			}
		}
	})
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		h := g.Go(func(ctx context.Context) error {
			got, err := braid.Collect(k.of(ctx, src, n, func(ctx context.Context, v int) (int, error) {
				calls.Add(1)
				return v, gate.Wait(ctx)
			}))
			want(t, "values", len(got), 40)
			return err
		})
		until(t, ctx, "n calls wait", func() bool { return gate.Statistics().Waiting == n })
		for range 10 {
			pass(ctx)
		}
		want(t, "calls", calls.Load(), n)
		if r := read.Load(); r > 2*n+1 {
			t.Errorf("%d elements were read", r)
		}
		gate.Set()
		want(t, "err", h.Wait(ctx), nil)
	})
}

func (k mapKind) holdsBack(t *testing.T, ctx context.Context) {
	const n = 2
	s := source{n: 30}
	taken := 0
	for range k.of(ctx, s.stream(ctx, 0), n, same) {
		taken++
		pass(ctx)
		if e := int(s.emitted.Load()); e > taken+2*n+1 {
			t.Errorf("%d elements were emitted when %d results were taken", e, taken)
		}
	}
	want(t, "taken", taken, 30)
}

func (k mapKind) failure(t *testing.T, ctx context.Context) {
	var running atomic.Int32
	s := source{n: 100}
	_, err := collect(t, k.of(ctx, s.stream(ctx, 1), 3, func(ctx context.Context, v int) (int, error) {
		defer running.Add(-1)
		running.Add(1)
		switch {
		case v == 5:
			return 0, errBoom
		case v > 5:
			return 0, never(ctx)
		}
		return v, nil
	}))
	taskError(t, err, "#5", errBoom)
	want(t, "running", running.Load(), 0)
	s.gone(t)
}

func (k mapKind) failureStops(t *testing.T, ctx context.Context) {
	var calls atomic.Int32
	_, err := collect(t, k.of(ctx, naturals(), 1, func(_ context.Context, v int) (int, error) {
		calls.Add(1)
		if v == 3 {
			return 0, errBoom
		}
		return v, nil
	}))
	isErr(t, "err", err, errBoom)
	want(t, "calls", calls.Load(), 4)
}

func (k mapKind) panics(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		s := source{n: 5, last: never}
		pe := taskPanic(t, func() {
			for range k.of(ctx, s.stream(ctx, 1), 2, func(_ context.Context, v int) (int, error) {
				if v == 3 {
					panic("ouch")
				}
				return v, nil
			}) {
			}
		})
		want(t, "value", pe.Value, any("ouch"))
		s.gone(t)
	})
}

func (k mapKind) goexit(t *testing.T, ctx context.Context) {
	s := source{n: 5, last: never}
	_, err := collect(t, k.of(ctx, s.stream(ctx, 1), 2, func(_ context.Context, v int) (int, error) {
		if v == 3 {
			runtime.Goexit()
		}
		return v, nil
	}))
	isErr(t, "err", err, braid.ErrGoexit)
	s.gone(t)
}

func (k mapKind) complete(t *testing.T, ctx context.Context) {
	for n := range 5 {
		const size = 120
		rng := rand.New(rand.NewPCG(uint64(n), 2))
		lengths := make([]int, size)
		for i := range lengths {
			lengths[i] = rng.IntN(5)
		}
		var got []int
		for v, err := range k.of(ctx, gen.Values(upTo(size)), n+1, func(ctx context.Context, v int) (int, error) {
			for range lengths[v] {
				if err := braid.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return v, nil
		}) {
			want(t, "err", err, nil)
			got = append(got, v)
			for range rng.IntN(3) {
				_ = braid.Yield(ctx)
			}
		}
		if !k.ordered {
			slices.Sort(got)
		}
		wantList(t, fmt.Sprintf("values with n = %d", n+1), got, numbers(size)...)
	}
}

func (k mapKind) few(t *testing.T, ctx context.Context) {
	workers := map[*braid.Handle]bool{}
	for range k.of(ctx, gen.Values(upTo(2)), 1000, func(ctx context.Context, v int) (int, error) {
		return v, nil
	}) {
	}
	var m braid.Mutex
	_, err := collect(t, k.of(ctx, gen.Values(upTo(3)), 100, func(ctx context.Context, v int) (int, error) {
		if err := m.Lock(ctx); err != nil {
			return 0, err
		}
		defer m.Unlock()
		workers[braid.Current(ctx)] = true
		return v, nil
	}))
	want(t, "err", err, nil)
	if len(workers) > 3 {
		t.Errorf("%d workers for 3 elements", len(workers))
	}
}

func (k mapKind) breakJoins(t *testing.T, ctx context.Context) {
	var running atomic.Int32
	for range k.of(ctx, naturals(), 3, func(ctx context.Context, v int) (int, error) {
		defer running.Add(-1)
		running.Add(1)
		if v > 0 {
			return 0, never(ctx)
		}
		return v, nil
	}) {
		pass(ctx)
		break
	}
	want(t, "running", running.Load(), 0)
}

func (k mapKind) lateFailure(t *testing.T, ctx context.Context) {
	late := lateFailures(ctx, func(ctx context.Context) {
		var begun braid.Event
		for range k.of(ctx, naturals(), 2, func(ctx context.Context, v int) (int, error) {
			if v == 0 {
				return v, nil
			}
			begun.Set()
			_ = never(ctx)
			return 0, errBoom
		}) {
			_ = begun.Wait(ctx)
			break
		}
	})
	want(t, "reports", len(late), 1)
	for _, err := range late {
		isErr(t, "report", err, errBoom)
	}
}

func (k mapKind) nests(t *testing.T, ctx context.Context) {
	sum := 0
	for v, err := range k.of(ctx, gen.Values(upTo(5)), 2, func(ctx context.Context, v int) (int, error) {
		return gen.Reduce(k.of(ctx, gen.Values(upTo(v)), 2, same), 0, func(sum, v int) (int, error) { return sum + v, nil })
	}) {
		want(t, "err", err, nil)
		sum += v
	}
	want(t, "sum", sum, 0+0+1+3+6)
}

// FuzzMap runs Map with random lengths of calls, random failures and a loop that leaves at random, beside a plain loop.
func FuzzMap(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(20), uint8(9), uint8(255))
	f.Add(uint64(2), uint8(1), uint8(5), uint8(255), uint8(2))
	f.Add(uint64(3), uint8(8), uint8(100), uint8(255), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, n, size, failAt, leaveAt uint8) {
		checkMap(t, seed, int(n%16)+1, int(size), int(failAt), int(leaveAt))
	})
}

func checkMap(t *testing.T, seed uint64, n, size, failAt, leaveAt int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	yieldings := make([]int, size)
	for i := range yieldings {
		yieldings[i] = rng.IntN(4)
	}
	var got []int
	var last error
	for v, err := range gen.Map(t.Context(), gen.Values(upTo(size)), n, func(ctx context.Context, v int) (int, error) {
		for range yieldings[v] {
			runtime.Gosched()
		}
		if v == failAt {
			return 0, errBoom
		}
		return v, nil
	}) {
		if err != nil {
			last = err
			continue
		}
		if got = append(got, v); len(got) == leaveAt {
			break
		}
	}
	expected := numbers(min(size, failAt, max(leaveAt, 1)))
	if leaveAt == 0 {
		expected = numbers(min(size, failAt))
	}
	wantList(t, "values", got, expected...)
	if fails := failAt < size && (leaveAt == 0 || failAt < leaveAt); fails != errors.Is(last, errBoom) {
		t.Errorf("the error is %v, expected: %t", last, fails)
	}
}
