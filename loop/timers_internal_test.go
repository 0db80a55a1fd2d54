package loop

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid/braidtest"
)

// slowTimers is what timers must be equal to: a list that is sorted again each time.
type slowTimers struct{ list []slowTimer }

type slowTimer struct {
	when int64
	seq  int
	id   int
}

func (s *slowTimers) add(when int64, seq, id int) {
	s.list = append(s.list, slowTimer{when, seq, id})
	slices.SortStableFunc(s.list, func(a, b slowTimer) int {
		return cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.seq, b.seq))
	})
}

func (s *slowTimers) stop(id int) bool {
	i := slices.IndexFunc(s.list, func(t slowTimer) bool { return t.id == id })
	if i < 0 {
		return false
	}
	s.list = slices.Delete(s.list, i, i+1)
	return true
}

func (s *slowTimers) due(now int64) (ids []int) {
	for len(s.list) > 0 && s.list[0].when <= now {
		ids = append(ids, s.list[0].id)
		s.list = s.list[1:]
	}
	return ids
}

// playTimers does the same with timers and with their slow reference, as told by script.
func playTimers(t *testing.T, script []byte) {
	t.Helper()
	var ts timers
	ts.init()
	var slow slowTimers
	var all []*timer
	ids := map[*timer]int{}
	now := int64(0)
	for i := 0; i+1 < len(script); i += 2 {
		what, arg := script[i], int64(script[i+1])
		switch {
		case what%8 < 4: // several at a time, so that a short script makes a large heap
			for n := range int64(what)/8 + 1 {
				tm, when := &timer{}, now+(arg*(n+1))%97-5
				first := ts.add(when, tm)
				slow.add(when, len(all), len(all))
				ids[tm] = len(all)
				all = append(all, tm)
				// It may come after timers that have been stopped and are still there: the loop wakes too early then, not too late.
				if want := slow.list[0].id == ids[tm]; first != want && (first || ts.next.Load() > when) {
					t.Fatalf("step %d: add says first: %v, the reference %v", i, first, want)
				}
			}
		case what%8 < 7 && len(all) > 0: // from a place on, every third: enough to be swept
			for n := int(arg) * 37 % len(all); n < len(all); n += 3 {
				if got, want := all[n].Stop(), slow.stop(n); got != want {
					t.Fatalf("step %d: Stop of timer %d: %v, the reference says %v", i, n, got, want)
				}
			}
		default:
			now += arg % 50
			var got []int
			for tm := ts.due(now); tm != nil; tm = ts.due(now) {
				got = append(got, ids[tm])
			}
			if want := slow.due(now); !slices.Equal(got, want) {
				t.Fatalf("step %d: due at %d: %v, want %v", i, now, got, want)
			}
		}
		checkTimers(t, &ts, len(slow.list))
	}
}

// checkTimers looks at what timers promise themselves.
func checkTimers(t *testing.T, ts *timers, live int) {
	t.Helper()
	for i := range ts.heap {
		if i > 0 && ts.heap[i].before(&ts.heap[(i-1)/children]) {
			t.Fatalf("slot %d comes before its parent", i)
		}
	}
	want := int64(never)
	if len(ts.heap) > 0 {
		want = ts.heap[0].when
	}
	if got := ts.next.Load(); got != want {
		t.Fatalf("next = %d, the first is due at %d", got, want)
	}
	if got, dead := int(ts.size.Load()), int(ts.dead.Load()); got != len(ts.heap) || got-dead != live {
		t.Fatalf("size = %d with %d dead; the heap has %d, %d of them live", got, dead, len(ts.heap), live)
	}
	if n := len(ts.heap); n >= 2*minSweep && n > 2*live+1 {
		t.Fatalf("%d timers are kept for %d that are live", n, live)
	}
}

func TestTimersEqualASlowReference(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		playTimers(t, script)
	}
}

func FuzzTimers(f *testing.F) {
	f.Add([]byte{0, 1, 0, 1, 7, 30})
	f.Add([]byte{248, 3, 248, 5, 4, 0, 4, 1, 4, 2, 7, 49, 7, 49})
	f.Add([]byte{251, 200, 5, 9, 251, 13, 6, 77, 15, 20, 251, 1, 4, 0, 4, 1, 4, 2, 7, 255})
	f.Fuzz(func(t *testing.T, script []byte) { playTimers(t, script[:min(len(script), 400)]) })
}

// A timer that is stopped while another goroutine takes what is due is either taken or stopped, never both, never neither.
func TestTimersAreStoppedOrDueUnderContention(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	var ts timers
	ts.init()
	const n = 20_000
	all := make([]*timer, n)
	for i := range all {
		all[i] = &timer{}
		ts.add(int64(i), all[i])
	}
	var stopped, due int
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := n - 1; i >= 0; i-- {
			if all[i].Stop() {
				stopped++
			}
		}
	})
	wg.Go(func() {
		for i := range int64(n) {
			for tm := ts.due(i); tm != nil; tm = ts.due(i) {
				due++
			}
		}
	})
	wg.Wait()
	if stopped+due != n {
		t.Errorf("%d were stopped and %d were due, of %d", stopped, due, n)
	}
	checkTimers(t, &ts, 0)
}

func TestATimeFarAwayIsNeverNow(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{never, never - 1, 290 * 365 * 24 * time.Hour} {
		if when := after(time.Hour.Nanoseconds(), d); when < int64(d) {
			t.Errorf("an hour and %v is %d", d, when)
		}
	}
	if when := after(5, -time.Hour); when != 5-int64(time.Hour) {
		t.Errorf("an hour before: %d", when)
	}
}
