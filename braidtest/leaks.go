package braidtest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// CheckLeaks makes the test fail at its end if goroutines that it started are still there. The failure shows their stacks.
//
//	func TestServer(t *testing.T) {
//		t.Parallel()
//		braidtest.CheckLeaks(t)
//		...
//	}
//
// Call it at the start of a test, benchmark or fuzz case, on the goroutine that the testing package runs it on.
// It looks when the function has returned and the cleanups that were registered later have run.
// Goroutines that are about to end get the time to do so: the check waits for up to ten seconds,
// and reports what is there then.
//
// # What it sees
//
// CheckLeaks marks the calling goroutine with a pprof label, which a goroutine inherits from the one that starts it.
// So it sees what the test started, directly or not, and nothing else:
// tests that run in parallel do not see each other's goroutines.
// Goroutines of a subtest count for the subtest if that calls CheckLeaks too, and for the test around it otherwise.
// Other labels stay as they are, and at the end those of the test's goroutine are as they were before.
//
// Around a bubble of testing/synctest call it outside:
//
//	func TestClock(t *testing.T) {
//		braidtest.CheckLeaks(t)
//		synctest.Test(t, func(t *testing.T) { ... })
//	}
//
// Inside a bubble it works too, but there the clock stands still while it waits,
// so a goroutine that would end after a while counts as left.
//
// # What it does not see
//
//   - A goroutine that has replaced its labels, by pprof.SetGoroutineLabels with a context that does not come from
//     a pprof.Do around it; and what that goroutine started.
//   - Goroutines that others started because of the test: by a worker or a server that was there before,
//     or by the runtime, which calls the functions of time.AfterFunc, finalizers and cleanups.
//   - Goroutines that have no end by design and serve the whole process, such as the one of os/signal.
//
// The other way round, what the test was first to need and what is then kept for later counts as left:
// idle connections of http.DefaultClient, for instance. Close them, or start them before CheckLeaks.
func CheckLeaks(t testing.TB) {
	t.Helper()
	checkLeaks(t, 10*time.Second)
}

const (
	// labelKey is the label that a check looks for. An inner check replaces the outer one's value: one test reports a leak.
	labelKey = "braidtest.CheckLeaks"

	// frozenTries is how often a check looks before it takes a clock that stands still for that of a synctest bubble.
	frozenTries = 300
)

var checks atomic.Uint64

func checkLeaks(t testing.TB, limit time.Duration) {
	t.Helper()
	before := ownLabels()
	mine := fmt.Sprintf("%s#%d", t.Name(), checks.Add(1))
	setLabels(append(slices.Clone(before), labelKey, mine))
	t.Cleanup(func() {
		t.Helper()
		setLabels(before)
		if left := await(mine, limit); len(left) > 0 {
			t.Errorf("%s", report(left))
		}
	})
}

// setLabels gives the calling goroutine these labels and no others. A later pair replaces an earlier one.
func setLabels(pairs []string) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(pairs...)))
}

// await waits until no goroutine bears the label, and returns those that still do when the time is over.
func await(mine string, limit time.Duration) []record {
	start := time.Now()
	for try := 1; ; try++ {
		left := labelled(mine)
		if len(left) == 0 {
			return nil
		}
		if waited := time.Since(start); waited >= limit || waited == 0 && try >= frozenTries {
			return left
		}
		for range min(try, 100) { // a look stops the world, so others get more and more time between two of them
			runtime.Gosched()
		}
	}
}

// labelled returns the goroutines that bear the label, without those that serve the whole process.
func labelled(mine string) []record {
	var found []record
	for _, r := range goroutines() {
		if r.label(labelKey) == mine && !slices.Contains(processWide, r.entry()) {
			found = append(found, r)
		}
	}
	return found
}

// processWide names the functions of goroutines that the standard library starts once, for whoever comes first.
var processWide = []string{"os/signal.loop", "runtime/pprof.profileWriter"}

func report(left []record) string {
	total := 0
	for _, r := range left {
		total += r.count
	}
	var b strings.Builder
	if total == 1 {
		b.WriteString("braidtest: the test has ended, and a goroutine that it started has not:")
	} else {
		fmt.Fprintf(&b, "braidtest: the test has ended, and %d goroutines that it started have not:", total)
	}
	for _, r := range left {
		fmt.Fprintf(&b, "\n\n%s", r)
	}
	return b.String()
}
