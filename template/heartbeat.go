package template

import (
	"context"
	"log/slog"
	"time"

	"github.com/braid-go/braid"
)

// heartbeat logs a sign of life every period until ctx ends, with the number of
// requests under way. It stands for the work that a service does unasked.
func heartbeat(ctx context.Context, log *slog.Logger, period time.Duration, requests func() int) error {
	beats := 0
	return braid.Every(ctx, period, func(ctx context.Context) error {
		beats++
		log.InfoContext(ctx, "beat", "beats", beats, "requests", requests())
		return nil
	})
}
