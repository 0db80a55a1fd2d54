package session

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// EventKind says what has happened.
type EventKind string

// The kinds of events, and the fields that each has beside those of the request: Method, URL, Attempt, Hedge.
const (
	TryStarted EventKind = "try started" // a request is about to be sent
	TryEnded   EventKind = "try ended"   // Status or Err, Took, Reused: it has its response, or none
	Retrying   EventKind = "retrying"    // Err, Wait: another try will be made after a wait
	Redirected EventKind = "redirected"  // URL: where to
	BodyEnded  EventKind = "body ended"  // Status, Err, Took, Bytes: read to its end, closed, or broken off
	ConnOpened EventKind = "connection opened"
	ConnFailed EventKind = "connection failed"
	ConnClosed EventKind = "connection closed"
)

// Event is what Config.OnEvent hears. Those of connections have an Address instead of a request.
// For more, such as the phases of connecting, put a httptrace.ClientTrace into the ctx of a request.
type Event struct {
	Kind        EventKind
	Method, URL string // the URL without password
	Attempt     int    // 1 for the first try
	Hedge       bool   // the try is a hedge
	Status      int
	Err         error
	Took        time.Duration // since the try or the attempt to connect began
	Wait        time.Duration
	Reused      bool  // the connection has served a request before
	Bytes       int64 // of the body, after decompression
	Address     string
}

// apart calls f on a goroutine of its own and waits for its end. It is for code of the caller, which may call runtime.Goexit,
// where the goroutine around must go on: that of net/http, or of the session itself.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (s *Session) tell(ctx context.Context, e Event) {
	if s.config.OnEvent == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil { // it must not fail the request that it only watches
			slog.Error("session: OnEvent panicked", "session", s.config.Name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	s.config.OnEvent(ctx, e)
}
