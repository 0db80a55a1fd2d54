package resilience

import (
	"errors"
	"time"
)

// Marks are what a function says about its error to the policies around it.
// They change neither the error's text nor what errors.Is finds.

// Permanent marks err as one that no retry will change, such as a request that is wrong. It returns nil for nil.
// The error has a method Permanent() bool that returns true, which package work looks for, too.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &markedError{err: err, permanent: true}
}

// Unsent marks err as that of a call which has had no effect, such as a connection that was refused.
// [Retry] may repeat such a call even if it is not idempotent. Unsent returns nil for nil.
func Unsent(err error) error {
	if err == nil {
		return nil
	}
	return &markedError{err: err, unsent: true}
}

// After marks err with the time that the dependency asks to be left alone, as the HTTP header Retry-After does.
// An error with a method RetryAfter() time.Duration says the same. After returns nil for nil.
func After(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &markedError{err: err, after: d}
}

type markedError struct {
	err       error
	permanent bool
	unsent    bool
	after     time.Duration
}

func (e *markedError) Error() string             { return e.err.Error() }
func (e *markedError) Unwrap() error             { return e.err }
func (e *markedError) Permanent() bool           { return e.permanent }
func (e *markedError) RetryAfter() time.Duration { return e.after }

// marks are all that the tree of an error says.
type marks struct {
	permanent, unsent bool
	after             time.Duration
}

// marksOf collects the marks in the tree of err. Of several times to wait the longest one counts.
// Among the members of a joined error, one that is permanent is enough; unsent are all or none.
func marksOf(err error) marks {
	var m marks
	for err != nil {
		if e, ok := err.(*markedError); ok { //nolint:errorlint // walks the chain itself
			m.permanent = m.permanent || e.permanent
			m.unsent = m.unsent || e.unsent
		}
		if e, ok := err.(interface{ RetryAfter() time.Duration }); ok {
			m.after = max(m.after, e.RetryAfter())
		}
		switch x := err.(type) { //nolint:errorlint // walks the chain itself
		case interface{ Unwrap() error }:
			err = x.Unwrap()
			continue
		case interface{ Unwrap() []error }:
			all := len(x.Unwrap()) > 0
			for _, member := range x.Unwrap() {
				mm := marksOf(member)
				m.permanent = m.permanent || mm.permanent
				m.after = max(m.after, mm.after)
				all = all && mm.unsent
			}
			m.unsent = m.unsent || all
		}
		break
	}
	return m
}

// rejected reports whether a policy has kept the function from running, the last time if there were several.
func rejected(err error) bool { return errors.Is(err, ErrRejected) }

// unreached reports whether a policy has kept the function from running at all.
func unreached(err error) bool {
	_, tried := errors.AsType[*RetryError](err)
	return rejected(err) && !tried
}
