package service

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"time"
)

// Strategy says which components are restarted along with the one that has to be.
type Strategy int

const (
	// OneForOne restarts that component alone. It is the default.
	OneForOne Strategy = iota
	// OneForAll stops all components, in reverse order, and starts them again, in order.
	OneForAll
	// RestForOne stops those that were started after it, which may depend on it, and it, and starts them again.
	RestForOne
)

// String implements fmt.Stringer.
func (s Strategy) String() string {
	return nameOf([]string{"one for one", "one for all", "rest for one"}, int(s))
}

// What a [Config] means by 0.
const (
	DefaultStartTimeout  = 15 * time.Second
	DefaultStopTimeout   = 10 * time.Second
	DefaultLastMoment    = time.Second
	DefaultMaxRestarts   = 5
	DefaultRestartWindow = time.Minute
	DefaultRestartDelay  = 100 * time.Millisecond
	DefaultRestartMax    = 30 * time.Second
	DefaultCheckEvery    = 5 * time.Second
	DefaultCheckTimeout  = time.Second
	DefaultReportEvery   = time.Second
)

// Config says how a [Service] lives. Its zero value is usable.
type Config struct {
	// Name names the service in paths, errors and logs. It may be empty.
	Name string

	// Log hears of what happens; nil means slog.Default().
	Log *slog.Logger

	// StartTimeout and StopTimeout are for components that have none of their own;
	// 0 means DefaultStartTimeout and DefaultStopTimeout.
	StartTimeout, StopTimeout time.Duration

	// StopWithin bounds the whole stop, from when it is asked for: a component that comes to its turn late has less than its StopTimeout.
	// It should be shorter than the time after which the platform kills the process. 0 means that the components' own limits are enough.
	// When it is over, those that have not had their turn still have it, with LastMoment each. Without it the whole may take the sum of all StopTimeouts.
	StopWithin time.Duration

	// Drain is how long the service works on as before, but says that it is not ready, before it stops the first component:
	// the time that a load balancer takes to look elsewhere. A service that has never been ready does not wait. 0 means none.
	Drain time.Duration

	// LastMoment is what a component has to end after its StopTimeout, when everything in it has been cancelled, shields included:
	// to tell its clients, for example. 0 means DefaultLastMoment.
	LastMoment time.Duration

	// Strategy says who is restarted along with a component.
	Strategy Strategy

	// MaxRestarts is how many restarts there may be within RestartWindow, those of all components together. One more is too many:
	// the service stops and returns a [*RestartError]. 0 means DefaultMaxRestarts and DefaultRestartWindow.
	MaxRestarts   int
	RestartWindow time.Duration

	// RestartDelay is the wait before a component is restarted. It doubles each time until RestartMax; when the component has run for
	// RestartWindow, it begins anew. 0 means DefaultRestartDelay and DefaultRestartMax. Half of the wait is left to chance,
	// so that the instances of a service do not all come back in the same moment.
	RestartDelay, RestartMax time.Duration

	// CheckEvery is the time between two calls of a Ready or Alive, CheckTimeout what one of them may take.
	// 0 means DefaultCheckEvery and DefaultCheckTimeout.
	CheckEvery, CheckTimeout time.Duration

	// ReportEvery is how often the log says who is waited for during a start or stop that takes its time. 0 means DefaultReportEvery.
	ReportEvery time.Duration

	// Signals are those that stop the service in order; a second one of them aborts it, and a third one does what it does by default.
	// [Service.Main] has those of a program by itself.
	Signals []os.Signal

	// Rand draws from [0, 1). nil means that of math/rand/v2; a simulation has its own.
	Rand func() float64
}

func (c Config) filled() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	c.StartTimeout = or(c.StartTimeout, DefaultStartTimeout)
	c.StopTimeout = or(c.StopTimeout, DefaultStopTimeout)
	c.LastMoment = or(c.LastMoment, DefaultLastMoment)
	c.MaxRestarts = or(c.MaxRestarts, DefaultMaxRestarts)
	c.RestartWindow = or(c.RestartWindow, DefaultRestartWindow)
	c.RestartDelay = or(c.RestartDelay, DefaultRestartDelay)
	c.RestartMax = or(c.RestartMax, max(DefaultRestartMax, c.RestartDelay))
	c.CheckEvery = or(c.CheckEvery, DefaultCheckEvery)
	c.CheckTimeout = or(c.CheckTimeout, DefaultCheckTimeout)
	c.ReportEvery = or(c.ReportEvery, DefaultReportEvery)
	return c
}

// or returns v, or instead of zero the default.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// plus returns a + b, or the longest duration if that is more.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// check says what is wrong with a config in which the defaults are filled in, or "".
func (c Config) check() string {
	for _, d := range []struct {
		field string
		v     time.Duration
	}{
		{"StartTimeout", c.StartTimeout}, {"StopTimeout", c.StopTimeout}, {"StopWithin", c.StopWithin}, {"Drain", c.Drain},
		{"LastMoment", c.LastMoment}, {"RestartWindow", c.RestartWindow}, {"RestartDelay", c.RestartDelay},
		{"CheckEvery", c.CheckEvery}, {"CheckTimeout", c.CheckTimeout}, {"ReportEvery", c.ReportEvery},
	} {
		if d.v < 0 {
			return fmt.Sprintf("Config.%s is %v: it must not be negative; 0 means the default", d.field, d.v)
		}
	}
	switch {
	case c.Strategy < OneForOne || c.Strategy > RestForOne:
		return fmt.Sprintf("Config.Strategy is %d: it must be OneForOne, OneForAll or RestForOne", int(c.Strategy))
	case c.MaxRestarts < 0:
		return fmt.Sprintf("Config.MaxRestarts is %d: it must be positive, or 0 for the default; what must not be restarted is Restart: Never", c.MaxRestarts)
	case c.RestartMax < c.RestartDelay:
		return fmt.Sprintf("Config.RestartMax is %v: it must be at least RestartDelay, which is %v", c.RestartMax, c.RestartDelay)
	case c.StopWithin > 0 && c.StopWithin <= c.Drain:
		return fmt.Sprintf("Config.StopWithin is %v: it must be longer than Drain, which is %v and a part of it", c.StopWithin, c.Drain)
	}
	return ""
}
