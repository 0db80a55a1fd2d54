package braid

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/braid-go/braid/internal/record"
)

// Limiter bounds how many borrowers hold a token at a time, and knows who they are. A borrower holds at most one token.
// The borrower is the calling task, or any comparable value with [Limiter.AcquireFor]. Tokens are lent first come, first served.
// Make one with [NewLimiter].
type Limiter struct {
	resource
	mu        sync.Mutex
	total     int
	lent      int
	borrowers map[any]bool // true: holds a token; false: waits for one
	queue     waitList
	asking    map[*waiter]any // for whom the waiters in queue ask
}

// errNoTask is what task-bound calls of a Limiter give to code without a task.
var errNoTask = errors.New("braid: this ctx has no task to borrow for; use AcquireFor and ReleaseFor with a borrower of your own")

// NewLimiter returns a limiter with n tokens. The name stands in errors and tools. It panics if n < 1.
func NewLimiter(name string, n int) *Limiter {
	checkTotal(name, n)
	l := &Limiter{total: n, borrowers: make(map[any]bool), asking: make(map[*waiter]any)}
	l.SetName(name)
	return l
}

func checkTotal(name string, n int) {
	if n < 1 {
		panic(fmt.Sprintf("braid: limiter %q with %d tokens: it needs at least one", name, n))
	}
}

// Acquire borrows a token for the calling task, waiting until one is free and nobody is ahead.
// It is an error if the task holds one already, or if ctx has no task.
//
// # Cancellation
//
// If ctx ends first, or is done already, Acquire returns its cause and holds nothing.
// A token that was granted in the same moment goes to the next in the queue.
func (l *Limiter) Acquire(ctx context.Context) error {
	if err := l.enter(ctx, "limiter.Acquire"); err != nil {
		return err
	}
	t := Current(ctx)
	if t == nil {
		return errNoTask
	}
	return l.acquire(ctx, t)
}

// AcquireFor is [Limiter.Acquire] on behalf of borrower. It panics if the borrower is not comparable.
//
// # Cancellation
//
// As with Acquire: a call that is cancelled holds nothing, and borrower may ask again.
func (l *Limiter) AcquireFor(ctx context.Context, borrower any) error {
	if err := l.enter(ctx, "limiter.Acquire"); err != nil {
		return err
	}
	return l.acquire(ctx, borrower)
}

func (l *Limiter) acquire(ctx context.Context, b any) error {
	checkBorrower(b)
	l.mu.Lock()
	if l.total == 0 {
		l.mu.Unlock()
		panic("braid: Limiter.Acquire on a limiter without tokens: make it with NewLimiter")
	}
	if _, known := l.borrowers[b]; known {
		l.mu.Unlock()
		return fmt.Errorf("braid: %s holds or awaits a token of limiter %q already; a borrower can hold one token at a time", borrowerName(b), l.Name())
	}
	if l.lent < l.total && l.queue.head == nil {
		l.lend(b)
		l.mu.Unlock()
		return nil
	}
	w := newWaiter(ctx)
	l.queue.push(w)
	l.asking[w] = b
	l.borrowers[b] = false
	l.mu.Unlock()

	err := w.wait(ctx, l.why(l, "limiter.Acquire"))
	if err != nil {
		l.mu.Lock()
		if w.parker.Granted.Load() {
			l.takeBack(b)
		} else {
			l.queue.remove(w)
			delete(l.asking, w)
			delete(l.borrowers, b)
		}
		l.mu.Unlock()
	}
	w.release()
	return err
}

// lend, takeBack and hand are called with mu held.

func (l *Limiter) lend(b any) {
	l.borrowers[b] = true
	l.lent++
}

func (l *Limiter) takeBack(b any) {
	delete(l.borrowers, b)
	l.lent--
	l.hand()
}

// hand lends free tokens to the head of the queue.
func (l *Limiter) hand() {
	for l.lent < l.total && l.queue.head != nil {
		w := l.queue.pop()
		l.lend(l.asking[w])
		delete(l.asking, w)
		w.grant()
	}
}

// TryAcquire borrows a token for the calling task if one is free and nobody waits, and reports whether it did. It never blocks.
func (l *Limiter) TryAcquire(ctx context.Context) bool {
	t := Current(ctx)
	return t != nil && l.TryAcquireFor(t)
}

// TryAcquireFor is [Limiter.TryAcquire] on behalf of borrower.
func (l *Limiter) TryAcquireFor(borrower any) bool {
	checkBorrower(borrower)
	l.point("limiter.TryAcquire")
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.borrowers[borrower]; known || l.lent >= l.total || l.queue.head != nil {
		return false
	}
	l.lend(borrower)
	return true
}

// Release gives back the token of the calling task. It panics if the task holds none.
// It does not look at whether ctx is done.
func (l *Limiter) Release(ctx context.Context) {
	t := Current(ctx)
	if t == nil {
		panic(errNoTask.Error())
	}
	l.ReleaseFor(t)
}

// ReleaseFor gives back the token of borrower. It panics if the borrower holds none.
func (l *Limiter) ReleaseFor(borrower any) {
	checkBorrower(borrower)
	l.point("limiter.Release")
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.borrowers[borrower] {
		panic(fmt.Sprintf("braid: %s holds no token of limiter %q: each Release must follow an Acquire of the same borrower that succeeded", borrowerName(borrower), l.Name()))
	}
	l.takeBack(borrower)
}

// SetTotal changes the number of tokens. If more are lent, nobody loses one; no more are lent until enough have come back.
// It panics if n < 1.
func (l *Limiter) SetTotal(n int) {
	checkTotal(l.Name(), n)
	l.point("limiter.SetTotal")
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = n
	l.hand()
}

func (l *Limiter) kind() string { return "limiter" }
func (l *Limiter) look() look   { return lookAt(l, (*Limiter).observe) }

func (l *Limiter) observe(o *observed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Capacity, o.InUse = int64(l.total), int64(l.lent)
	for b, holds := range l.borrowers {
		if !holds {
			continue
		}
		if len(o.holders) == record.MaxListed {
			o.Unknown = true
			break
		}
		switch b := b.(type) {
		case *Handle:
			o.holder(b, 1, "")
		case *offloadToken:
			o.holder(b.task, 1, "")
		default:
			o.holder(nil, 1, "")
		}
	}
	o.queue(&l.queue, "limiter.Acquire")
	for i := range o.waiters {
		o.waiters[i].amount = 1
	}
}

// LimiterStatistics is a snapshot of a limiter.
type LimiterStatistics struct {
	Total     int
	Borrowed  int
	Waiting   int
	Borrowers []any // in no particular order; tasks as *Handle
}

// Statistics returns a snapshot.
func (l *Limiter) Statistics() LimiterStatistics {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LimiterStatistics{Total: l.total, Borrowed: l.lent, Waiting: l.queue.len}
	for b, holds := range l.borrowers {
		if holds {
			s.Borrowers = append(s.Borrowers, b)
		}
	}
	return s
}

func checkBorrower(b any) {
	if !reflect.ValueOf(b).Comparable() {
		panic(fmt.Sprintf("braid: a %T cannot be a limiter's borrower, because such values are not comparable; use a pointer or a name", b))
	}
}

func borrowerName(b any) string {
	if h, ok := b.(*Handle); ok {
		return "task " + h.Path()
	}
	return fmt.Sprintf("borrower %v", b)
}
