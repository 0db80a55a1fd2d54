package resilience

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// errHedged is the cause that the losers of a hedged call see.
var errHedged = errors.New("resilience: another attempt of this call has decided it")

// Hedge starts a function again while it still runs, if it is slow, and takes the result that comes first.
// It is meant for functions that may be executed more than once, and for latency: "The Tail at Scale", Dean and Barroso, 2013.
//
// The first attempt runs in the calling goroutine, the others in tasks of a scope of this call. The first one to succeed wins.
// If all that have been started fail, the call fails with their errors, joined in the order in which they came;
// hedging is no retry, so no further attempt is started then.
//
// The losers are cancelled, and joined before Do returns: a loser that ignores its ctx holds the call for as long as it likes.
// Each attempt has a ctx of its own, which ends when Do returns, also that of the winner:
// a result that lives on its ctx, such as the body of an HTTP response, must be read inside the function.
// A panic in any attempt cancels the others, and Do panics with a [*braid.PanicError] that has its stack.
type Hedge[T any] struct {
	// Delay is how long an attempt may take before the next one is started. It must be positive.
	// The 95th percentile of the latency is a good start.
	Delay time.Duration

	// Max is how many attempts are added to the first; 0 means 1.
	Max int

	// Budget, if not nil, bounds the hedges of all that share it.
	Budget *Budget

	// Dispose, if not nil, is given the result of each attempt that succeeded too late to win. It is called before Do returns.
	Dispose func(T)
}

func (h *Hedge[T]) check() string {
	switch {
	case h.Delay <= 0:
		return fmt.Sprintf("Hedge.Delay is %v: it must be positive; to start all attempts at once use braid.FirstSuccess", h.Delay)
	case h.Max < 0:
		return fmt.Sprintf("Hedge.Max is %d: it must be positive, or 0 for 1", h.Max)
	case h.Budget != nil:
		return h.Budget.check()
	}
	return ""
}

// Do calls fn, and again while it is slow. It panics if fn is nil or the numbers make no sense.
//
// # Cancellation
//
// If ctx is done already, Do returns its cause and does not call fn. If ctx ends meanwhile, all attempts are cancelled and joined;
// if one of them has succeeded all the same, its result counts, otherwise Do returns the attempts' errors.
func (h *Hedge[T]) Do(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	return (&Policy[T]{parts: Parts[T]{Hedge: must(h)}}).Do(ctx, fn)
}

// hedged is one call. need is what an attempt takes at least.
type hedged[T any] struct {
	*Hedge[T]
	fn    func(context.Context) (T, error)
	need  time.Duration
	group *braid.Group

	mu      sync.Mutex
	running int
	decided bool // no attempt may begin any more
	won     bool
	winner  T
	errs    []error
}

func (h *Hedge[T]) run(ctx context.Context, need time.Duration, fn func(context.Context) (T, error)) (v T, err error) {
	c := &hedged[T]{Hedge: h, fn: fn, need: need, running: 1}
	returned := false
	defer func() {
		if !returned && c.won && h.Dispose != nil {
			h.Dispose(c.winner) // a loser that panics takes the winner's result with it
		}
	}()
	err = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		c.group = g
		c.hedge(1)
		c.attempt(ctx)
		return nil
	}, braid.Name("hedge"), braid.KeepGoing())
	returned = true
	switch {
	case c.won:
		return c.winner, nil
	case len(c.errs) == 1:
		return v, c.errs[0]
	case len(c.errs) > 1:
		return v, errors.Join(c.errs...)
	case err == nil: // ctx ended before anything had begun
		err = causeOf(ctx)
	}
	return v, err
}

// hedge makes a task that starts the i-th further attempt when it is time, and the task for the next one.
func (c *hedged[T]) hedge(i int) {
	if i > or(c.Max, 1) {
		return
	}
	c.group.Go(func(ctx context.Context) error {
		if err := braid.Sleep(ctx, c.Delay); err != nil {
			return err // its own cancellation, which the group leaves out
		}
		if !c.begin(ctx) {
			return nil
		}
		c.hedge(i + 1)
		c.attempt(ctx)
		return nil
	}, braid.Name("hedge-"+strconv.Itoa(i)))
}

// begin reports whether another attempt may begin.
func (c *hedged[T]) begin(ctx context.Context) bool {
	if tooLate(ctx, "hedge", time.Time{}, 0, c.need) != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.decided || !c.Budget.take() {
		return false
	}
	c.running++
	return true
}

func (c *hedged[T]) attempt(ctx context.Context) {
	returned := false
	defer func() {
		if !returned { // a panic or a Goexit, which the group deals with
			c.failed(braid.ErrGoexit)
		}
	}()
	v, err := c.fn(ctx)
	returned = true
	if err != nil {
		c.failed(err)
		return
	}
	c.mu.Lock()
	c.running--
	first := !c.decided
	if first {
		c.decided, c.won, c.winner = true, true, v
	}
	c.mu.Unlock()
	switch {
	case first:
		c.group.Cancel(errHedged)
	case c.Dispose != nil:
		c.Dispose(v)
	}
}

func (c *hedged[T]) failed(err error) {
	c.mu.Lock()
	c.running--
	over := c.running == 0 && !c.decided
	if !c.decided {
		c.errs = append(c.errs, err)
	}
	c.decided = c.decided || over
	c.mu.Unlock()
	if over {
		c.group.Cancel(errHedged)
	}
}
