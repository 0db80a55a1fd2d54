package cachetest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/x/cache"
	"github.com/braid-go/braid/x/cache/cachetest"
)

func TestOwnTier(t *testing.T) {
	t.Parallel()
	cachetest.TestTier(t, 0, func(*testing.T) cache.Tier { return cachetest.NewTier() })
}

func TestOwnTier_len(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tier := cachetest.NewTier()
		for _, key := range []string{"a", "b"} {
			if err := tier.Set(t.Context(), key, nil, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble
		if _, ok, err := tier.Get(t.Context(), "a"); ok || err != nil || tier.Len() != 1 {
			t.Errorf("found: %v, error: %v, length: %d", ok, err, tier.Len())
		}
	})
}

// broken are tiers with one defect each. The suite must find it.
var broken = map[string]func(*cachetest.Tier) cache.Tier{
	"forgets":       func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, forgets: true} },
	"no ttl":        func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, ttl: cache.Forever} },
	"always a ttl":  func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, ttl: time.Millisecond} },
	"no delete":     func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, keeps: true} },
	"one key":       func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, oneKey: true} },
	"missing fails": func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, fails: true} },
	"no ctx":        func(t *cachetest.Tier) cache.Tier { return &bad{Tier: t, deaf: true} },
}

type bad struct {
	*cachetest.Tier

	ttl                                 time.Duration
	forgets, keeps, oneKey, fails, deaf bool
}

func (b *bad) key(key string) string {
	if b.oneKey {
		return "k"
	}
	return key
}

func (b *bad) ctx(ctx context.Context) context.Context {
	if b.deaf {
		return context.WithoutCancel(ctx)
	}
	return ctx
}

func (b *bad) Get(ctx context.Context, key string) ([]byte, bool, error) {
	data, ok, err := b.Tier.Get(b.ctx(ctx), b.key(key))
	if !ok && b.fails {
		return nil, false, errors.New("no such key")
	}
	return data, ok, err
}

func (b *bad) Set(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if b.forgets {
		return nil
	}
	if b.ttl != 0 {
		ttl = b.ttl
	}
	return b.Tier.Set(b.ctx(ctx), b.key(key), data, ttl)
}

func (b *bad) Delete(ctx context.Context, key string) error {
	if b.keeps {
		return nil
	}
	return b.Tier.Delete(b.ctx(ctx), b.key(key))
}

// The suite fails for each of the broken tiers. A test that fails ends its process, so each has one of its own.
func TestSuiteFindsDefects(t *testing.T) {
	if name, ok := os.LookupEnv("CACHETEST_BROKEN"); ok {
		cachetest.TestTier(t, 0, func(*testing.T) cache.Tier { return broken[name](cachetest.NewTier()) })
		return
	}
	t.Parallel()
	for name := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteFindsDefects$")
			cmd.Env = append(os.Environ(), "CACHETEST_BROKEN="+name)
			out, err := cmd.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Errorf("the suite has not found it; it ended with %v and said\n%s", err, out)
			}
		})
	}
}
