package service

import (
	"context"

	"github.com/braid-go/braid"
)

// Serve makes a Run of the two functions that servers of other packages have: one that serves until the other one shuts it down.
//
//	service.Component{Name: "grpc", Run: service.Serve(func() error { return srv.Serve(listener) }, stop)}
//
// serve is called at once, as a task "serve", in a way that may block its goroutine. If it returns by itself, so does the Run, with its error.
// When the component is told to stop, shutdown is called by the component's own task, in a [Shield], so its ctx ends when the component's time is over;
// what serve returns then is the answer to that, and dropped. The Run ends when both have returned: if shutdown fails, and serve therefore goes on,
// the component is reported as stuck.
//
// Serve panics if one of them is nil.
func Serve(serve func() error, shutdown func(context.Context) error) func(context.Context) error {
	if serve == nil || shutdown == nil {
		panic("service: Serve needs two functions, serve and shutdown; one of those given is nil")
	}
	return func(ctx context.Context) error {
		lim := braid.NewLimiter("serve", 1)
		return braid.Run(context.WithoutCancel(ctx), func(_ context.Context, g *braid.Group) error {
			var served error
			told := false
			task := g.Go(func(ctx context.Context) error {
				served = blocking(ctx, lim, func(context.Context) error { return serve() }) // kept, for it may be no failure
				return nil
			}, braid.Name("serve"))
			if task.Wait(ctx) != nil && ctx.Err() != nil {
				told = true
				if err := Shield(ctx, shutdown); err != nil {
					return err
				}
			}
			_ = task.Wait(context.WithoutCancel(ctx))
			if told {
				return nil
			}
			return served
		})
	}
}
