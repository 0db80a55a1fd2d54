package sim

import (
	"fmt"
	"strings"
)

// failKind is what went wrong.
type failKind uint8

const (
	failError failKind = iota // s.Error and the like
	failPanic
	failGoexit
	failDeadlock
	failLeft
	failLivelock
	failInvariant
	failEventually
	failBalance
	failUncontrolled
	failRace
)

var failNames = [...]string{
	"the test failed", "panic", "runtime.Goexit", "deadlock", "tasks left behind", "livelock",
	"invariant broken", "it never came true", "something is missing", "not under control", "data race",
}

// failure is why a schedule failed.
type failure struct {
	kind failKind
	site string // where, or what, the same in all schedules that fail for the same reason
	text string
	wait string // the wait-for graph, of a deadlock
}

// signature is what the shrinker keeps: a shorter schedule must fail for the same reason.
func (f *failure) signature() string { return failNames[f.kind] + "|" + f.site }

func (f *failure) String() string {
	var b strings.Builder
	b.WriteString(failNames[f.kind])
	if f.text != "" {
		fmt.Fprintf(&b, ": %s", f.text)
	}
	if f.wait != "" {
		fmt.Fprintf(&b, "\n\n%s", f.wait)
	}
	return b.String()
}
