package cachetest

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/x/cache"
)

// TestTier checks that tiers do what package cache relies on. newTier returns a tier in which none of the test's keys has a value; it is called for
// each case. Short is a time that the tier can tell from none: what is put in for it is there at once, and gone after twice as long.
// The test takes a few times that.
//
// Short may be 0 if the tier is in the memory of this process: then each case has a bubble of testing/synctest, and takes no time.
func TestTier(t *testing.T, short time.Duration, newTier func(t *testing.T) cache.Tier) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*tierTest)
	}{
		{"nothing", nothing},
		{"set, get, delete", setGetDelete},
		{"overwrite", overwrite},
		{"any bytes", anyBytes},
		{"any key", anyKey},
		{"time to live", timeToLive},
		{"forever", forever},
		{"bytes are copied", copied},
		{"done ctx", doneCtx},
		{"many at a time", manyAtATime},
	} {
		t.Run(c.name, func(t *testing.T) {
			if short > 0 {
				runCase(t, short, newTier, c.run)
				return
			}
			synctest.Test(t, func(t *testing.T) { runCase(t, time.Second, newTier, c.run) })
		})
	}
}

func runCase(t *testing.T, short time.Duration, newTier func(*testing.T) cache.Tier, run func(*tierTest)) {
	t.Helper()
	err := braid.Run(t.Context(), func(ctx context.Context, _ *braid.Group) error {
		run(&tierTest{T: t, ctx: ctx, tier: newTier(t), short: short})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

type tierTest struct {
	*testing.T

	ctx   context.Context
	tier  cache.Tier
	short time.Duration
}

func (t *tierTest) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func (t *tierTest) set(key, value string, ttl time.Duration) {
	t.Helper()
	t.must(t.tier.Set(t.ctx, key, []byte(value), ttl))
}

func (t *tierTest) has(key, want string) {
	t.Helper()
	data, ok, err := t.tier.Get(t.ctx, key)
	t.must(err)
	if !ok || string(data) != want {
		t.Fatalf("%q has %q, %v; want %q", key, data, ok, want)
	}
}

func (t *tierTest) hasNot(key string) {
	t.Helper()
	data, ok, err := t.tier.Get(t.ctx, key)
	t.must(err)
	if ok {
		t.Fatalf("%q has %q; want nothing", key, data)
	}
}

func nothing(t *tierTest) {
	t.hasNot("a")
	t.must(t.tier.Delete(t.ctx, "a"))
	t.hasNot("a")
}

func setGetDelete(t *tierTest) {
	t.set("a", "1", time.Hour)
	t.set("b", "2", time.Hour)
	t.has("a", "1")
	t.has("b", "2")
	t.must(t.tier.Delete(t.ctx, "a"))
	t.hasNot("a")
	t.has("b", "2")
}

func overwrite(t *tierTest) {
	t.set("a", "a long value", time.Hour)
	t.set("a", "2", time.Hour)
	t.has("a", "2")
	t.set("a", "3", t.short) // with its own time, not the one before
	t.must(braid.Sleep(t.ctx, 2*t.short))
	t.hasNot("a")
	t.set("b", "1", t.short)
	t.set("b", "2", time.Hour)
	t.must(braid.Sleep(t.ctx, 2*t.short))
	t.has("b", "2")
}

func anyBytes(t *tierTest) {
	for _, value := range []string{"", "\x00", "\xff\xfe\r\n", string(bytes.Repeat([]byte("x"), 1<<16))} {
		t.set("a", value, time.Hour)
		t.has("a", value)
	}
}

func anyKey(t *tierTest) {
	keys := []string{"a", "A", "a:b", "a b", "a.b.*", "a/b", "ключ", "\r\n", string(bytes.Repeat([]byte("k"), 200))}
	for _, key := range keys {
		t.hasNot(key)
		t.set(key, "of "+key, time.Hour)
	}
	for _, key := range keys {
		t.has(key, "of "+key)
	}
}

func timeToLive(t *tierTest) {
	t.set("a", "1", t.short)
	t.has("a", "1")
	t.must(braid.Sleep(t.ctx, 2*t.short))
	t.hasNot("a")
	t.set("b", "1", 1) // a nanosecond is a time, too, and not none
	t.must(braid.Sleep(t.ctx, 2*t.short))
	t.hasNot("b")
}

func forever(t *tierTest) {
	t.set("a", "1", cache.Forever)
	t.must(braid.Sleep(t.ctx, 2*t.short))
	t.has("a", "1")
}

func copied(t *tierTest) {
	data := []byte("1")
	t.must(t.tier.Set(t.ctx, "a", data, time.Hour))
	data[0] = 'x'
	t.has("a", "1")
	got, _, err := t.tier.Get(t.ctx, "a")
	t.must(err)
	got[0] = 'x'
	t.has("a", "1")
}

func doneCtx(t *tierTest) {
	ctx, cancel := context.WithCancel(t.ctx)
	cancel()
	if _, _, err := t.tier.Get(ctx, "a"); err == nil {
		t.Error("Get with a ctx that is done has no error")
	}
	if err := t.tier.Set(ctx, "a", []byte("1"), time.Hour); err == nil {
		t.Error("Set with a ctx that is done has no error")
	}
	if err := t.tier.Delete(ctx, "a"); err == nil {
		t.Error("Delete with a ctx that is done has no error")
	}
	t.set("a", "2", time.Hour) // and works again
	t.has("a", "2")
}

func manyAtATime(t *tierTest) {
	t.must(braid.Run(t.ctx, func(_ context.Context, g *braid.Group) error {
		for _, key := range []string{"a", "b", "c", "d"} {
			g.Go(func(ctx context.Context) error {
				own := *t
				own.ctx = ctx
				for range 100 {
					own.set(key, "of "+key, time.Hour)
					own.has(key, "of "+key)
					own.must(own.tier.Delete(ctx, key))
					own.hasNot(key)
				}
				return nil
			})
		}
		return nil
	}))
}
