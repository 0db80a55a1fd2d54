package session

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

var (
	errOver       = errors.New("session: the exchange of this context has ended")
	errNoResponse = errors.New("session: the transport returned neither a response nor an error")
)

// drainTime bounds how long a Close may read on.
const drainTime = 50 * time.Millisecond

// body is the body of a response. It ends when Read returns an error or when it is closed, whichever is first:
// then the exchange is over.
type body struct {
	x      *exchange
	rc     io.ReadCloser
	status int
	want   int64 // what the header announced; -1 if nothing
	limit  int64 // that may be read; negative: none
	idle   time.Duration
	read   atomic.Int64

	reading sync.Mutex // held by Read, and by the Close that drains
	timer   *time.Timer

	mu    sync.Mutex
	ended bool
	err   error // what Read returns when it has ended
	then  []func()
}

func newBody(x *exchange, resp *http.Response) *body {
	return &body{
		x: x, rc: resp.Body, status: resp.StatusCode, want: resp.ContentLength,
		limit: x.call.bodyLimit, idle: x.call.timeouts.IdleRead,
	}
}

// Read implements io.Reader.
//
// # Cancellation
//
// If the request's ctx ends, or Close is called, or a time limit runs out, Read returns with a [*BodyError] around the cause.
// The body has ended then.
func (b *body) Read(p []byte) (int, error) {
	n, err := inGoroutines(b.x.call.caller, b.x.s.outside, func(context.Context) (int, error) { return b.readHere(p) })
	return n, err
}

func (b *body) readHere(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if ended, err := b.state(); ended {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	read := b.read.Load()
	if b.limit >= 0 && b.want > b.limit {
		return 0, b.fail(ErrTooLarge)
	}
	n, err := b.readOnce(p)
	if b.limit >= 0 && read+int64(n) > b.limit {
		b.read.Store(b.limit)
		return int(b.limit - read), b.fail(ErrTooLarge)
	}
	b.read.Store(read + int64(n))
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF: //nolint:errorlint // only that is the end: what wraps it is a failure
		b.end(io.EOF)
		return n, io.EOF
	case b.x.ctx.Err() != nil:
		err = context.Cause(b.x.ctx)
	}
	return n, b.fail(err)
}

// readOnce reads with the time limit of one read.
func (b *body) readOnce(p []byte) (int, error) {
	if b.idle > 0 {
		if b.timer == nil {
			b.timer = time.AfterFunc(b.idle, func() { b.x.cancel(&TimeoutError{Phase: IdleRead, After: b.idle}) })
		} else {
			b.timer.Reset(b.idle)
		}
		defer b.timer.Stop()
	}
	return b.rc.Read(p)
}

// Close ends the body. It reads what little may be left of it, see Limits.Drain. A Read under way returns.
func (b *body) Close() error {
	if sched.From(b.x.call.caller) == nil {
		b.close()
		return nil
	}
	ctx := context.WithoutCancel(b.x.call.caller)
	_, err := inGoroutines(ctx, b.x.s.outside, func(context.Context) (struct{}, error) { b.close(); return struct{}{}, nil })
	return err
}

// close is Close for callers that are on a goroutine.
func (b *body) close() {
	if b.reading.TryLock() {
		b.drain()
		b.reading.Unlock()
	}
	b.end(http.ErrBodyReadAfterClose)
}

// drain reads the rest, if it is small and there soon. reading is held.
func (b *body) drain() {
	most := b.x.s.config.Limits.Drain
	if ended, _ := b.state(); ended || most <= 0 || b.status == http.StatusSwitchingProtocols || b.x.ctx.Err() != nil {
		return
	}
	if b.want >= 0 && b.want-b.read.Load() > most {
		return
	}
	timer := time.AfterFunc(drainTime, func() { b.x.cancel(errOver) })
	defer timer.Stop()
	n, err := io.CopyN(io.Discard, b.rc, min(most, math.MaxInt64-1)+1)
	b.read.Add(n)
	if err == io.EOF { //nolint:errorlint // as in Read
		b.end(io.EOF)
	}
}

func (b *body) state() (ended bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended, b.err
}

// fail ends the body with an error and returns what Read returns from now on.
func (b *body) fail(err error) error {
	want := b.want
	e := &BodyError{Method: b.x.req.Method, URL: b.x.req.URL.Redacted(), Read: b.read.Load(), Want: want, Err: err}
	b.end(e)
	_, sticky := b.state()
	return sticky
}

// breakOff ends the body from outside, with the cause with which the ctx of its exchange has ended.
func (b *body) breakOff(cause error) { _ = b.fail(cause) }

// none ends a body that is empty.
func (b *body) none() { b.end(io.EOF) }

// end ends the body. Only the first call counts.
func (b *body) end(err error) {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return
	}
	b.ended, b.err = true, err
	then := b.then
	b.then = nil
	b.mu.Unlock()
	whole := err == io.EOF //nolint:errorlint // as in Read
	if !whole {
		b.x.cancel(errOver) // before Close, which would wait for a Read under way
	}
	_ = b.rc.Close()
	if whole || errors.Is(err, http.ErrBodyReadAfterClose) {
		err = nil
	}
	b.x.finish(err)
	for _, f := range then {
		f()
	}
}

// finally calls f when the body has ended, which may be now.
func (b *body) finally(f func()) {
	b.mu.Lock()
	if !b.ended {
		b.then = append(b.then, f)
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	f()
}

// conversation is what a response with 101 Switching Protocols has for a body.
type conversation struct {
	*body
	w io.ReadWriteCloser
}

// Write implements io.Writer.
func (c *conversation) Write(p []byte) (int, error) { return c.w.Write(p) }

// bodyOf returns the body of a response of a session.
func bodyOf(resp *http.Response) *body {
	switch b := resp.Body.(type) {
	case *body:
		return b
	case *conversation:
		return b.body
	default:
		return nil
	}
}
