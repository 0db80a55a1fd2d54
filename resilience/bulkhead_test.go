package resilience_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// holding calls f while all slots of b are taken.
func holding(t *testing.T, ctx context.Context, b *resilience.Bulkhead, f func(ctx context.Context, g *braid.Group)) {
	t.Helper()
	slots := b.Statistics().Slots
	for range slots {
		must(t, b.Acquire(ctx))
	}
	must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		f(ctx, g)
		for range slots {
			b.Release()
		}
		return nil
	}))
	equal(t, "in use", b.Statistics().InUse, 0)
	equal(t, "waiting", b.Statistics().Waiting, 0)
}

// queued waits until n calls wait in b.
func queued(t *testing.T, ctx context.Context, b *resilience.Bulkhead, n int) {
	t.Helper()
	for b.Statistics().Waiting < n {
		must(t, braid.Yield(ctx))
	}
}

var bulkheadCases = []testCase{
	{name: "Bulkhead: TryAcquire takes what is free, overtakes nobody, and is no rejection", run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 1})
		equal(t, "a slot that is free", b.TryAcquire(), true)
		equal(t, "a slot that is not", b.TryAcquire(), false)
		must(t, braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				defer b.Release()
				return b.Acquire(ctx)
			})
			queued(t, ctx, b, 1)
			b.Release() // to the one who waits
			return nil
		}))
		equal(t, "statistics", b.Statistics(), resilience.BulkheadStatistics{Slots: 1})
		wantPanic(t, "make it with NewBulkhead", func() { new(resilience.Bulkhead).TryAcquire() })
	}},
	{name: "Bulkhead: no more calls at a time than slots", run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 3, Queue: 100})
		running, highest := 0, 0
		var mu braid.Mutex
		count := func(ctx context.Context, d int) {
			must(t, mu.Lock(ctx))
			running += d
			highest = max(highest, running)
			mu.Unlock()
		}
		must(t, braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range 20 {
				g.Go(func(ctx context.Context) error {
					_, err := resilience.Do(ctx, b, func(ctx context.Context) (int, error) {
						count(ctx, 1)
						defer count(ctx, -1)
						return 0, braid.Yield(ctx)
					})
					return err
				})
			}
			return nil
		}))
		if highest > 3 {
			t.Errorf("%d calls at a time", highest)
		}
	}},
	{name: "Bulkhead: rejects at once what has no room in the queue", run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Name: "db", Slots: 1, Queue: 1})
		holding(t, ctx, b, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error { _, err := resilience.Do(ctx, b, succeed); return err })
			queued(t, ctx, b, 1)
			_, err := resilience.Do(ctx, b, succeed)
			wantErr(t, err, resilience.ErrFull)
			wantErr(t, err, resilience.ErrRejected)
			equal(t, "rejected", b.Statistics().Rejected, 1)
		})
	}},
	{name: "Bulkhead: first come, first served", run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 10})
		var order []int
		holding(t, ctx, b, func(ctx context.Context, g *braid.Group) {
			for i := range 5 {
				g.Go(func(ctx context.Context) error {
					_, err := resilience.Do(ctx, b, func(context.Context) (int, error) { order = append(order, i); return 0, nil })
					return err
				})
				queued(t, ctx, b, i+1)
			}
		})
		if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
			t.Errorf("order is %v", order)
		}
	}},
	{name: "Bulkhead: MaxWait bounds the wait", waits: true, run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 1, MaxWait: time.Second})
		holding(t, ctx, b, func(ctx context.Context, _ *braid.Group) {
			var err error
			equal(t, "wait", took(ctx, func() { err = b.Acquire(ctx) }), time.Second)
			var full *resilience.FullError
			if !errors.As(err, &full) || full.Waited != time.Second {
				t.Fatalf("error is %v", err)
			}
		})
		holding(t, ctx, b, func(ctx context.Context, g *braid.Group) {
			g.Go(func(ctx context.Context) error { _, err := resilience.Do(ctx, b, succeed); return err })
			queued(t, ctx, b, 1)
		})
	}},
	{name: "Bulkhead: a cancelled wait leaves the queue and holds nothing", run: func(t *testing.T, ctx context.Context) {
		for _, patience := range []time.Duration{0, time.Hour} {
			b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 1, MaxWait: patience})
			gone := errors.New("gone")
			holding(t, ctx, b, func(ctx context.Context, g *braid.Group) {
				h := g.Go(func(ctx context.Context) error {
					_, err := resilience.Do(ctx, b, succeed)
					equal(t, "error", err, gone)
					return err
				})
				queued(t, ctx, b, 1)
				h.Cancel(gone)
				_ = h.Wait(ctx)
				equal(t, "waiting", b.Statistics().Waiting, 0)
			})
		}
	}},
	{name: "Bulkhead: a panic and a Goexit give the slot back", run: func(t *testing.T, ctx context.Context) {
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})
		equal(t, "panic", panicked(func() { _, _ = resilience.Do(ctx, b, explode) }), any("boom"))
		wantErr(t, inTask(ctx, func(ctx context.Context) { _, _ = resilience.Do(ctx, b, goexit) }), braid.ErrGoexit)
		equal(t, "in use", b.Statistics().InUse, 0)
		_, err := resilience.Do(ctx, b, succeed)
		must(t, err)
	}},
}
