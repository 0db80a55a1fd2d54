package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/braid-go/braid/inspect"
)

// writeLooks writes a line of JSON for each look, the first at once, until there were count of them, or for ever if that is 0.
// A file does not change: then 0 is 1. If ctx is done it returns the cause.
func writeLooks(ctx context.Context, m *top, count int, out io.Writer) error {
	m.ctx = ctx
	enc := json.NewEncoder(out)
	ticks := time.NewTicker(m.every)
	defer ticks.Stop()
	for n := 1; ; n++ {
		a := m.ask(m.query(), m.fold)
		if a.err != nil {
			return a.err
		}
		if err := enc.Encode(struct {
			Info     *inspect.Info      `json:"info"`
			Findings *inspect.Findings  `json:"findings"`
			Tasks    *inspect.Page      `json:"tasks,omitempty"`
			Groups   *inspect.GroupPage `json:"groups,omitempty"`
		}{a.info, a.findings, a.page, a.groups}); err != nil {
			return err
		}
		if n == count || count == 0 && !a.info.Live {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
	}
}
