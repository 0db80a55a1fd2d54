package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/braid-go/braid"
)

// PeriodicConfig is a task that is done again and again; see [Periodic].
type PeriodicConfig struct {
	// Name is that of the component. It is required.
	Name string

	// Every is the time from the beginning of one run to that of the next. It must be positive.
	Every time.Duration

	// Do is one run. It is required.
	Do func(context.Context) error

	// AtOnce makes the first run begin when the component starts, and not after one period.
	AtOnce bool

	// Jitter is the part of the period by which each run is late by chance, from 0 to less than 1, so that the instances of a service do not
	// all ask the same question in the same moment. A first run that is AtOnce has none.
	Jitter float64

	// Timeout bounds one run; 0 means that nothing does. A run that is over its time has failed.
	Timeout time.Duration

	// KeepGoing makes a run that fails or panics a line in the log, with the stack, and the next one comes as planned.
	// Without it the failure is that of the component; see Component.Restart.
	KeepGoing bool

	// Log is for KeepGoing; nil means that of the service.
	Log *slog.Logger

	// Rand draws from [0, 1). nil means that of the service.
	Rand func() float64
}

func (c *PeriodicConfig) check() string {
	switch {
	case c.Every <= 0:
		return fmt.Sprintf("PeriodicConfig.Every of %q is %v: it must be positive", c.Name, c.Every)
	case c.Do == nil:
		return fmt.Sprintf("PeriodicConfig.Do of %q is nil: it needs a function", c.Name)
	case math.IsNaN(c.Jitter) || c.Jitter < 0 || c.Jitter >= 1:
		return fmt.Sprintf("PeriodicConfig.Jitter of %q is %v: it must be a part of the period, from 0 to less than 1", c.Name, c.Jitter)
	case c.Timeout < 0:
		return fmt.Sprintf("PeriodicConfig.Timeout of %q is %v: it must be positive, or 0 for none", c.Name, c.Timeout)
	}
	return ""
}

// Periodic returns a component that calls a function at each multiple of a period. Runs never overlap: what a run takes is not added to the
// period, and the times that pass while it goes on are left out. When the component is told to stop, the ctx of the run that is under way ends.
// Restart and the timeouts of the component may be set.
//
// A run that calls runtime.Goexit ends the component, with KeepGoing too. Periodic panics if c makes no sense.
func Periodic(c PeriodicConfig) Component {
	if wrong := c.check(); wrong != "" {
		panic("service: " + wrong)
	}
	return Component{Name: c.Name, Run: c.run}
}

func (c *PeriodicConfig) run(ctx context.Context) error {
	draw := c.Rand
	if draw == nil {
		draw = rand.Float64
		if l := lifeOf(ctx); l != nil {
			draw = l.run.cfg.Rand
		}
	}
	begin := braid.Time(ctx)
	next := begin.Add(c.Every)
	if c.AtOnce {
		if err := c.once(ctx); err != nil {
			return err
		}
		next = c.following(ctx, begin, begin)
	}
	for {
		late := time.Duration(min(max(draw(), 0), 1) * c.Jitter * float64(c.Every))
		if err := braid.Sleep(ctx, next.Add(late).Sub(braid.Time(ctx))); err != nil {
			return err
		}
		if err := c.once(ctx); err != nil {
			return err
		}
		next = c.following(ctx, begin, next)
	}
}

// following returns when the period begins that follows the one of last, without those that have begun meanwhile.
func (c *PeriodicConfig) following(ctx context.Context, begin, last time.Time) time.Time {
	passed := braid.Time(ctx).Sub(begin).Truncate(c.Every)
	return later(last, begin.Add(passed)).Add(c.Every)
}

// once is one run. It returns an error if it was the last one.
func (c *PeriodicConfig) once(ctx context.Context) error {
	do := c.Do
	if c.Timeout > 0 {
		do = func(ctx context.Context) error { return braid.Timeout(ctx, c.Timeout, c.Do) }
	}
	if !c.KeepGoing {
		return do(ctx)
	}
	err := braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error { return do(ctx) }, braid.OnPanic(braid.AsError))
	if err == nil {
		return nil
	}
	if _, failed := errors.AsType[*braid.GroupError](err); failed {
		attrs := []any{"component", c.Name, "err", err}
		if stack := stackOf(err); stack != "" {
			attrs = append(attrs, "stack", stack)
		}
		logOf(ctx, c.Log).ErrorContext(ctx, "a run failed", attrs...)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
