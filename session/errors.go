package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

var (
	// ErrClosed is what requests get, and bodies that are still read, when the session has been closed or its scope has ended.
	ErrClosed = errors.New("session: the session is closed")

	// ErrTooLarge is matched by the error of a body that has more bytes than allowed.
	ErrTooLarge = errors.New("session: the body is larger than allowed")

	// ErrRedirects is matched by the error of a request whose redirects are refused.
	ErrRedirects = errors.New("session: the redirects are refused")

	// ErrChanged is matched by the error of a [Download] that broke off and could not be resumed because what it loads is no longer the same.
	ErrChanged = errors.New("session: it has changed since the download began")
)

// Phase is a part of a request that has a time limit.
type Phase string

// The phases of [Timeouts].
const (
	Total    Phase = "total"
	Connect  Phase = "connect"
	Header   Phase = "response header"
	IdleRead Phase = "idle read"
	Try      Phase = "try"
)

// TimeoutError says which time limit of a request ran out. It matches [braid.ErrTimeout] and [context.DeadlineExceeded],
// and Timeout() is true as for the errors of package net.
type TimeoutError struct {
	Phase Phase
	After time.Duration // the limit
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("session: %s timeout of %v ran out", e.Phase, e.After)
}

// Is makes errors.Is match braid.ErrTimeout and context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == braid.ErrTimeout || target == context.DeadlineExceeded
}

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// StatusError is a response that is an error because of its status.
type StatusError struct {
	Method, URL string // the URL without password
	StatusCode  int
	Status      string // such as "404 Not Found"
	Header      http.Header
	Body        []byte // its beginning, at most 4 KiB
	Attempts    int    // tries that were made for it
}

// Error has the beginning of the body in it if that is text: as a rule it says what is wrong.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("session: %s %s: %s", e.Method, e.URL, e.Status)
	if e.Attempts > 1 {
		s += " (after " + strconv.Itoa(e.Attempts) + " attempts)"
	}
	if kind := e.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/plain") || strings.Contains(kind, "json") {
		if said := strings.TrimSpace(string(e.Body)); said != "" {
			if len(said) > 200 {
				said = said[:200] + "..."
			}
			s += fmt.Sprintf(": %q", said)
		}
	}
	return s
}

// RetryAfter returns for how long the response asks to be left alone; 0 if it does not. Packages resilience and work heed it.
func (e *StatusError) RetryAfter() time.Duration { return retryAfter(e.Header, time.Now()) }

// finalError is what the session does not repeat. Others may have reasons to: the mark does not leave the session.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func final(err error) error { return resilience.Permanent(&finalError{err}) }

// plain returns the result of a retry without the mark of final.
func plain(err error) error {
	f, ok := errors.AsType[*finalError](err)
	if !ok {
		return err
	}
	if spent, ok := err.(*resilience.RetryError); ok { //nolint:errorlint // the session's own
		return &resilience.RetryError{Attempts: spent.Attempts, Why: spent.Why, Err: f.err}
	}
	return f.err
}

// BodyError says that a response's body could not be read to its end. It unwraps to the reason.
type BodyError struct {
	Method, URL string // the URL without password
	Read        int64  // bytes that were read, after decompression
	Want        int64  // what the header announced; -1 if nothing, or if it was compressed
	Err         error
}

func (e *BodyError) Error() string {
	of := ""
	if e.Want >= 0 {
		of = fmt.Sprintf(" of %d", e.Want)
	}
	return fmt.Sprintf("session: body of %s %s broke off after %d%s bytes: %v", e.Method, e.URL, e.Read, of, e.Err)
}

// Unwrap returns the reason.
func (e *BodyError) Unwrap() error { return e.Err }

// RedirectError says why redirects were not followed. It matches [ErrRedirects].
type RedirectError struct {
	Via  []string // the URLs, without passwords, in the order in which they were asked for; the last one was not any more
	Loop bool     // the last one has been asked for twice already
}

func (e *RedirectError) Error() string {
	if e.Loop {
		return "session: redirect loop: " + strings.Join(e.Via, " -> ")
	}
	return fmt.Sprintf("session: more than %d redirects: %s", len(e.Via)-2, strings.Join(e.Via, " -> "))
}

// Is makes errors.Is match ErrRedirects.
func (e *RedirectError) Is(target error) bool { return target == ErrRedirects }

// OpenBody is a response body that has not been closed.
type OpenBody struct {
	Method, URL string // the URL without password
	Status      int
	Age         time.Duration // since the request
	Read        int64         // bytes so far
}

func (b OpenBody) String() string {
	return fmt.Sprintf("%s %s (%d, %v ago, %d bytes read)", b.Method, b.URL, b.Status, b.Age.Round(time.Millisecond), b.Read)
}

// LeakError is what [Session.Close] returns if something had not been given back.
type LeakError struct {
	Session string
	Bodies  []OpenBody // that were neither closed nor read to their end; they have been broken off
	Conns   int        // connections that net/http has not let go of in time; as a rule there are none
}

func (e *LeakError) Error() string {
	var parts []string
	if len(e.Bodies) > 0 {
		all := make([]string, len(e.Bodies))
		for i, b := range e.Bodies {
			all[i] = b.String()
		}
		parts = append(parts, "the bodies of these responses were open; close each resp.Body: "+strings.Join(all, ", "))
	}
	if e.Conns > 0 {
		parts = append(parts, fmt.Sprintf("%d connections have not ended", e.Conns))
	}
	return "session: " + e.Session + " was closed, and " + strings.Join(parts, "; ")
}
