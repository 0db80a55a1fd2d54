package gen

import (
	"context"

	"github.com/braid-go/braid"
)

// reporter is how a failure reaches a scope that cannot be given it as a result.
type reporter interface {
	// Report makes err a failure of the scope that the task runs in.
	Report(err error)
}

// report tells of a failure that came when nobody could be given it any more: the loop over a stream has been left,
// and then its cleanup failed. It fails the scope that owns the stream. Without a scope it goes to the panic hook.
func report(ctx context.Context, err error) {
	if h, ok := any(braid.Current(ctx)).(reporter); ok && braid.Current(ctx) != nil {
		h.Report(err)
		return
	}
	// A scope of its own that panics and keeps it: the hook in force hears of it, and nobody else.
	_ = braid.Run(context.WithoutCancel(ctx), func(context.Context, *braid.Group) error {
		panic(err)
	}, braid.Name("stream cleanup"), braid.OnPanic(braid.AsError))
}
