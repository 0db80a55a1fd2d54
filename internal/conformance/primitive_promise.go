package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

var promiseCases = []testCase{
	{"Promise: the first to settle it wins, and all who wait get the same", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var p braid.Promise[int]
			f := p.Future()
			want(t, "open", f.Statistics(), braid.FutureStatistics{})
			_, err := f.Result()
			want(t, "Result of an open future", err, braid.ErrNotFinished)
			var calls []*call
			for range 3 {
				calls = append(calls, begin(g, func(ctx context.Context) error {
					v, err := f.Wait(ctx)
					want(t, "the value", v, 7)
					return err
				}))
			}
			until(t, ctx, "all wait", func() bool { return f.Statistics() == braid.FutureStatistics{Waiting: 3} })
			select {
			case <-f.Done():
				t.Error("Done is closed while the future is open")
			default:
			}
			want(t, "Resolve", p.Resolve(7), true)
			want(t, "a second Resolve", p.Resolve(8), false)
			want(t, "a late Reject", p.Reject(errStop), false)
			for _, c := range calls {
				c.succeeds(t, ctx, "a wait")
			}
			v, err := f.Wait(ctx)
			ok(t, err)
			want(t, "a later wait", v, 7)
			v, err = f.Result()
			ok(t, err)
			want(t, "Result", v, 7)
			<-f.Done()
			want(t, "settled", f.Statistics(), braid.FutureStatistics{Settled: true})
		})
	}},
	{"Promise: a rejection is an error for all who wait, now and later", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var p braid.Promise[int]
			f := p.Future()
			boom := errors.New("boom")
			c := begin(g, func(ctx context.Context) error { _, err := f.Wait(ctx); return err })
			until(t, ctx, "it waits", func() bool { return f.Statistics().Waiting == 1 })
			panics(t, "Reject(nil)", func() { p.Reject(nil) }, "Reject(nil)", "Resolve")
			want(t, "Reject", p.Reject(boom), true)
			want(t, "a late Resolve", p.Resolve(1), false)
			c.fails(t, ctx, "the wait", boom)
			_, err := f.Wait(ctx)
			want(t, "a later wait", err, boom)
			_, err = f.Result()
			want(t, "Result", err, boom)
			<-f.Done()
		})
	}},
	{"Promise: the end of one wait leaves the future as it is for the others", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var p braid.Promise[int]
			f := p.Future()
			wait := func(ctx context.Context) error { _, err := f.Wait(ctx); return err }
			a, b := begin(g, wait), begin(g, wait)
			until(t, ctx, "both wait", func() bool { return f.Statistics().Waiting == 2 })
			f.Cancel(errStop) // does nothing: there is no task behind it
			a.h.Cancel(errStop)
			a.fails(t, ctx, "the cancelled wait", errStop)
			want(t, "afterwards", f.Statistics(), braid.FutureStatistics{Waiting: 1})
			p.Resolve(1)
			b.succeeds(t, ctx, "the other wait")
		})
	}},
	{"Promise: may be settled and waited for from anywhere", func(t *testing.T, ctx context.Context) {
		var p, back braid.Promise[int]
		waits := elsewhere(func() error {
			v, err := p.Future().Wait(context.Background())
			back.Resolve(v + 1)
			return err
		})
		until(t, ctx, "a goroutine waits", func() bool { return p.Future().Statistics().Waiting == 1 })
		p.Resolve(1)
		v, err := back.Future().Wait(ctx)
		ok(t, err)
		want(t, "the value that came back", v, 2)
		ok(t, join(t, ctx, waits))
	}},
}
