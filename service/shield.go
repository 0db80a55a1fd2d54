package service

import (
	"context"
	"errors"

	"github.com/braid-go/braid"
)

// Shield calls fn with a ctx that does not end when the component is told to stop, but when its StopTimeout is over: for a Run that finishes
// what it has in hand. It is [braid.Shield] with what is left of the component's time; as long as nobody stops the component, that has no end.
// The same goes for the tasks and scopes that the component opens.
//
// It returns what fn returns. In a ctx that belongs to no component the limit is [DefaultStopTimeout], so that a component can be tested alone.
//
// # Cancellation
//
// Shield calls fn even if ctx is done; that is what it is for. The ctx of fn ends with [ErrStopTimeout] when the time is over, or when the service is aborted.
func Shield(ctx context.Context, fn func(context.Context) error) error {
	if fn == nil {
		panic("service: Shield needs a function; the one given is nil")
	}
	l := lifeOf(ctx)
	limit, _ := l.left(ctx)
	if l != nil {
		limit = plus(limit, l.run.cfg.LastMoment) // it is the kill at the end of the time that ends it
	}
	var err error
	scope := braid.Shield(ctx, limit, func(ctx context.Context) error {
		return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			defer l.onKill(hook{kill: func() { g.Cancel(ErrStopTimeout) }})()
			err = fn(ctx)
			return nil
		})
	})
	if scope == nil {
		return err
	}
	return errors.Join(err, scope)
}
