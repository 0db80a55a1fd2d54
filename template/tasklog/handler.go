// Package tasklog puts the task's path on every log line.
package tasklog

import (
	"context"
	"log/slog"

	"github.com/braid-go/braid"
)

// Key is the key of the attribute.
const Key = "task"

// None is its value on a line that was logged with a ctx that has no task.
const None = "-"

// Handler is a [slog.Handler] that adds the path of the task that logs, such
// as "service/requests/GET /users/{id}", and passes each record on.
//
// The task is found in the ctx, so log with the methods that take one:
// log.InfoContext(ctx, ...). The attribute stands at the top, also in a
// logger with groups.
type Handler struct {
	out slog.Handler

	// In a logger with groups, out would put the attribute into the innermost
	// one. So root is out as it was before the first group, and grouped
	// repeats what came since; both are nil in a logger without groups.
	root    slog.Handler
	grouped func(slog.Handler) slog.Handler
}

// New returns a handler that passes records on to out.
func New(out slog.Handler) *Handler { return &Handler{out: out} }

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.out.Enabled(ctx, l) }

// Handle implements slog.Handler. A record that names its task itself, as the
// report of a panic does, stays as it is.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	named := false
	r.Attrs(func(a slog.Attr) bool {
		named = a.Key == Key
		return !named
	})
	if named {
		return h.out.Handle(ctx, r)
	}
	path := None
	if t := braid.Current(ctx); t != nil {
		path = t.Path()
	}
	task := slog.String(Key, path)
	if h.root != nil {
		return h.grouped(h.root.WithAttrs([]slog.Attr{task})).Handle(ctx, r)
	}
	// A new record, because r may share its attributes with other handlers; and
	// with the task first, because lines are read from the left.
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(task)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(a)
		return true
	})
	return h.out.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(out slog.Handler) slog.Handler { return out.WithAttrs(attrs) }, false)
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(out slog.Handler) slog.Handler { return out.WithGroup(name) }, true)
}

func (h *Handler) with(step func(slog.Handler) slog.Handler, group bool) slog.Handler {
	n := &Handler{out: step(h.out), root: h.root, grouped: step}
	switch {
	case h.root != nil:
		n.grouped = func(out slog.Handler) slog.Handler { return step(h.grouped(out)) }
	case group:
		n.root = h.out
	default:
		n.grouped = nil
	}
	return n
}
