package inspect

import (
	"context"
	"net/http"
	"time"
)

const (
	maxClients  = 8           // that follow events
	maxRequests = 8           // that are worked on at a time
	gateWait    = time.Second // for a place among those
)

// gate bounds how much is done for clients at a time.
type gate struct {
	streams, requests chan struct{}
}

func newGate() *gate {
	return &gate{streams: make(chan struct{}, maxClients), requests: make(chan struct{}, maxRequests)}
}

// request waits for a place for a request, and returns what gives it back.
func (g *gate) request(ctx context.Context) (leave func(), err error) {
	select {
	case g.requests <- struct{}{}:
	default:
		timer := time.NewTimer(gateWait)
		defer timer.Stop()
		select {
		case g.requests <- struct{}{}:
		case <-timer.C:
			return nil, problemf(http.StatusServiceUnavailable, "%d requests are being served already; try again later", maxRequests)
		case <-ctx.Done():
			return nil, problemf(http.StatusServiceUnavailable, "the inspector has been closed, or you have gone")
		}
	}
	return func() { <-g.requests }, nil
}

// stream takes a place for one who follows events.
func (g *gate) stream() (leave func(), err error) {
	select {
	case g.streams <- struct{}{}:
		return func() { <-g.streams }, nil
	default:
		return nil, problemf(http.StatusServiceUnavailable, "%d clients follow events already; end one of them, or try again later", maxClients)
	}
}
