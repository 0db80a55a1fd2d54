package braid_test

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

func TestReport(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	boom := errors.New("boom")
	heard := 0
	hook := braid.PanicHook(func(*braid.PanicError) { heard++ })
	for name, report := range map[string]func(ctx context.Context, g *braid.Group) error{
		"under the ctx of a body": func(ctx context.Context, _ *braid.Group) error {
			braid.Report(ctx, boom)
			if !errors.Is(context.Cause(ctx), boom) {
				t.Errorf("the cause is %v", context.Cause(ctx))
			}
			return nil
		},
		"under the ctx of a task": func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { braid.Report(ctx, boom); return nil })
			return nil
		},
		"under a time limit": func(ctx context.Context, _ *braid.Group) error {
			return braid.Timeout(ctx, 1<<40, func(ctx context.Context) error { braid.Report(ctx, boom); return nil })
		},
	} {
		if err := braid.Run(t.Context(), report, hook); !errors.Is(err, boom) || heard != 0 {
			t.Errorf("%s: Run returns %v, the hook heard %d times", name, err, heard)
		}
	}

	var kept context.Context
	if err := braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error { kept = ctx; return nil }, hook); err != nil {
		t.Error(err)
	}
	braid.Report(kept, boom)
	if heard != 1 {
		t.Errorf("after the scope, the hook heard %d times", heard)
	}
}
