package template

import (
	"context"

	"github.com/braid-go/braid"
)

// heartbeat logs a sign of life every so often until ctx ends, with the number
// of requests under way. It stands for the work that a service does unasked.
func (s *service) heartbeat(ctx context.Context) error {
	beats := 0
	return braid.Every(ctx, s.cfg.Heartbeat, func(ctx context.Context) error {
		beats++
		s.log.InfoContext(ctx, "beat", "beats", beats, "requests", s.web.running())
		return nil
	})
}
