package inspect

import (
	"context"
	"net/http"
	"time"
)

const (
	maxClients  = 8           // that follow events
	maxRequests = 8           // that are worked on at a time
	maxDumps    = 4           // that are read at a time
	gateWait    = time.Second // for a place among one of the last two
)

// gate bounds how much is done for clients at a time.
type gate struct {
	streams, requests, dumps chan struct{}
}

func newGate() *gate {
	return &gate{streams: make(chan struct{}, maxClients), requests: make(chan struct{}, maxRequests), dumps: make(chan struct{}, maxDumps)}
}

// request waits for a place for a request, and returns what gives it back.
func (g *gate) request(ctx context.Context) (leave func(), err error) {
	return enter(ctx, g.requests, "requests are being served")
}

// dump waits for a place for one who reads a whole snapshot, which may take as long as the reader likes.
func (g *gate) dump(ctx context.Context) (leave func(), err error) {
	return enter(ctx, g.dumps, "clients read a snapshot")
}

func enter(ctx context.Context, places chan struct{}, what string) (leave func(), err error) {
	select {
	case places <- struct{}{}:
	default:
		timer := time.NewTimer(gateWait)
		defer timer.Stop()
		select {
		case places <- struct{}{}:
		case <-timer.C:
			return nil, problemf(http.StatusServiceUnavailable, "%d %s already; try again later", cap(places), what)
		case <-ctx.Done():
			return nil, problemf(http.StatusServiceUnavailable, "the inspector has been closed, or you have gone")
		}
	}
	return func() { <-places }, nil
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
