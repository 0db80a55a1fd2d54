package loop

import (
	"fmt"
	"os"
	"time"

	"github.com/braid-go/braid"
)

// Option changes how [Run] treats its loop. The options are [Scope], [Eager], [Debug], [SlowAfter], [OnSlow], [OnException] and
// [PortablePoller]; there are no others.
type Option interface {
	fmt.Stringer
	applyLoop(*config)
}

type config struct {
	scope       []braid.RunOption
	eager       bool
	debug       bool
	portable    bool
	slowAfter   time.Duration
	onSlow      func(Slow)
	onException func(*braid.PanicError)
}

func defaults() config {
	return config{slowAfter: 100 * time.Millisecond, debug: os.Getenv("BRAID_DEBUG") == "1"}
}

// option is an Option as a function, with its text.
type option struct {
	text  string
	apply func(*config)
}

// String implements fmt.Stringer.
func (o option) String() string      { return o.text }
func (o option) applyLoop(c *config) { o.apply(c) }

// Scope gives options to the root scope of the loop, such as [braid.Name], [braid.Grace] or [braid.Limit].
func Scope(opts ...braid.RunOption) Option {
	return option{fmt.Sprintf("Scope(%v)", opts), func(c *config) { c.scope = append(c.scope, opts...) }}
}

// Eager makes a task that is started by another one run at once, to its first wait, before its parent goes on:
// a child that does not wait has ended when Go returns, and costs less.
// asyncio calls this an eager task factory.
//
// Tasks that come through a [braid.Portal], and those that waited for a slot of a limited group, start in their turn as ever.
// With Eager, [braid.Group.Go] and the like must not be called from goroutines that are no tasks of the loop.
func Eager() Option { return option{"Eager", func(c *config) { c.eager = true }} }

// Debug makes the loop check on which goroutine it is called, and panic with both names where that is wrong:
// a wait with a ctx of the loop on a goroutine of its own, for example. A check costs about a microsecond.
// BRAID_DEBUG=1 in the environment turns it on for all loops.
func Debug() Option { return option{"Debug", func(c *config) { c.debug = true }} }

// SlowAfter sets for how long a task or callback may hold the loop before it is reported; the default is 100 ms.
// Zero turns the watchdog off. SlowAfter panics if d is negative.
func SlowAfter(d time.Duration) Option {
	if d < 0 {
		panic(fmt.Sprintf("loop: SlowAfter(%v): the time must not be negative", d))
	}
	return option{fmt.Sprintf("SlowAfter(%v)", d), func(c *config) { c.slowAfter = d }}
}

// OnSlow sets who hears of a task or callback that holds the loop; the default is a warning in the log.
// fn is called while the loop is still held, on another goroutine. It is called once for each time that the loop is held.
func OnSlow(fn func(Slow)) Option {
	return option{"OnSlow", func(c *config) { c.onSlow = fn }}
}

// OnException sets who hears of a panic in a callback; the default is an error in the log. fn is called on the loop, and must not wait.
// Panics of tasks are their group's; see [braid.OnPanic].
func OnException(fn func(*braid.PanicError)) Option {
	return option{"OnException", func(c *config) { c.onException = fn }}
}

// PortablePoller makes the loop do its input and output through package net and helper goroutines, as it does on systems
// for which it has no poller of its own. It is slower, and there to be tested.
func PortablePoller() Option { return option{"PortablePoller", func(c *config) { c.portable = true }} }
