package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-go/braid"
)

// operation is a call that may block. What all of them have in common is said once, for each.
type operation struct {
	name string // as the documentation calls it
	wait string // as Handle.Waiting calls it; empty if it never parks

	// ready returns the call on an object where it succeeds at once, and a snapshot of that object.
	ready func(g *braid.Group) (call func(ctx context.Context) error, state func() any)

	// blocked returns the call on an object where it has to wait; nil if cancelling a wait changes the object by design.
	blocked func(t *testing.T, ctx context.Context, g *braid.Group) blockedCall
}

// blockedCall is a call that has to wait until proceed. Any number may wait at a time; after proceed all of them succeed.
type blockedCall struct {
	call    func(ctx context.Context) error
	waiting func() int
	state   func() any
	proceed func()
}

func operationCases() []testCase {
	all := make([]testCase, 0, 8*len(operations))
	for _, op := range operations {
		all = append(all, testCase{op.name + ": a done ctx comes first, although the call could succeed at once", op.ctxFirst})
		if op.blocked == nil {
			continue
		}
		all = append(all,
			testCase{op.name + ": a task that waits says on what", op.saysWhat},
			testCase{op.name + ": cancelling the task ends the wait, with the cause, and leaves nothing behind", op.cancelTask},
			testCase{op.name + ": the end of a standard ctx below the task's ends the wait and leaves nothing behind", op.cancelBelow},
			testCase{op.name + ": a timeout ends the wait and leaves nothing behind", op.timeout},
			testCase{op.name + ": works in plain goroutines, beside tasks, and obeys a standard ctx there", op.plain},
			testCase{op.name + ": one ctx may be used by many at once, and its end ends all their waits", op.sharedCtx},
			testCase{op.name + ": one ctx may be used by many at once, and each of them is served", op.sharedServed},
		)
	}
	return all
}

func snapshot(state func() any) string { return fmt.Sprintf("%+v", state()) }

func (op operation) ctxFirst(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		call, state := op.ready(g)
		before := snapshot(state)
		task, release := aTask(t, ctx, g)
		braid.Current(task).Cancel(errStop)
		for i, done := range append(endedContexts(ctx), task) {
			if err := call(done); !errors.Is(err, errStop) {
				t.Errorf("with done ctx %d: %v, want its cause", i, err)
			}
		}
		release()
		ok(t, braid.Current(task).Wait(ctx))
		want(t, "the state after all that", snapshot(state), before)
		if err := call(ctx); err != nil {
			t.Errorf("with a live ctx: %v", err)
		}
	})
}

func (op operation) saysWhat(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		c := begin(g, b.call)
		until(t, ctx, "the task says that it waits in "+op.wait, func() bool { return strings.HasPrefix(c.h.Waiting(), op.wait) })
		b.proceed()
		c.succeeds(t, ctx, "the call")
		want(t, "Waiting of a task that has ended", c.h.Waiting(), "")
	})
}

func (op operation) cancelTask(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		before := snapshot(b.state)
		calls := []*call{begin(g, b.call), begin(g, b.call), begin(g, b.call)}
		until(t, ctx, "all wait", func() bool { return b.waiting() == len(calls) })
		for _, i := range []int{1, 0, 2} { // from the middle, the front and the end of the queue
			calls[i].h.Cancel(errStop)
			calls[i].fails(t, ctx, "the cancelled call", errStop)
		}
		want(t, "the state afterwards", snapshot(b.state), before)
		b.proceed()
		begin(g, b.call).succeeds(t, ctx, "a later call")
	})
}

func (op operation) cancelBelow(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		before := snapshot(b.state)
		below, cancel := context.WithCancelCause(ctx)
		c := begin(g, func(context.Context) error { return b.call(below) })
		d := begin(g, func(ctx context.Context) error {
			inner, stop := context.WithCancelCause(ctx)
			context.AfterFunc(below, func() { stop(errStop) })
			err := b.call(inner)
			ok(t, ctx.Err())
			return err
		})
		until(t, ctx, "both wait", func() bool { return b.waiting() == 2 })
		cancel(errStop)
		c.fails(t, ctx, "the call under the cancelled ctx", errStop)
		d.fails(t, ctx, "the call under a ctx that the task made", errStop)
		want(t, "the state afterwards", snapshot(b.state), before)
		b.proceed()
		begin(g, b.call).succeeds(t, ctx, "a later call")
	})
}

func (op operation) timeout(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		before := snapshot(b.state)
		c := begin(g, func(ctx context.Context) error { return braid.Timeout(ctx, aMoment, b.call) })
		c.fails(t, ctx, "the call", braid.ErrTimeout)
		want(t, "the state afterwards", snapshot(b.state), before)
		b.proceed()
		begin(g, b.call).succeeds(t, ctx, "a later call")
	})
}

func (op operation) plain(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		before := snapshot(b.state)
		std, cancel := context.WithCancelCause(context.Background())
		gone := elsewhere(func() error { return b.call(std) })
		until(t, ctx, "a goroutine waits", func() bool { return b.waiting() == 1 })
		cancel(errStop)
		if err := join(t, ctx, gone); !errors.Is(err, errStop) {
			t.Errorf("in a goroutine whose ctx ended: %v, want the cause", err)
		}
		want(t, "the state afterwards", snapshot(b.state), before)

		stays := elsewhere(func() error { return b.call(context.Background()) })
		until(t, ctx, "a goroutine waits", func() bool { return b.waiting() == 1 })
		task := begin(g, b.call)
		until(t, ctx, "a task waits behind it", func() bool { return b.waiting() == 2 })
		another := elsewhere(func() error { return b.call(context.Background()) })
		until(t, ctx, "a goroutine waits behind that", func() bool { return b.waiting() == 3 })
		b.proceed()
		ok(t, join(t, ctx, stays))
		task.succeeds(t, ctx, "the task")
		ok(t, join(t, ctx, another))
	})
}

func (op operation) sharedCtx(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		before := snapshot(b.state)
		task, release := aTask(t, ctx, g)
		calls := op.share(t, ctx, g, b, task)
		braid.Current(task).Cancel(errStop)
		for _, c := range calls {
			c.fails(t, ctx, "a call under the cancelled ctx", errStop)
		}
		want(t, "the state afterwards", snapshot(b.state), before)
		release()
		b.proceed()
	})
}

func (op operation) sharedServed(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		b := op.blocked(t, ctx, g)
		task, release := aTask(t, ctx, g)
		calls := op.share(t, ctx, g, b, task)
		b.proceed()
		for _, c := range calls {
			c.succeeds(t, ctx, "a call under the shared ctx")
		}
		release()
	})
}

// share makes several tasks call under one ctx, and returns when all of them wait.
func (op operation) share(t *testing.T, ctx context.Context, g *braid.Group, b blockedCall, shared context.Context) []*call {
	t.Helper()
	var calls []*call
	for range 4 {
		calls = append(calls, begin(g, func(context.Context) error { return b.call(shared) }))
		until(t, ctx, "one more waits", func() bool { return b.waiting() == len(calls) })
	}
	return calls
}
