package resilience

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/braid-go/braid"
)

// Chaos injects faults in place of, or before, the function: to see in a test or a drill that a program bears them.
// Its zero value injects nothing. In a [Policy] it stands innermost, so every other policy takes its faults for real ones.
//
// Each call draws once for a delay, once for a panic and once for an error, in this order, each with its own probability.
// The injected delay ends with ctx. Where a panic or an error is injected, the function is not called.
type Chaos struct {
	// Delays is the probability of a delay, from 0 to 1, and Delay how long it is.
	Delays float64
	Delay  time.Duration

	// Panics is the probability of a panic with a text.
	Panics float64

	// Errors is the probability of an error, Err the error; nil means ErrChaos.
	Errors float64
	Err    error

	// If, if not nil, says for each call whether faults may be injected: for some users, or while a switch is on.
	If func(context.Context) bool

	// Rand draws from [0, 1). nil means that of math/rand/v2; a simulation has its own, and a test one with a seed.
	Rand func() float64
}

func (c *Chaos) check() string {
	for name, p := range map[string]float64{"Delays": c.Delays, "Panics": c.Panics, "Errors": c.Errors} {
		if math.IsNaN(p) || p < 0 || p > 1 {
			return fmt.Sprintf("Chaos.%s is %v: it must be a probability, from 0 to 1", name, p)
		}
	}
	if c.Delay < 0 {
		return fmt.Sprintf("Chaos.Delay is %v: it must not be negative", c.Delay)
	}
	return ""
}

// inject injects what chance wills, and returns the error that takes the place of the function's.
func (c *Chaos) inject(ctx context.Context) error {
	if c.If != nil && !c.If(ctx) {
		return nil
	}
	draw := c.Rand
	if draw == nil {
		draw = rand.Float64
	}
	if c.Delays > 0 && unit(draw()) < c.Delays {
		if err := braid.Sleep(ctx, c.Delay); err != nil {
			return err
		}
	}
	if c.Panics > 0 && unit(draw()) < c.Panics {
		panic("resilience: injected by chaos")
	}
	if c.Errors > 0 && unit(draw()) < c.Errors {
		if c.Err != nil {
			return c.Err
		}
		return ErrChaos
	}
	return nil
}
