package braid_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
)

// lenders is a random tree of tasks in one limited group. Each of them waits for those below it, in every way there is,
// and lends its slot for that time.
type lenders struct {
	g       *braid.Group
	portal  *braid.Portal
	cancels bool // some waits are broken off
	running atomic.Int64
	most    atomic.Int64
}

// work does something that needs the slot.
func (l *lenders) work(rng *rand.Rand) {
	n := l.running.Add(1)
	for most := l.most.Load(); n > most && !l.most.CompareAndSwap(most, n); most = l.most.Load() {
	}
	spin(rng)
	l.running.Add(-1)
}

func (l *lenders) tree(seed uint64, depth int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		rng := rand.New(rand.NewPCG(seed, 0))
		l.work(rng)
		if depth == 0 {
			return nil
		}
		for range 1 + rng.IntN(3) {
			err := l.waitBelow(ctx, rng, depth-1)
			if err != nil && !errors.Is(err, errStopped) && !errors.Is(err, braid.ErrNotStarted) {
				return err
			}
			if !l.cancels { // else the slot may not be back
				l.work(rng)
			}
		}
		return nil
	}
}

func (l *lenders) waitBelow(ctx context.Context, rng *rand.Rand, depth int) error {
	if l.cancels && rng.IntN(3) == 0 {
		below, cancel := context.WithCancelCause(ctx)
		late := rand.New(rand.NewPCG(rng.Uint64(), 0))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			spin(late)
			cancel(errStopped)
		}()
		defer func() { <-ended }()
		ctx = below
	}
	one, other := l.tree(rng.Uint64(), depth), l.tree(rng.Uint64(), depth)
	switch rng.IntN(6) {
	case 0:
		return l.g.Go(one).Wait(ctx)
	case 1:
		_, err := braid.Submit(l.portal, func(ctx context.Context) (int, error) { return 0, one(ctx) }).Wait(ctx)
		return err
	case 2:
		return l.portal.Do(ctx, one)
	case 3:
		h, err := l.g.GoWait(ctx, one)
		if err != nil {
			return err
		}
		return h.Wait(ctx)
	case 4: // several wait in one task
		return braid.Run(ctx, func(ctx context.Context, inner *braid.Group) error {
			inner.Go(func(ctx context.Context) error { return l.g.Go(one).Wait(ctx) })
			inner.Go(func(ctx context.Context) error { return l.g.Go(other).Wait(ctx) })
			return l.g.Go(l.tree(0, 0)).Wait(ctx)
		})
	default:
		_, err := braid.Start(ctx, l.g, func(ctx context.Context, ready func(int)) error {
			ready(1)
			return one(ctx)
		})
		return err
	}
}

// A limited group whose tasks wait for each other in every way neither deadlocks on its limit nor exceeds it.
func TestStressLending(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := uint64(500)
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		limit := 1 + int(seed%3)
		l := &lenders{cancels: seed%2 == 0}
		err := braid.Timeout(t.Context(), time.Minute, func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
				l.g, l.portal = g, braid.NewPortal(g)
				return g.Go(l.tree(seed, 3)).Wait(ctx)
			}, braid.Limit(limit))
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if most := int(l.most.Load()); most > limit && !l.cancels {
			t.Errorf("seed %d: %d ran at a time, with a limit of %d", seed, most, limit)
		}
	}
}

// What is waited for may end just when the wait begins. Counted too late, such a wait once took the slot back
// that was lent for another one, which then waited for ever.
func TestStressLending_endsAtOnce(t *testing.T) {
	t.Parallel()
	braidtest.CheckLeaks(t)
	rounds := 400
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		for _, seed := range []uint64{255, 3, 9, 21, 249} { // several wait in one task
			l := &lenders{}
			err := braid.Timeout(t.Context(), time.Minute, func(ctx context.Context) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					l.g, l.portal = g, braid.NewPortal(g)
					return g.Go(l.tree(seed, 3)).Wait(ctx)
				}, braid.Limit(1))
			})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}
