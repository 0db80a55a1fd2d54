package work

import (
	"errors"
	"fmt"
	"reflect"
	"time"
)

var (
	// ErrLeaseLost is matched when an attempt no longer has its job in hand: the lease has run out and the job was given to
	// somebody else, it has been settled, or a shutdown has taken it back. It is also the cause with which the ctx of such an attempt ends.
	ErrLeaseLost = errors.New("work: the lease on the job is lost")

	// ErrNoSuchJob is matched when there is no dead letter of that id.
	ErrNoSuchJob = errors.New("work: no such dead letter")
)

// Permanent marks err as one that no further attempt will change: the job becomes a dead letter at once.
// So does any error with a method Permanent() bool that returns true. It returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string   { return e.err.Error() }
func (e *permanentError) Unwrap() error   { return e.err }
func (e *permanentError) Permanent() bool { return true }

// marks are what the tree of an error says about the next attempt.
func marks(err error) (permanent bool, after time.Duration) {
	for err != nil {
		if e, ok := err.(interface{ Permanent() bool }); ok {
			permanent = permanent || e.Permanent()
		}
		if e, ok := err.(interface{ RetryAfter() time.Duration }); ok {
			after = max(after, e.RetryAfter())
		}
		switch x := err.(type) { //nolint:errorlint // walks the chain itself
		case interface{ Unwrap() error }:
			err = x.Unwrap()
			continue
		case interface{ Unwrap() []error }:
			for _, member := range x.Unwrap() {
				p, a := marks(member)
				permanent, after = permanent || p, max(after, a)
			}
		}
		break
	}
	return permanent, after
}

// BusyError says that a shutdown could not wait for the end of all handlers: its ctx ended first.
// The jobs have been taken back and are among those that the shutdown returned, although their handlers still run.
type BusyError struct {
	Queue string   // the name from the config; may be empty
	Jobs  []uint64 // the ids of the jobs whose handlers have not ended
	Err   error    // why the ctx ended. Not unwrapped: this is more than a cancellation, and a braid.Timeout around the call keeps it
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("work: queue %sis shut down, but %d handlers have not ended (jobs %v): %v", named(e.Queue), len(e.Jobs), e.Jobs, e.Err)
}

// ExhaustedError says why a job was buried without running again: somebody took it into hand as often as it may be tried,
// and the last time neither finished it nor gave it back. A job that takes its process down ends so. It matches [ErrLeaseLost].
type ExhaustedError struct {
	Attempts int   // that were begun
	Last     error // what the last attempt that ended failed with; may be nil. Not unwrapped.
}

func (e *ExhaustedError) Error() string {
	s := fmt.Sprintf("work: the lease has run out in the last of %d attempts", e.Attempts)
	if e.Last != nil {
		s += " (before that: " + e.Last.Error() + ")"
	}
	return s
}

// Is makes errors.Is match ErrLeaseLost.
func (e *ExhaustedError) Is(target error) bool { return target == ErrLeaseLost }

// named puts a name into a sentence.
func named(name string) string {
	if name == "" {
		return ""
	}
	return name + " "
}

// same is a == b that does not panic on errors that cannot be compared.
func same(a, b error) bool {
	return a != nil && b != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b //nolint:errorlint // identity is meant
}

// explains reports whether err says no more than that a ctx has ended with cause: the rule by which package braid tells
// who was cancelled from who has failed.
func explains(err, ctxErr, cause error) bool {
	for err != nil {
		if same(err, ctxErr) || same(err, cause) {
			return true
		}
		switch x := err.(type) { //nolint:errorlint // walks the chain itself
		case interface{ Unwrap() error }:
			err = x.Unwrap()
		case interface{ Unwrap() []error }:
			members := x.Unwrap()
			for _, m := range members {
				if !explains(m, ctxErr, cause) {
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
