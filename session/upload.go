package session

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
)

// WithProgress returns a copy of req whose body tells how much of it has been read to be sent: how many bytes, of how many; -1 if nobody knows.
// If the request is sent again, it begins again at 0. progress is called by goroutines of net/http, one at a time for each try,
// and holds up the sending.
func WithProgress(req *http.Request, progress func(done, total int64)) *http.Request {
	if req == nil || progress == nil {
		panic("session: WithProgress needs a request and a function")
	}
	out := *req
	if !hasBody(req) {
		return &out
	}
	total := req.ContentLength
	if total == 0 {
		total = -1 // net/http takes it for unknown
	}
	out.Body = &told{ReadCloser: req.Body, total: total, progress: progress}
	if get := req.GetBody; get != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			if err != nil {
				return nil, err
			}
			return &told{ReadCloser: body, total: total, progress: progress}, nil
		}
	}
	return &out
}

// told is a body that tells how much of it has been read.
type told struct {
	io.ReadCloser
	done, total int64
	progress    func(done, total int64)
}

func (t *told) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if n > 0 {
		t.done += int64(n)
		t.progress(t.done, t.total)
	}
	return n, err
}

// UploadFile sends a file with a PUT, POST or other method. progress may be nil; else see [WithProgress].
// The file is opened anew for each try. The request has the time limits of any other: for a large file, give it a Total in [Options].
//
// # Cancellation
//
// As with [Session.Do]: the request and the body of its response end with ctx. The file is closed.
func (s *Session) UploadFile(ctx context.Context, method, rawURL, path string, progress func(done, total int64)) (*http.Response, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f, err := os.Open(path) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("session: UploadFile: %s is not a regular file", path)
	}
	var req *http.Request
	if err == nil {
		req, err = http.NewRequestWithContext(ctx, method, rawURL, f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	req.ContentLength = info.Size()
	req.GetBody = func() (io.ReadCloser, error) { return os.Open(path) } //nolint:gosec // as above
	if info.Size() == 0 {
		_ = f.Close()
		req.Body, req.GetBody = http.NoBody, nil
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if progress != nil {
		req = WithProgress(req, progress)
	}
	return s.Do(req)
}
