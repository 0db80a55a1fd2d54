package loop

import "context"

// RunBare runs main on a new loop without a root scope: a place that has a scheduler and no task.
func RunBare(ctx context.Context, main func(ctx context.Context), opts ...Option) {
	_ = run(ctx, opts, func(ctx context.Context, _ *root) error {
		main(ctx)
		return nil
	})
}

// PendingEnds returns how many functions wait for the loop's end.
func (l *Loop) PendingEnds() int {
	l.ends.mu.Lock()
	defer l.ends.mu.Unlock()
	return len(l.ends.calls)
}

// Asleep reports whether the loop waits for something to do.
func (l *Loop) Asleep() bool { return l.ready.head.Load() == &l.ready.asleep }
