package service

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Restart says what becomes of a component whose Run has ended although nobody has stopped it.
type Restart int

const (
	// Never restarts nothing: if Run fails, the service stops in order and returns the failure. It is the default.
	Never Restart = iota
	// OnFailure starts the component again if its Run has failed, panics included; if it returned nil, its work is done,
	// and so it is if somebody else has cancelled its task, as the inspector can, and it obeyed.
	OnFailure
	// Always starts it again in either case: for what should never end.
	Always
)

// String implements fmt.Stringer.
func (r Restart) String() string { return nameOf([]string{"never", "on failure", "always"}, int(r)) }

// Component is a part of a program with a life of its own: a connection pool, a server, a background task.
// Each of its functions may be nil, but not all of them.
//
// Every call of a function is a task of the service, and a scope: Run as "shop/db", the others as "shop/db/start", "shop/db/stop",
// "shop/db/ready" and "shop/db/alive". What a function panics with is its failure, with the stack, and ends nothing else at once;
// so is runtime.Goexit. The ctx has the values of the ctx that [Service.Run] was called with, and ends when this very function should return.
//
// A component that is restarted goes through all of it again, so its functions must not be made for one time only.
type Component struct {
	// Name is the component's name in paths, errors and logs. It is required, and unique in the service; it has no slash.
	Name string

	// Start gets hold of what the component needs, and returns when it has it. If it fails, it leaves nothing behind:
	// Stop is not called then. It has StartTimeout together with what follows until the component is ready.
	// Its ctx ends when it has returned, so what is to live longer must not hang on it; what goes on belongs into Run.
	Start func(context.Context) error

	// Run is the work itself. It begins when Start has succeeded, and goes on until its ctx ends: then it should finish what it
	// has in hand, in a [Shield], and return. If it returns before, see Restart.
	Run func(context.Context) error

	// Stop releases what Start got hold of. It is called once after each Start that has succeeded, as a missing one does, when Run has returned and not before,
	// with a ctx that has not been cancelled, except by an abort. It is not called if Run does not return: nobody pulls away what a task still uses.
	Stop func(context.Context) error

	// Ready returns nil when the component can do its work. It may wait for that, so the Wait of an event will do.
	// After the start it is called until it says nil, and only then does the next component start. Later it is called every
	// Config.CheckEvery, with Config.CheckTimeout for each call; while it fails, the service is not ready.
	// Without Ready a component is ready when Start has returned and Run has been started. Ready and Alive are called beside Run and each other,
	// but not when Stop is.
	Ready func(context.Context) error

	// Alive returns an error if the component is beyond help, so that the process should be replaced.
	// It is called as often as Ready. The service does nothing about it but say so; see [Service.Alive].
	Alive func(context.Context) error

	// Restart says what to do when Run ends by itself.
	Restart Restart

	// StartTimeout bounds the time until the component is ready, StopTimeout that from when it is told to stop until Run and Stop
	// have returned; Stop has LastMoment at least, or StopTimeout if that is less. 0 means those of the Config.
	StartTimeout, StopTimeout time.Duration
}

// stopping is the name of the task that stops the service.
const stopping = "stop"

// check says what is wrong with c, or "".
func (c *Component) check() string {
	wrong := func(field string, v any, want string) string {
		return fmt.Sprintf("Component.%s of %q is %v: it must be %s", field, c.Name, v, want)
	}
	switch {
	case c.Name == "":
		return "a component needs a Name"
	case strings.ContainsRune(c.Name, '/'):
		return wrong("Name", c.Name, "without a slash, which parts the names of a path")
	case c.Name == stopping:
		return wrong("Name", c.Name, "another one: the service has a task of that name")
	case c.Start == nil && c.Run == nil && c.Stop == nil && c.Ready == nil && c.Alive == nil:
		return fmt.Sprintf("component %q has no function: give it a Start, Run, Stop, Ready or Alive", c.Name)
	case c.Restart < Never || c.Restart > Always:
		return wrong("Restart", int(c.Restart), "Never, OnFailure or Always")
	case c.Restart != Never && c.Run == nil:
		return wrong("Restart", c.Restart, "Never, since it has no Run that could end")
	case c.StartTimeout < 0:
		return wrong("StartTimeout", c.StartTimeout, "positive, or 0 for that of the Config")
	case c.StopTimeout < 0:
		return wrong("StopTimeout", c.StopTimeout, "positive, or 0 for that of the Config")
	}
	return ""
}

func nameOf(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "unknown"
	}
	return names[i]
}
