package inspect

import (
	"context"
	"log/slog"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/record"
)

// LogHandler returns a handler that says in each record which task has logged it: "task", with its path, and "task_id",
// with the id that it has in the inspector, and hands the record to h.
// A record whose ctx belongs to no task is left as it is. So is one that was logged without a ctx: use slog.InfoContext and its like.
//
//	slog.SetDefault(slog.New(inspect.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//
// It needs no inspector. Below Logger.WithGroup the two stand in the group, as all attributes of a record do.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if t := braid.Current(ctx); t != nil {
		r = r.Clone()
		r.AddAttrs(slog.String("task", t.Path()), slog.Uint64("task_id", record.Source.IDOf(ctx)))
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name)}
}
