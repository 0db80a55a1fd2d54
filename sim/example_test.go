package sim_test

import (
	"context"
	"fmt"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// In a test this is sim.Test(t, program). Explore does the same outside of one.
func ExampleExplore() {
	program := func(s *sim.T) {
		n := sim.NewVar("n", 0)
		add := func(ctx context.Context) error {
			n.Store(ctx, n.Load(ctx)+1)
			return nil
		}
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(add)
			g.Go(add)
			return nil
		})
		if err != nil || n.Peek() != 2 {
			s.Errorf("n = %d, err = %v", n.Peek(), err)
		}
	}
	r := sim.Explore("counter", program, sim.Exhaustive)
	fmt.Println("a schedule fails:", r.Err != nil)
	fmt.Println("switches that it needs:", r.Switches)
	again := sim.Explore("counter", program, sim.Replay(r.Replay))
	fmt.Println("replayed, it fails again:", again.Err != nil)
	// Output:
	// a schedule fails: true
	// switches that it needs: 1
	// replayed, it fails again: true
}

// Exhaustive search can prove, for a small program, that no schedule fails.
func ExampleStrategy() {
	r := sim.Explore("mutex", func(s *sim.T) {
		var m braid.Mutex
		inside := 0
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for range 2 {
				g.Go(func(ctx context.Context) error {
					if err := m.Lock(ctx); err != nil {
						return err
					}
					defer m.Unlock()
					if inside++; inside > 1 {
						s.Errorf("two are inside")
					}
					err := braid.Yield(ctx)
					inside--
					return err
				})
			}
			return nil
		})
	}, sim.Exhaustive)
	fmt.Println(r.Err, r.Complete)
	// Output: <nil> true
}

// Sweep cancels at each wait, one a schedule: here, what a task holds when it is cancelled is never given back.
func ExampleSweep() {
	r := sim.Explore("cancelled", func(s *sim.T) {
		sem := braid.NewSemaphore(1)
		s.Balanced(sem)
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				if err := sem.Acquire(ctx, 1); err != nil {
					return err
				}
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				sem.Release(1)
				return nil
			})
			return nil
		})
	}, sim.Sweep())
	fmt.Println("found:", r.Err != nil)
	// Output: found: true
}
