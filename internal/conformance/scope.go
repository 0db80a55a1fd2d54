package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

var scopeCases = []testCase{
	{"Run returns only when every child has ended", func(t *testing.T, ctx context.Context) {
		var order []string
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			var gate braid.Event
			g.Go(func(ctx context.Context) error {
				defer func() { order = append(order, "child") }()
				return gate.Wait(ctx)
			})
			until(t, ctx, "the child waits", func() bool { return gate.Statistics().Waiting == 1 })
			gate.Set()
			return nil
		})
		order = append(order, "Run")
		if err != nil || len(order) != 2 || order[0] != "child" {
			t.Errorf("err = %v, order = %v", err, order)
		}
	}},
	{"a failing child cancels the body and the failure is named", func(t *testing.T, ctx context.Context) {
		boom := errors.New("boom")
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { return boom }, braid.Name("bad"))
			return (&braid.Event{}).Wait(ctx)
		}, braid.Name("scope"))
		var ge *braid.GroupError
		var te *braid.TaskError
		if !errors.As(err, &ge) || !errors.As(err, &te) || !errors.Is(err, boom) || te.Task != "scope/bad" || len(ge.Unwrap()) != 1 {
			t.Errorf("err = %v", err)
		}
	}},
	{"Goexit in a task is a failure, never a hang", func(t *testing.T, ctx context.Context) {
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error { goexit(); return nil })
			return (&braid.Event{}).Wait(ctx)
		})
		if !errors.Is(err, braid.ErrGoexit) {
			t.Errorf("err = %v", err)
		}
	}},
}
