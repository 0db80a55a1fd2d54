package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

var memoCases = []testCase{
	{"memo/arguments that are no keys", memoArguments, false},
	{"memo/refresh", memoRefresh, true},
}

type query struct {
	words []string
	trace string // not part of the key
}

func memoArguments(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		calls := 0
		key := func(q query) string { return q.words[0] }
		m := cache.NewMemo(g, key, func(_ context.Context, q query) (string, error) {
			calls++
			return q.words[0] + " for " + q.trace, nil
		}, cache.Config[string, string]{Size: 10, TTL: time.Minute})
		for _, trace := range []string{"Ada", "Bob"} {
			v, err := m.Get(ctx, query{words: []string{"tea"}, trace: trace})
			must(t, err)
			equal(t, "value", v, "tea for Ada")
		}
		must(t, m.Invalidate(ctx, m.Key(query{words: []string{"tea"}})))
		v, err := m.Get(ctx, query{words: []string{"tea"}, trace: "Bob"})
		must(t, err)
		equal(t, "value", v, "tea for Bob")
		equal(t, "calls", calls, 2)
		wantPanicIn(t, func() { _, _ = m.Get(ctx, query{}) })
	})
}

// wantPanicIn checks that the key function's panic is the caller's.
func wantPanicIn(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

func memoRefresh(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := cache.NewMemo(g, func(n int) int { return n % 10 }, func(_ context.Context, n int) (int, error) { return n, nil },
			cache.Config[int, int]{Size: 10, TTL: time.Minute, Jitter: -1, RefreshAhead: 10 * time.Second})
		v, err := m.Get(ctx, 17)
		must(t, err)
		equal(t, "value", v, 17)
		sleep(t, ctx, 55*time.Second)
		v, err = m.Get(ctx, 27)
		must(t, err)
		equal(t, "value", v, 17)
		until(t, ctx, func() bool { return m.Statistics().Loads == 2 })
		v, err = m.Get(ctx, 37)
		must(t, err)
		equal(t, "value", v, 27) // the argument of the one who came when it was due
	})
}
