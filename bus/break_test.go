package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/bus"
)

// fields is an error that cannot be compared, as those of validators are.
type fields []string

func (f fields) Error() string { return strings.Join(f, ", ") }

// The cause of an end may be an error that cannot be compared: nothing may panic on its account, and the publisher is told.
func TestUncomparableCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		publisher := t.Context()
		_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			b := bus.New(g, bus.Config{})
			s := subscribe(t, ctx, b, func(ctx context.Context, _ order) error {
				g.Cancel(fields{"name"})
				<-ctx.Done()
				return context.Cause(ctx)
			})
			err := bus.Publish(publisher, b, order{1}, bus.WaitAll)
			if _, ok := errors.AsType[fields](err); !ok {
				t.Errorf("error is %v", err)
			}
			must(t, s.Unsubscribe(publisher))
			balanced(t, s)
			return nil
		}, braid.PanicHook(func(e *braid.PanicError) { t.Errorf("panicked: %v", e) }))
	})
}

// Who has stopped waiting waits for nobody: a handler whose publisher has left may publish to it, and wait.
func TestPublisherThatHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run(t, t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) {
			var left braid.Event
			got := 0
			a := subscribe(t, ctx, b, func(ctx context.Context, o order) error {
				got++
				if o.ID == 1 {
					wantErr(t, bus.Publish(ctx, b, price{}, bus.WaitFirstError), errDown)
					left.Set()
				}
				return nil
			}, bus.Name("a"))
			subscribe(t, ctx, b, func(context.Context, price) error { return errDown }, bus.Name("fails"))
			subscribe(t, ctx, b, func(ctx context.Context, _ price) error {
				must(t, left.Wait(ctx))
				if err := bus.Publish(ctx, b, order{2}, bus.WaitAll); err != nil {
					t.Errorf("publishing to who has left: %v", err)
				}
				if err := a.Unsubscribe(ctx); err != nil {
					t.Errorf("unsubscribing who has left: %v", err)
				}
				return nil
			}, bus.Name("slow"))
			must(t, bus.Publish(ctx, b, order{1}, bus.WaitAll))
			synctest.Wait()
			equal(t, "events", got, 2)
		})
	})
}
