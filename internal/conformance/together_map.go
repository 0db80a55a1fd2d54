package conformance

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

func double(_ context.Context, i int) (int, error) { return 2 * i, nil }

var mapCases = []testCase{
	{"Map: results are in the order of the input, whichever call ends first", func(t *testing.T, ctx context.Context) {
		gates := make([]braid.Event, 4)
		got, err := braid.Collect(braid.Map(ctx, numbers(3), 3, func(ctx context.Context, i int) (int, error) {
			defer gates[i].Set()
			if i == 2 {
				return i, nil
			}
			return i, gates[i+1].Wait(ctx) // the last is the first to end
		}))
		ok(t, err)
		wantList(t, "results", got, 0, 1, 2)
	}},
	{"MapUnordered: results come as they are ready", func(t *testing.T, ctx context.Context) {
		gates := make([]braid.Event, 3)
		order := []int{2, 0, 1}
		gates[order[0]].Set()
		var got []int
		for v, err := range braid.MapUnordered(ctx, numbers(3), 3, func(ctx context.Context, i int) (int, error) { return i, gates[i].Wait(ctx) }) {
			ok(t, err)
			if got = append(got, v); len(got) < 3 {
				gates[order[len(got)]].Set()
			}
		}
		wantList(t, "results", got, order...)
	}},
	{"Map: a failure stands in its place, is named, and cancels nobody", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		i := 0
		for v, err := range braid.Map(ctx, numbers(6), 2, func(ctx context.Context, i int) (int, error) {
			if i%3 == 1 {
				return 99, boom
			}
			return i, braid.Yield(ctx)
		}) {
			if i%3 == 1 {
				wantTask(t, err, "map", []string{"0", "1", "2", "3", "4"}[i], boom)
				want(t, "the value of the failure", v, 0)
			} else {
				ok(t, err)
				want(t, "the value", v, i)
			}
			i++
		}
		want(t, "results", i, 6)
	}},
	{"MapUnordered: a failure is named after its place in the input, and cancels nobody", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		sum, failures := 0, 0
		for v, err := range braid.MapUnordered(ctx, numbers(5), 2, func(ctx context.Context, i int) (int, error) {
			if i == 3 {
				return 99, boom
			}
			return i, braid.Yield(ctx)
		}) {
			if err != nil {
				wantTask(t, err, "map", "3", boom)
				failures++
			}
			sum += v
		}
		want(t, "the sum", sum, 0+1+2+4)
		want(t, "failures", failures, 1)
	}},
}

// mapKind is Map or MapUnordered.
type mapKind struct {
	name    string
	ordered bool
	run     func(context.Context, iter.Seq[int], int, func(context.Context, int) (int, error)) iter.Seq2[int, error]
}

// mapBothCases returns what holds for both kinds of Map.
func mapBothCases() []testCase {
	var all []testCase
	for _, k := range []mapKind{{"Map", true, braid.Map[int, int]}, {"MapUnordered", false, braid.MapUnordered[int, int]}} {
		all = append(all,
			testCase{k.name + ": n calls run at a time, and never more", k.bound},
			testCase{k.name + ": seq is read no further than needed while the first call takes its time", k.readsNoFurther},
			testCase{k.name + ": seq is read no further than needed while the loop takes its time", k.loopHoldsBack},
			testCase{k.name + ": break stops reading seq, which has returned when the loop is left", k.breakStopsReading},
			testCase{k.name + ": the end of ctx stops reading seq", k.ctxStopsReading},
			testCase{k.name + ": a panic in seq joins the calls and comes out of the loop statement", k.seqPanics},
			testCase{k.name + ": Goexit in seq is an error at the end, never a hang", k.seqGoexit},
			testCase{k.name + ": Goexit in a call is a failure, never a hang", k.callGoexit},
			testCase{k.name + ": n below one panics at once, and so does what is missing", k.noWorkers},
			testCase{k.name + ": of an empty seq ends at once", k.empty},
			testCase{k.name + ": every result comes once, whoever is slow", k.complete},
			testCase{k.name + ": seq may wait, as a queue does", k.overQueue},
			testCase{k.name + ": nests", k.nests},
		)
	}
	return all
}

func (k mapKind) bound(t *testing.T, ctx context.Context) {
	const n = 3
	var running atomic.Int32
	meet := braid.NewBarrier(n) // so that n are reached
	got, err := braid.Collect(k.run(ctx, numbers(8*n), n, func(ctx context.Context, i int) (int, error) {
		now := running.Add(1)
		defer running.Add(-1)
		if now > n {
			t.Errorf("%d calls run", now)
		}
		_, err := meet.Wait(ctx)
		return i, err
	}))
	ok(t, err)
	want(t, "results", len(got), 8*n)
}

// counted is ints that counts what is read.
func counted(n int, read *atomic.Int32) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			read.Add(1)
			if !yield(i) {
				return
			}
		}
	}
}

func (k mapKind) readsNoFurther(t *testing.T, ctx context.Context) {
	const n = 2
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		var read, calls atomic.Int32
		var gate braid.Event
		c := begin(g, func(ctx context.Context) error {
			got, err := braid.Collect(k.run(ctx, counted(40, &read), n, func(ctx context.Context, i int) (int, error) {
				calls.Add(1)
				if !k.ordered || i == 0 {
					return i, gate.Wait(ctx)
				}
				return i, nil
			}))
			want(t, "results", len(got), 40)
			return err
		})
		until(t, ctx, "a call waits", func() bool { return gate.Statistics().Waiting > 0 })
		for range 20 {
			pass(ctx)
		}
		// n run, n results wait, and the feeder may have one element in hand.
		if r := read.Load(); r > 2*n+1 {
			t.Errorf("%d elements were read", r)
		}
		if c := calls.Load(); c > 2*n {
			t.Errorf("%d calls were made", c)
		}
		gate.Set()
		c.succeeds(t, ctx, "the loop")
		want(t, "read in the end", read.Load(), 40)
	})
}

func (k mapKind) loopHoldsBack(t *testing.T, ctx context.Context) {
	const n = 2
	var read atomic.Int32
	seq := k.run(ctx, counted(30, &read), n, double)
	pass(ctx)
	want(t, "read before the loop", read.Load(), 0)
	taken := int32(0)
	for _, err := range seq {
		ok(t, err)
		taken++
		pass(ctx)
		if r := read.Load(); r > taken+2*n+1 {
			t.Errorf("%d elements were read when %d results were taken", r, taken)
		}
	}
	want(t, "taken", taken, 30)
}

func (k mapKind) breakStopsReading(t *testing.T, ctx context.Context) {
	var read atomic.Int32
	var cleaned, tooLate atomic.Bool
	numbers := func(yield func(int) bool) { // endless
		defer cleaned.Store(true)
		defer pass(ctx)
		for yield(int(read.Add(1))) {
			if tooLate.Load() {
				t.Error("seq is read when the loop has been left")
			}
		}
	}
	n := 0
	for _, err := range k.run(ctx, numbers, 3, double) {
		ok(t, err)
		if n++; n == 5 {
			break
		}
	}
	tooLate.Store(true)
	want(t, "seq has returned", cleaned.Load(), true)
	if r := read.Load(); r > 5+2*3+1 {
		t.Errorf("%d elements were read", r)
	}
}

func (k mapKind) ctxStopsReading(t *testing.T, ctx context.Context) {
	below, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var cleaned atomic.Bool
	numbers := func(yield func(int) bool) { // endless
		defer cleaned.Store(true)
		for i := 0; yield(i); i++ {
		}
	}
	var last error
	n := 0
	for _, err := range k.run(below, numbers, 2, double) {
		if n++; n == 3 {
			cancel(errStop)
		}
		if err != nil {
			want(t, "seq has returned", cleaned.Load(), true)
			last = err
		}
	}
	want(t, "the last error", last, errStop)
}

func (k mapKind) seqPanics(t *testing.T, ctx context.Context) {
	quietly(t, ctx, func(ctx context.Context) {
		var h hanger
		seq := func(yield func(int) bool) {
			yield(1)
			_ = h.begun.Wait(ctx)
			panic("ouch")
		}
		pe := caughtPanic(t, func() {
			for v, err := range k.run(ctx, seq, 2, func(ctx context.Context, _ int) (int, error) { return h.runInt(ctx) }) {
				if err == nil {
					t.Errorf("there is a result: %d", v)
				}
			}
		})
		h.joined(t, "the call")
		want(t, "the value", pe.Value, any("ouch"))
	})
}

func (k mapKind) seqGoexit(t *testing.T, ctx context.Context) {
	var h hanger
	seq := func(yield func(int) bool) {
		yield(1)
		_ = h.begun.Wait(ctx)
		goexit()
	}
	var last error
	for v, err := range k.run(ctx, seq, 2, func(ctx context.Context, _ int) (int, error) { return h.runInt(ctx) }) {
		if last = err; err == nil {
			t.Errorf("there is a result: %d", v)
		}
	}
	h.joined(t, "the call")
	if !errors.Is(last, braid.ErrGoexit) {
		t.Errorf("the last error is %v", last)
	}
}

func (k mapKind) callGoexit(t *testing.T, ctx context.Context) {
	failures, sum := 0, 0
	for v, err := range k.run(ctx, numbers(5), 1, func(_ context.Context, i int) (int, error) {
		if i == 2 {
			goexit()
		}
		return i, nil
	}) {
		if sum += v; err != nil {
			failures++
			wantTask(t, err, "map", "2", braid.ErrGoexit)
		}
	}
	want(t, "failures", failures, 1)
	want(t, "the sum", sum, 0+1+3+4)
}

func (k mapKind) noWorkers(t *testing.T, ctx context.Context) {
	panics(t, "zero", func() { k.run(ctx, numbers(1), 0, double) }, k.name+" with n = 0", "at least one")
	panics(t, "below zero", func() { k.run(ctx, numbers(1), -1, double) }, k.name+" with n = -1", "at least one")
	panics(t, "no sequence", func() { k.run(ctx, nil, 1, double) }, k.name+" needs a sequence", "nil")
	panics(t, "no function", func() { k.run(ctx, numbers(1), 1, nil) }, k.name+" needs", "a function", "nil")
}

func (k mapKind) empty(t *testing.T, ctx context.Context) {
	for range k.run(ctx, numbers(0), 2, double) {
		t.Error("there is a result")
	}
}

func (k mapKind) complete(t *testing.T, ctx context.Context) {
	const size = 60
	for n := range 4 {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		lengths := make([]int, size)
		for i := range lengths {
			lengths[i] = rng.IntN(6)
		}
		var got []int
		for v, err := range k.run(ctx, numbers(size), n+1, func(ctx context.Context, i int) (int, error) {
			for range lengths[i] {
				if err := braid.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return i, nil
		}) {
			ok(t, err)
			got = append(got, v)
			for range rng.IntN(3) {
				_ = braid.Yield(ctx)
			}
		}
		if !k.ordered {
			slices.Sort(got)
		}
		wantList(t, "results", got, slices.Collect(numbers(size))...)
	}
}

func (k mapKind) overQueue(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		q := braid.NewQueue[int](0)
		g.Go(func(ctx context.Context) error {
			defer q.Shutdown(braid.Drain)
			for i := range 10 {
				if err := q.Put(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
		items := func(yield func(int) bool) {
			for v, err := range q.All(ctx) {
				if ok(t, err); err != nil || !yield(v) {
					return
				}
			}
		}
		got, err := braid.Collect(k.run(ctx, items, 3, double))
		ok(t, err)
		slices.Sort(got)
		wantList(t, "results", got, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18)
	})
}

func (k mapKind) nests(t *testing.T, ctx context.Context) {
	sum := 0
	for v, err := range k.run(ctx, numbers(4), 2, func(ctx context.Context, i int) (int, error) {
		inner, err := braid.Collect(k.run(ctx, numbers(i), 2, double))
		return len(inner), err
	}) {
		ok(t, err)
		sum += v
	}
	want(t, "the sum", sum, 0+1+2+3)
}
