package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// counts is what can be compared of a limiter's statistics.
func counts(l *braid.Limiter) [3]int {
	s := l.Statistics()
	return [3]int{s.Total, s.Borrowed, s.Waiting}
}

// borrowed is a call that borrows a token for its task, and ends with it when leave is set.
func borrowed(g *braid.Group, l *braid.Limiter, leave *braid.Event) *call {
	return begin(g, func(ctx context.Context) error {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		defer l.Release(ctx)
		return leave.Wait(context.WithoutCancel(ctx))
	})
}

var limiterCases = []testCase{
	{"Limiter: knows who borrows, and lends to as many as it has tokens", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 2)
			want(t, "name", l.Name(), "tokens")
			var leave braid.Event
			a, b := borrowed(g, l, &leave), borrowed(g, l, &leave)
			until(t, ctx, "both tokens are lent", func() bool { return l.Statistics().Borrowed == 2 })
			c := borrowed(g, l, &leave)
			until(t, ctx, "one waits", func() bool { return l.Statistics().Waiting == 1 })
			who := map[any]bool{}
			for _, borrower := range l.Statistics().Borrowers {
				who[borrower] = true
			}
			if len(who) != 2 || !who[a.h] || !who[b.h] {
				t.Errorf("borrowers = %v", l.Statistics().Borrowers)
			}
			leave.Set()
			for _, c := range []*call{a, b, c} {
				c.succeeds(t, ctx, "a borrower")
			}
			want(t, "afterwards", counts(l), [3]int{2, 0, 0})
		})
	}},
	{"Limiter: a borrower holds at most one token, also while it waits for one", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 1)
			ok(t, l.Acquire(ctx))
			says(t, "a second Acquire", l.Acquire(ctx), "already", `"tokens"`, "task "+braid.Current(ctx).Path(), "one token")
			want(t, "TryAcquire", l.TryAcquire(ctx), false)
			_ = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				says(t, "an Acquire of the same task in a scope of its own", l.Acquire(ctx), "already")
				return nil
			})
			waiting := begin(g, func(ctx context.Context) error { return l.AcquireFor(ctx, "me") })
			until(t, ctx, "one waits", func() bool { return l.Statistics().Waiting == 1 })
			says(t, "an Acquire for one that waits", l.AcquireFor(ctx, "me"), "already", "borrower me")
			want(t, "TryAcquireFor one that waits", l.TryAcquireFor("me"), false)
			want(t, "meanwhile", counts(l), [3]int{1, 1, 1})
			l.Release(ctx)
			waiting.succeeds(t, ctx, "the one that waited")
			l.ReleaseFor("me")
			want(t, "afterwards", counts(l), [3]int{1, 0, 0})
			ok(t, l.Acquire(ctx))
			l.Release(ctx)
		})
	}},
	{"Limiter: a borrower whose wait was cancelled may ask again", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 1)
			l.TryAcquireFor("holder")
			for range 2 {
				c := begin(g, func(ctx context.Context) error { return l.AcquireFor(ctx, "me") })
				until(t, ctx, "it waits", func() bool { return l.Statistics().Waiting == 1 })
				c.h.Cancel(errStop)
				c.fails(t, ctx, "the cancelled wait", errStop)
			}
			want(t, "TryAcquireFor", l.TryAcquireFor("me"), false)
			l.ReleaseFor("holder")
			ok(t, l.AcquireFor(ctx, "me"))
			want(t, "afterwards", counts(l), [3]int{1, 1, 0})
		})
	}},
	{"Limiter: code without a task borrows with a borrower of its own", func(t *testing.T, ctx context.Context) {
		l := braid.NewLimiter("tokens", 1)
		plain := context.Background()
		says(t, "Acquire", l.Acquire(plain), "no task", "AcquireFor")
		want(t, "TryAcquire", l.TryAcquire(plain), false)
		panics(t, "Release", func() { l.Release(plain) }, "no task", "ReleaseFor")
		ok(t, l.AcquireFor(plain, 7))
		want(t, "meanwhile", counts(l), [3]int{1, 1, 0})
		l.ReleaseFor(7)
		_ = ctx
	}},
	{"Limiter: giving back what is not held panics with a text that says what to do", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 1)
			panics(t, "Release", func() { l.Release(ctx) }, "task "+braid.Current(ctx).Path(), `"tokens"`, "follow an Acquire")
			panics(t, "ReleaseFor", func() { l.ReleaseFor("me") }, "borrower me", `"tokens"`, "follow an Acquire")
			l.TryAcquireFor("holder")
			c := begin(g, func(ctx context.Context) error { return l.AcquireFor(ctx, "me") })
			until(t, ctx, "one waits", func() bool { return l.Statistics().Waiting == 1 })
			panics(t, "ReleaseFor one that only waits", func() { l.ReleaseFor("me") }, "borrower me")
			l.ReleaseFor("holder")
			c.succeeds(t, ctx, "the one that waited")
			panics(t, "ReleaseFor twice", func() { l.ReleaseFor("holder") }, "borrower holder")
		})
	}},
	{"Limiter: a number of tokens below one panics with a text that says why", func(t *testing.T, ctx context.Context) {
		panics(t, "NewLimiter(0)", func() { braid.NewLimiter("tokens", 0) }, `"tokens"`, "at least one")
		l := braid.NewLimiter("tokens", 1)
		panics(t, "SetTotal(-1)", func() { l.SetTotal(-1) }, `"tokens"`, "at least one")
		ok(t, l.AcquireFor(ctx, 1))
		panics(t, "the zero value", func() { _ = new(braid.Limiter).AcquireFor(ctx, 1) }, "NewLimiter")
	}},
	{"Limiter: a borrower that cannot be compared panics, and the limiter works on", func(t *testing.T, ctx context.Context) {
		l := braid.NewLimiter("tokens", 1)
		panics(t, "AcquireFor a slice", func() { _ = l.AcquireFor(ctx, []int{1}) }, "compar")
		if t.Failed() {
			return // it may hang now
		}
		panics(t, "TryAcquireFor a slice", func() { l.TryAcquireFor([]int{1}) }, "compar")
		ok(t, l.AcquireFor(ctx, "me"))
	}},
	{"Limiter: more tokens let in those who wait, first come, first served", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 1)
			l.TryAcquireFor("holder")
			var calls []*call
			for i := range 3 {
				calls = append(calls, begin(g, l.Acquire))
				until(t, ctx, "one more waits", func() bool { return l.Statistics().Waiting == i+1 })
			}
			l.SetTotal(3)
			calls[0].succeeds(t, ctx, "the first")
			calls[1].succeeds(t, ctx, "the second")
			want(t, "afterwards", counts(l), [3]int{3, 3, 1})
			l.ReleaseFor("holder")
			calls[2].succeeds(t, ctx, "the third")
			for _, c := range calls {
				l.ReleaseFor(c.h)
			}
			want(t, "at the end", counts(l), [3]int{3, 0, 0})
		})
	}},
	{"Limiter: with fewer tokens nobody loses one, and none is lent until enough have come back", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 3)
			for i := range 3 {
				ok(t, l.AcquireFor(ctx, i))
			}
			c := begin(g, func(ctx context.Context) error { return l.AcquireFor(ctx, "me") })
			until(t, ctx, "one waits", func() bool { return l.Statistics().Waiting == 1 })
			l.SetTotal(1)
			want(t, "at once", counts(l), [3]int{1, 3, 1})
			l.ReleaseFor(0)
			l.ReleaseFor(1)
			want(t, "TryAcquireFor", l.TryAcquireFor("other"), false)
			want(t, "with one still lent", counts(l), [3]int{1, 1, 1})
			l.ReleaseFor(2)
			c.succeeds(t, ctx, "the one that waited")
			want(t, "at the end", counts(l), [3]int{1, 1, 0})
		})
	}},
	{"Limiter: a token granted to a call that is cancelled in the same moment is not lent again if there are fewer now", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 2)
			l.TryAcquireFor("a")
			l.TryAcquireFor("b")
			first := begin(g, func(ctx context.Context) error {
				err := l.AcquireFor(ctx, "first")
				if err == nil {
					l.ReleaseFor("first")
				}
				return err
			})
			until(t, ctx, "one waits", func() bool { return l.Statistics().Waiting == 1 })
			second := begin(g, func(ctx context.Context) error {
				err := l.AcquireFor(ctx, "second")
				if err == nil {
					l.ReleaseFor("second")
				}
				return err
			})
			until(t, ctx, "two wait", func() bool { return l.Statistics().Waiting == 2 })
			l.ReleaseFor("a")
			l.SetTotal(1)
			first.h.Cancel(errStop)
			if err := first.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("the first: %v", err)
			}
			until(t, ctx, "it is settled", func() bool { return l.Statistics().Borrowed == 1 })
			l.ReleaseFor("b")
			second.succeeds(t, ctx, "the second")
			want(t, "at the end", counts(l), [3]int{1, 0, 0})
		})
	}},
	{"Limiter: a token is given back although the ctx is done", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			l := braid.NewLimiter("tokens", 1)
			begin(g, func(ctx context.Context) error {
				ok(t, l.Acquire(ctx))
				braid.Current(ctx).Cancel(errStop)
				l.Release(ctx)
				return nil
			}).succeeds(t, ctx, "the task")
			want(t, "afterwards", counts(l), [3]int{1, 0, 0})
		})
	}},
}
