package bus

import (
	"context"
	"sync"

	"github.com/braid-go/braid"
)

// await is a publisher that waits for handlers. A nil await is a publisher that does not.
type await struct {
	first bool
	done  braid.Event

	mu      sync.Mutex
	pending int     // handlers that have not ended
	errs    []error // of those that have failed, in the order of the subscriptions
	failed  error   // the first of them
	left    bool    // the publisher does not listen any more
}

// newAwait returns an await for n handlers.
func newAwait(wait Wait, n int) *await {
	if wait == NoWait {
		return nil
	}
	return &await{first: wait == WaitFirstError, pending: n, errs: make([]error, n)}
}

// settle says how handler i has ended, and reports whether the publisher is told.
func (a *await) settle(i int, err error) (heard bool) {
	if a == nil {
		return false
	}
	a.mu.Lock()
	if a.left {
		a.mu.Unlock()
		return false
	}
	a.pending--
	a.errs[i] = err
	if a.failed == nil {
		a.failed = err
	}
	over := a.pending == 0 || a.first && err != nil
	a.left = over
	a.mu.Unlock()
	if over {
		a.done.Set()
	}
	return true
}

// over reports whether the publisher does not wait any more.
func (a *await) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left || a.pending == 0
}

// wait waits for what the publisher wanted to wait for, and returns the failures.
func (a *await) wait(ctx context.Context) error {
	var errs []error
	if !a.over() {
		if err := a.done.Wait(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = true
	if a.first && a.failed != nil {
		return a.failed
	}
	for _, err := range a.errs {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return join(errs)
}
