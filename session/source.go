package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// source is the body of a request as net/http reads it, on goroutines of its own, where a panic would end the program.
// What goes wrong in it is the request's fault and not the host's.
type source struct {
	io.ReadCloser
	x      *exchange
	closed atomic.Bool
}

// watched returns req, which may be changed, with its body watched.
func (x *exchange) watched(req *http.Request) *http.Request {
	if !hasBody(req) {
		return req
	}
	req.Body = x.watch(req.Body)
	if get := req.GetBody; get != nil { // for net/http, which sends again what a connection that has died did not take
		req.GetBody = func() (body io.ReadCloser, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = x.panicked(v)
				}
			}()
			if body, err = get(); err != nil {
				return nil, err
			}
			return x.watch(body), nil
		}
	}
	return req
}

func (x *exchange) watch(body io.ReadCloser) io.ReadCloser {
	if isPlain(body) {
		return body
	}
	s := &source{ReadCloser: body, x: x}
	// net/http waits for a Read of a request that is over already, such as one from a pipe.
	context.AfterFunc(x.ctx, func() { _ = s.Close() })
	return s
}

var nopClosers = [...]reflect.Type{reflect.TypeOf(io.NopCloser(nil)), reflect.TypeOf(io.NopCloser(new(bytes.Reader)))}

// isPlain reports whether body is what http.NewRequest makes of something in memory, or a file: net/http knows them, and sends them in fewer writes.
func isPlain(body io.ReadCloser) bool {
	if _, ok := body.(*os.File); ok {
		return true
	}
	if !slices.Contains(nopClosers[:], reflect.TypeOf(body)) {
		return false
	}
	switch reflect.ValueOf(body).Field(0).Interface().(type) {
	case *bytes.Reader, *bytes.Buffer, *strings.Reader:
		return true
	default:
		return false
	}
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (n int, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			n, err = 0, s.x.panicked(v)
			s.failed(err)
			return
		}
		err = fmt.Errorf("session: the body of a request: %w", braid.ErrGoexit)
		s.failed(err)
		s.x.cancel(err) // net/http will not hear of it
	}()
	n, err = s.ReadCloser.Read(p)
	returned = true
	if n < 0 || n > len(p) {
		n, err = 0, fmt.Errorf("session: the body of a request has read %d bytes into %d", n, len(p))
	}
	if err != nil && err != io.EOF { //nolint:errorlint // only that is the end
		s.failed(err)
	}
	return n, err
}

// failed notes an error, unless it is only that of a body that net/http has closed while it was read.
func (s *source) failed(err error) {
	if !s.closed.Load() {
		s.x.source.CompareAndSwap(nil, &err)
	}
}

// Close implements io.Closer. Only the first call counts.
func (s *source) Close() (err error) {
	if s.closed.Swap(true) {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = s.x.panicked(v)
		}
	}()
	return s.ReadCloser.Close()
}

// panicked makes an error of a panic, with the stack at which it is called.
func (x *exchange) panicked(v any) error {
	if p, ok := v.(*braid.PanicError); ok {
		return p
	}
	p := &braid.PanicError{Value: v, Stack: debug.Stack()}
	if t := braid.Current(x.ctx); t != nil {
		p.Task = t.Path()
	}
	return p
}
