package sim_test

import (
	"context"
	"errors"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// Programs with a bug each, all with four tasks.

// together runs fns as tasks of one scope.
func together(s *sim.T, fns ...func(ctx context.Context) error) {
	err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
		for i, fn := range fns {
			g.Go(fn, braid.Name(string(rune('a'+i))))
		}
		return nil
	})
	if err != nil {
		s.Errorf("the scope failed: %v", err)
	}
}

// checkThenAct: two of four look at the balance before either has taken from it.
func checkThenAct(s *sim.T) {
	balance := sim.NewVar("balance", 100)
	withdraw := func(ctx context.Context) error {
		if b := balance.Load(ctx); b >= 60 {
			balance.Store(ctx, b-60)
		}
		return nil
	}
	taken := 0
	counted := func(ctx context.Context) error {
		before := balance.Load(ctx)
		if before < 60 {
			return nil
		}
		taken++
		return withdraw(ctx)
	}
	together(s, counted, counted, counted, counted)
	if taken > 1 {
		s.Errorf("60 of 100 were taken %d times", taken)
	}
}

// abba: four tasks take two mutexes, one of them in the other order.
func abba(s *sim.T) {
	var a, b braid.Mutex
	a.SetName("a")
	b.SetName("b")
	both := func(first, second *braid.Mutex) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := first.Lock(ctx); err != nil {
				return err
			}
			defer first.Unlock()
			if err := second.Lock(ctx); err != nil {
				return err
			}
			second.Unlock()
			return nil
		}
	}
	together(s, both(&a, &b), both(&a, &b), both(&a, &b), both(&b, &a))
}

// lostWakeup: a consumer looks, and then waits for a pulse that has come in between.
func lostWakeup(s *sim.T) {
	items := sim.NewVar("items", 0)
	var pulse braid.Event
	pulse.SetName("pulse")
	consume := func(ctx context.Context) error {
		for {
			if n := items.Load(ctx); n > 0 {
				items.Store(ctx, n-1)
				return nil
			}
			if err := pulse.Wait(ctx); err != nil {
				return err
			}
		}
	}
	produce := func(ctx context.Context) error {
		items.Store(ctx, items.Load(ctx)+1)
		pulse.Set()
		pulse.Clear()
		return nil
	}
	idle := func(ctx context.Context) error { return braid.Yield(ctx) }
	together(s, consume, produce, idle, idle)
}

// timeoutRace: the answer comes while the time runs out, and is lost: the caller believes that nothing happened.
func timeoutRace(s *sim.T) {
	stored := false
	step := func(ctx context.Context) error { return braid.Yield(ctx) }
	save := func(ctx context.Context) error {
		told := braid.Timeout(ctx, time.Second, func(ctx context.Context) error {
			for range 3 {
				if err := step(ctx); err != nil {
					return err
				}
			}
			stored = true
			return braid.Yield(ctx) // tells the caller
		})
		if errors.Is(told, braid.ErrTimeout) && stored {
			s.Errorf("stored, and the caller was told: %v", told)
		}
		return nil
	}
	other := func(ctx context.Context) error {
		for range 3 {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	together(s, save, other, other, other)
}

// zoo is all of them.
var zoo = map[string]func(*sim.T){
	"check-then-act": checkThenAct,
	"AB-BA deadlock": abba,
	"lost wakeup":    lostWakeup,
	"timeout race":   timeoutRace,
}
