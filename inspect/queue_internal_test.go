package inspect

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

// A consumer that waits although producers have ended is worth a look, unless producers come and go, as requests do: another one may come.
func TestMonitor_producersThatHaveEnded(t *testing.T) {
	braidtest.CheckLeaks(t)
	for name, c := range map[string]struct {
		waves int
		finds bool
	}{"for good": {1, true}, "and others came": {2, false}} {
		t.Run(name, func(t *testing.T) {
			m := monitor(t, Rules{})
			_ = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
				q := braid.NewQueue[int](1)
				q.SetName("mail")
				g.Go(again(func(ctx context.Context) error { _, err := q.Get(ctx); return err }), braid.Name("consumer"))
				for range c.waves {
					_ = g.Go(func(ctx context.Context) error { return q.Put(ctx, 1) }, braid.Name("producer")).Wait(ctx)
				}
				until(ctx, t, func() bool { return q.Statistics().Getting == 1 && q.Len() == 0 })
				at := time.Now()
				var found []Finding
				for range 4 {
					at = at.Add(20 * time.Second)
					found = slices.DeleteFunc(onlyCode(m.Update(Take(), at), "Q2"), func(f Finding) bool { return f.Subjects[0].Name != "queue mail" })
				}
				if got := len(found) == 1 && found[0].Confidence == Hint; got != c.finds {
					t.Errorf("found %+v", found)
				}
				g.Cancel(nil)
				return nil
			}, braid.Name("mail"))
		})
	}
}
