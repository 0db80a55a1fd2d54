package gen

import (
	"context"

	"github.com/braid-go/braid"
)

// report tells of a failure that came when nobody could be given it any more: the loop over a stream has been left,
// and then its cleanup failed.
func report(ctx context.Context, err error) { braid.Report(ctx, err) }
