package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/braid-go/braid/resilience"
)

// Download is what [Session.Download] and [Session.DownloadFile] load.
type Download struct {
	URL string

	// Progress, if not nil, hears of each piece that has been written: how many bytes so far, of how many; -1 if nobody knows.
	// It is called by the task that loads.
	Progress func(done, total int64)

	// Max is how many bytes it may be; 0 means that there is no limit.
	Max int64
}

// Download loads what d says into w, and returns how many bytes were written.
//
// If it breaks off and the session has a Retry, it is resumed from where it was, as often as the Retry allows, if the server
// takes ranges and the response had a strong ETag or a Last-Modified. If what is loaded has changed meanwhile, it fails with [ErrChanged]:
// what w holds then is the beginning of something that is no more.
// There is no total time limit but that of ctx and [Options]: the others suffice to notice that nothing comes any more.
// A status of 400 and more is a [*StatusError]. The content is not decompressed. Download panics if w is nil.
//
// # Cancellation
//
// If ctx is done already, or ends meanwhile, Download returns its cause; w has what came before.
func (s *Session) Download(ctx context.Context, d Download, w io.Writer) (int64, error) {
	if w == nil {
		panic("session: Download needs a writer; the one given is nil")
	}
	o := optionsOf(ctx)
	o.Timeouts.Total = or(o.Timeouts.Total, -1)
	o.Body = -1
	l := &loading{s: s, d: d, w: w, total: -1}
	ctx = WithOptions(ctx, o)
	if s.config.Retry == nil {
		err := l.once(ctx)
		return l.done, plain(err)
	}
	retry := *s.config.Retry
	retry.Idempotent = true
	_, err := resilience.Do(ctx, &retry, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.once(ctx) })
	return l.done, plain(err)
}

// loading is one download, over several requests.
type loading struct {
	s           *Session
	d           Download
	w           io.Writer
	done, total int64
	validator   string // by which the server knows what this is the beginning of; empty: it cannot be resumed
}

// once loads from where it was. One that is not final can be resumed from.
func (l *loading) once(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.d.URL, nil)
	if err != nil {
		return final(err)
	}
	req.Header.Set("Accept-Encoding", "identity") // a range is one of what is stored
	if l.done > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", l.done))
		req.Header.Set("If-Range", l.validator)
	}
	resp, err := l.s.Do(req)
	if err != nil {
		return final(err) // Do has retried
	}
	defer resp.Body.Close()
	if err := l.accept(resp); err != nil {
		return final(err)
	}
	err = l.copy(resp.Body)
	if err != nil && l.done > 0 && l.validator == "" {
		return final(err)
	}
	if err == nil && l.done < l.total {
		err = fmt.Errorf("session: GET %s: the server gave a part that ends after %d of %d bytes: %w", resp.Request.URL.Redacted(), l.done, l.total, io.ErrUnexpectedEOF)
	}
	return err
}

// accept looks whether resp is what is to be loaded.
func (l *loading) accept(resp *http.Response) error {
	resumed := l.done > 0
	switch {
	case resumed && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable: // it is shorter now
		return fmt.Errorf("session: GET %s: resumed after %d bytes, got %s: %w", resp.Request.URL.Redacted(), l.done, resp.Status, ErrChanged)
	case resp.StatusCode >= 400:
		return readStatus(resp)
	case !resumed && resp.StatusCode == http.StatusOK:
		l.total = resp.ContentLength
		l.validator = ""
		if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // no weak one
			l.validator = tag
		} else if tag == "" {
			l.validator = resp.Header.Get("Last-Modified")
		}
		if resp.Header.Get("Accept-Ranges") == "none" {
			l.validator = ""
		}
	case !resumed:
		return fmt.Errorf("session: GET %s: %s is no answer to load", resp.Request.URL.Redacted(), resp.Status)
	case resp.StatusCode != http.StatusPartialContent, !l.continues(resp.Header.Get("Content-Range")):
		return fmt.Errorf("session: GET %s: resumed after %d bytes, got %s: %w", resp.Request.URL.Redacted(), l.done, resp.Status, ErrChanged)
	}
	if l.d.Max > 0 && l.total > l.d.Max {
		return fmt.Errorf("session: GET %s: %d bytes, of which %d are allowed: %w", resp.Request.URL.Redacted(), l.total, l.d.Max, ErrTooLarge)
	}
	return nil
}

// continues reports whether a part begins where the last one has ended, and is one of the same whole. It may end before that does.
func (l *loading) continues(contentRange string) bool {
	span, whole, _ := strings.Cut(contentRange, "/")
	if !strings.HasPrefix(span, fmt.Sprintf("bytes %d-", l.done)) {
		return false
	}
	total, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return whole == "*" // nobody knows
	}
	if l.total < 0 {
		l.total = total
	}
	return total == l.total
}

// copy is io.Copy that counts, and tells a failure to write from one to read.
func (l *loading) copy(body io.Reader) error {
	piece := make([]byte, 32<<10)
	for {
		n, err := body.Read(piece)
		if l.d.Max > 0 && l.done+int64(n) > l.d.Max {
			return final(fmt.Errorf("session: GET %s: more than the %d bytes that are allowed: %w", l.d.URL, l.d.Max, ErrTooLarge))
		}
		if n > 0 {
			written, err := l.w.Write(piece[:n])
			l.done += int64(max(0, written))
			if err == nil && written < n {
				err = io.ErrShortWrite
			}
			if err != nil {
				return final(err)
			}
			if l.d.Progress != nil {
				l.d.Progress(l.done, l.total)
			}
		}
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// DownloadFile is [Session.Download] into a file. The file is there when all of it is: it is written beside path,
// under a name that begins with a dot, and renamed when it is complete. If it fails, nothing is left, and what was at path is as before.
// It has the permissions of the file that it replaces, or those of a new file.
//
// # Cancellation
//
// As with Download, but that nothing is left.
func (s *Session) DownloadFile(ctx context.Context, d Download, path string) (n int64, err error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	f, err := createBeside(path)
	if err != nil {
		return 0, err
	}
	complete := false
	defer func() {
		if !complete {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if n, err = s.Download(ctx, d, f); err != nil {
		return n, err
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return n, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return n, err
	}
	complete = true
	return n, nil
}

// createBeside creates a file that is to be renamed to path.
func createBeside(path string) (*os.File, error) {
	before, err := os.Stat(path)
	if err == nil && !before.Mode().IsRegular() {
		return nil, fmt.Errorf("session: DownloadFile: %s is there, and is not a regular file", path)
	}
	name := fmt.Sprintf(".%s.%016x", filepath.Base(path), rand.Uint64())
	f, failed := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // those of any new file
	if failed != nil || err != nil {
		return f, failed
	}
	if err := f.Chmod(before.Mode().Perm()); err != nil && runtime.GOOS != "windows" {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}
