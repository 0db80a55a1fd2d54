package resilience

import "time"

// window counts calls over the last stretch of time, in a ring of buckets.
//
// Time is an offset on the clock of its owner, who also locks it. A bucket that has slid out is forgotten as a whole,
// so a count covers between buckets-1 and buckets times width.
//
// The clock may jump. Forwards, the window empties. Backwards by less than the window, calls count in the newest bucket
// until the clock is there again, for such a step is most often two calls that got the lock in the other order.
// Backwards by more, the window starts anew.
type window struct {
	buckets []counts
	width   time.Duration
	start   time.Duration // of the newest bucket
	newest  int
	sum     counts // of all buckets
}

type counts struct{ calls, failures, slow int }

func newWindow(length time.Duration, buckets int) window {
	return window{buckets: make([]counts, buckets), width: max(length/time.Duration(buckets), 1)}
}

// add counts a call that ended at t.
func (w *window) add(t time.Duration, failed, slow bool) {
	if t < w.start || t-w.start >= w.width {
		w.slide(t)
	}
	b := &w.buckets[w.newest]
	b.calls++
	w.sum.calls++
	if failed {
		b.failures++
		w.sum.failures++
	}
	if slow {
		b.slow++
		w.sum.slow++
	}
}

// slide makes the newest bucket the one that t is in.
func (w *window) slide(t time.Duration) {
	n := len(w.buckets)
	if t < w.start {
		if w.start-t >= w.width*time.Duration(n) {
			w.clear(t)
		}
		return
	}
	steps := int64(t-w.start) / int64(w.width)
	if steps >= int64(n) {
		w.clear(t)
		return
	}
	for range steps {
		w.newest = (w.newest + 1) % n
		gone := &w.buckets[w.newest]
		w.sum.calls -= gone.calls
		w.sum.failures -= gone.failures
		w.sum.slow -= gone.slow
		*gone = counts{}
	}
	w.start += w.width * time.Duration(steps)
}

// clear forgets everything and begins at t.
func (w *window) clear(t time.Duration) {
	clear(w.buckets)
	w.newest, w.start, w.sum = 0, t, counts{}
}
