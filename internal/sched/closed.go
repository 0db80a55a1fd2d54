package sched

import "context"

// Closed is a Scheduler that controls all that happens to its tasks, as the simulator does.
// What other schedulers leave to goroutines of the runtime, a Closed one is asked to do itself.
type Closed interface {
	Scheduler
	// AfterFunc is context.AfterFunc, except that f is called where the scheduler chooses.
	AfterFunc(ctx context.Context, f func()) (stop func() bool)
	// Go runs f on a goroutine that is none of the scheduler's tasks.
	// The scheduler may wait for it, or for as long as it likes, before anything else happens.
	Go(f func())
	// Panicked hears of a panic in a task that has no hook of its own, and returns false to leave it to the default.
	Panicked(task string, value any, stack []byte) bool
}

// AfterFunc calls f when ctx ends, as context.AfterFunc does.
func AfterFunc(s Scheduler, ctx context.Context, f func()) (stop func() bool) {
	if c, ok := s.(Closed); ok {
		return c.AfterFunc(ctx, f)
	}
	return context.AfterFunc(ctx, f)
}

// Go runs f on a goroutine beside the tasks of s.
func Go(s Scheduler, f func()) {
	if c, ok := s.(Closed); ok {
		c.Go(f)
		return
	}
	go f()
}
