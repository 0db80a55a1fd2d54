package gen

import (
	"context"

	"github.com/braid-go/braid"
)

// report tells of a failure that came when nobody could be given it any more: the loop over a stream has been left,
// and then its cleanup failed. The panic hook that is in force under ctx hears of it.
//
// The design wants it to fail the scope that ctx belongs to. That needs a call in package braid; it belongs here when there is one.
func report(ctx context.Context, err error) {
	// A scope of its own that panics and keeps it: this tells the hook, and nobody else.
	_ = braid.Run(context.WithoutCancel(ctx), func(context.Context, *braid.Group) error {
		panic(err)
	}, braid.Name("stream cleanup"), braid.OnPanic(braid.AsError))
}
