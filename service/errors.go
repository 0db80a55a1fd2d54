package service

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/braid-go/braid"
)

var (
	// ErrStopping is the cause with which a stopping service ends the ctx of a component's functions, unless [Service.Stop] was given another.
	ErrStopping = errors.New("service: stopping")

	// ErrStartTimeout is the cause with which the ctx of a component ends that has not become ready in time.
	ErrStartTimeout = errors.New("service: not ready in time")

	// ErrStopTimeout is the cause with which everything in a component is cancelled that has not stopped in time.
	ErrStopTimeout = errors.New("service: not stopped in time")

	// ErrAborted is in the error of a Run that was aborted.
	ErrAborted = errors.New("service: aborted")
)

// abortError is ErrAborted with a cause.
type abortError struct{ cause error }

func (e *abortError) Error() string        { return ErrAborted.Error() + ": " + e.cause.Error() }
func (e *abortError) Is(target error) bool { return target == ErrAborted }
func (e *abortError) Unwrap() error        { return e.cause }

// errNotReady is why a component has not been started whose Run is over.
var errNotReady = errors.New("its Run ended before it was ready")

// errRestarting is the cause with which a component ends that is stopped in order to be started again.
var errRestarting = errors.New("service: stopped, to be started again")

// Error is what [Service.Run] returns when something went wrong: a list, even if it is a single thing.
type Error struct {
	Service string
	errs    []error
}

// Unwrap returns what went wrong, the cause of the end first: [*ComponentError], [*RestartError], or after an abort
// one that matches [ErrAborted] and a [*braid.StuckError] that says what still ran.
func (e *Error) Unwrap() []error { return e.errs }

// Error lists what went wrong.
func (e *Error) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	s := strings.Join(texts, "; ")
	if len(e.errs) > 1 {
		s = fmt.Sprintf("%d failures: %s", len(e.errs), s)
	}
	if e.Service != "" {
		s = e.Service + ": " + s
	}
	return s
}

// Phase is a part of a component's life.
type Phase int

const (
	// InStart is the time until the component is ready.
	InStart Phase = iota
	// InRun is the time until it is told to stop.
	InRun
	// InStop is the time until it has stopped.
	InStop
)

// String implements fmt.Stringer.
func (p Phase) String() string { return nameOf([]string{"start", "run", "stop"}, int(p)) }

// ComponentError says what went wrong with one component.
type ComponentError struct {
	Component string
	Phase     Phase

	// Err is what happened: what a function returned, by the path of its task; a [*braid.PanicError], with the stack; or if the time ran out,
	// [ErrStartTimeout], or a [*braid.StuckError] that lists who did not stop in time.
	Err error

	// In a start that took too long: the time that it had, what its Ready last said, and what its tasks were waiting on.
	Within time.Duration
	Last   error
	Tasks  []braid.StuckTask
}

// Unwrap returns Err.
func (e *ComponentError) Unwrap() error { return e.Err }

// Error says it in one line.
func (e *ComponentError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "component %s", e.Component)
	switch e.Phase {
	case InRun:
		b.WriteString(" failed: ")
	case InStop:
		b.WriteString(" did not stop: ")
	default:
		b.WriteString(" did not start: ")
	}
	b.WriteString(e.Err.Error())
	if e.Within > 0 {
		fmt.Fprintf(&b, ", which is %v", e.Within)
	}
	if e.Last != nil {
		fmt.Fprintf(&b, "; its Ready says: %v", e.Last)
	}
	for i, t := range e.Tasks {
		b.WriteString([]string{"; it runs ", ", "}[min(i, 1)])
		b.WriteString(t.String())
	}
	return b.String()
}

// RestartError says that a component failed once more than restarts are allowed for.
type RestartError struct {
	Component string
	Max       int
	Window    time.Duration
	Err       error // the last failure, a [*ComponentError]; nil if Run had returned nil
}

// Unwrap returns Err.
func (e *RestartError) Unwrap() error { return e.Err }

// Error says which limit was reached and how the component last ended.
func (e *RestartError) Error() string {
	s := fmt.Sprintf("component %s would have to be restarted again, after %d restarts within %v", e.Component, e.Max, e.Window)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// genuine returns err unless it says no more than that a call has been cancelled:
// a scope in which something failed returns a *braid.GroupError, and one that was cancelled the bare cause.
func genuine(err error) error {
	if _, ok := errors.AsType[*braid.GroupError](err); ok {
		return err
	}
	if te, ok := err.(*braid.TaskError); ok { //nolint:errorlint // made by call
		return te
	}
	return nil
}
