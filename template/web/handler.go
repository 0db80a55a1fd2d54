package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/braid-go/braid/template/problem"
	"github.com/braid-go/braid/template/user"
)

// handler answers a request, or returns why it could not before it has written
// anything. What the error means to the caller is decided here, once for all
// routes.
type handler func(w http.ResponseWriter, r *http.Request) error

// handler returns h with its errors turned into answers.
func (s *site) handler(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer boundRest(w, r)
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail answers with the problem that err stands for.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	p, ok := errors.AsType[*problem.Problem](err)
	switch {
	case ok:
	case errors.Is(err, user.ErrNotFound):
		p = problem.New(http.StatusNotFound, "no user has this id")
	case errors.Is(err, user.ErrEmailTaken):
		p = problem.New(http.StatusConflict, "another user has this email address")
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), ErrGraceOver):
		p = problem.Stopping(w.Header())
	case ctx.Err() != nil:
		// The client has gone. Nobody will read this, except one that closed
		// its sending half only, and the log. 499 is nginx's number for it.
		p = &problem.Problem{Title: "Client Closed Request", Status: 499}
	default:
		s.Log.ErrorContext(ctx, "request failed", "err", err)
		p = problem.New(http.StatusInternalServerError, "the service could not do this; its log says why")
	}
	p.Write(w)
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	boundAnswer(w)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // fails only if the client has gone
	return nil
}

// logged is an [httptask.Options.Done] that logs each request.
func logged(log *slog.Logger) func(context.Context, *http.Request, int, time.Duration) {
	return func(ctx context.Context, r *http.Request, status int, took time.Duration) {
		log.LogAttrs(ctx, slog.LevelInfo, "request",
			slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", status), slog.Duration("took", took))
	}
}
