package loop

import (
	"slices"
	"sync"
	"testing"

	"github.com/braid-go/braid/braidtest"
)

func TestReadyQueueIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	var q queue
	if !q.empty() || q.take() != nil {
		t.Error("a new queue is not empty")
	}
	var want, got []*entry
	for range 1000 {
		e := &entry{}
		want = append(want, e)
		if q.push(e) {
			t.Error("push asks for a wake-up of a loop that is awake")
		}
	}
	for e := q.take(); e != nil; e = e.next {
		got = append(got, e)
	}
	if !slices.Equal(got, want) {
		t.Error("the order is lost")
	}
	if !q.empty() {
		t.Error("something is left")
	}
}

// One push, and no other, wakes a loop that sleeps; a loop with something to do does not sleep.
func TestReadyQueueWakesASleepingLoopOnce(t *testing.T) {
	t.Parallel()
	var q queue
	if !q.sleep() {
		t.Fatal("an empty queue does not let the loop sleep")
	}
	first, second := &entry{}, &entry{}
	if !q.push(first) || q.push(second) {
		t.Error("it is not the first push that wakes")
	}
	q.awake()
	if q.sleep() {
		t.Error("the loop sleeps though something is ready")
	}
	if e := q.take(); e != first || e.next != second || second.next != nil {
		t.Error("what woke the loop is not first, or the mark of the sleeping loop is among the entries")
	}
	if q.poke() {
		t.Error("poke wakes a loop that is awake")
	}
	if !q.sleep() || !q.poke() || q.poke() {
		t.Error("poke does not wake a sleeping loop, or does it twice")
	}
}

// Against a slow reference: what each of several goroutines pushed comes out in its order, all of it, whatever the loop does meanwhile.
func TestReadyQueueLosesNothingUnderContention(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	const pushers, each = 8, 5_000
	var q queue
	type numbered struct {
		entry
		from, n int
	}
	byEntry := make(map[*entry]*numbered, pushers*each)
	items := [pushers][each]numbered{}
	for p := range items {
		for i := range items[p] {
			it := &items[p][i]
			it.from, it.n = p, i
			byEntry[&it.entry] = it
		}
	}
	woken := make(chan struct{}, 1)
	var wg sync.WaitGroup
	for p := range items {
		wg.Go(func() {
			for i := range items[p] {
				if q.push(&items[p][i].entry) {
					woken <- struct{}{} // never blocks: there is one for each sleep
				}
			}
		})
	}
	var next [pushers]int
	for seen := 0; seen < pushers*each; {
		if q.sleep() {
			<-woken
			q.awake()
		}
		for e := q.take(); e != nil; e = e.next {
			it := byEntry[e]
			if it == nil || next[it.from] != it.n {
				t.Fatalf("goroutine %d: entry %d comes, where %d is next", it.from, it.n, next[it.from])
			}
			next[it.from]++
			seen++
		}
	}
	wg.Wait()
	if !q.empty() {
		t.Error("something is left")
	}
}
