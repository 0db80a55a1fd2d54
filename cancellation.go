package braid

import (
	"context"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/braid-go/braid/internal/record"
)

// cancellation is why a scope ended early. One record serves a whole subtree.
type cancellation struct {
	err   error // context.Canceled or context.DeadlineExceeded
	cause error
	at    time.Time // the deadline that passed, for a time limit of ours; else zero
	from  origin

	// For the inspector; 0 without one.

	noted int64      // when, in nanoseconds since epoch
	pcs   [6]uintptr // of the callers of Cancel

	once sync.Once
	std  context.Context // see stdlib
}

// errScopeEnded is the cause seen by whoever keeps a context for longer than its scope.
var errScopeEnded = &scopeEndedError{}

type scopeEndedError struct{}

func (*scopeEndedError) Error() string { return "braid: the scope of this context has ended" }

// ended marks contexts whose scope is over. It holds no channel, so sharing it between synctest bubbles is harmless.
var ended = &cancellation{err: context.Canceled, cause: errScopeEnded}

// origin is what brought a cancellation about.
type origin uint8

const (
	byCall origin = iota
	byFailure
	byContext
	byDeadline
)

var originNames = [...]string{"call", "failure", "context", "deadline"}

func newCancellation(cause error, from origin) *cancellation {
	if cause == nil {
		cause = context.Canceled
	}
	rec := &cancellation{err: context.Canceled, cause: cause, from: from}
	rec.note()
	return rec
}

// note notes when and where, if there is an inspector.
func (c *cancellation) note() {
	if !record.On {
		return
	}
	c.noted = sinceEpoch(nil)
	if c.from == byCall {
		runtime.Callers(4, c.pcs[:]) // of Cancel's caller
	}
}

// caller returns the innermost call of Cancel that is not this package's own, or else the innermost.
func (c *cancellation) caller() uintptr {
	for _, pc := range c.pcs {
		if f := runtime.FuncForPC(pc - 1); pc != 0 && f != nil && !strings.HasPrefix(f.Name(), packagePath+".") {
			return pc
		}
	}
	return c.pcs[0]
}

// packagePath is the path of this package, however it has been renamed.
var packagePath = reflect.TypeFor[node]().PkgPath()

// describe says the same to the inspector. c may be nil.
func (c *cancellation) describe() record.Cancel {
	if c == nil || c == ended {
		return record.Cancel{}
	}
	r := record.Cancel{Cause: c.cause, Record: c, Kind: originNames[c.from], At: time.Duration(c.noted), PC: c.caller()}
	if !c.at.IsZero() {
		r.At = c.at.Sub(epoch)
	}
	switch cause := c.cause.(type) {
	case *TaskError:
		r.By = cause.Task
	case *PanicError:
		r.By = cause.Task
	}
	return r
}

// fromForeign records the end of a context that is not ours. ctx is done.
func fromForeign(ctx context.Context) *cancellation {
	rec := &cancellation{err: ctx.Err(), cause: context.Cause(ctx), from: byContext}
	rec.note()
	return rec
}

// stdlib returns a standard context that is cancelled with the same cause.
func (c *cancellation) stdlib() context.Context {
	c.once.Do(func() {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(c.cause)
		c.std = ctx
	})
	return c.std
}

// explains reports whether err says no more than that the scope was cancelled:
// it is, or wraps one by one, the scope's Err or cause; a joined error counts if each member does.
func (c *cancellation) explains(err error) bool {
	for err != nil {
		if sameError(err, c.err) || sameError(err, c.cause) {
			return true
		}
		switch x := err.(type) {
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		case interface{ Unwrap() []error }:
			members := x.Unwrap()
			for _, m := range members {
				if !c.explains(m) {
					return false
				}
			}
			return len(members) > 0
		default:
			return false
		}
	}
	return false
}
