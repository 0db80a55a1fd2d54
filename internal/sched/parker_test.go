package sched_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/braid-go/braid/internal/sched"
)

// parks runs Park on a goroutine in a bubble and says whether it has returned.
func parks(p *sched.Parker, foreign context.Context) (returned func() bool) {
	var done atomic.Bool
	go func() {
		sched.Park(p, foreign)
		done.Store(true)
	}()
	return func() bool {
		synctest.Wait() // returns only if all that is parked counts as durably blocked
		return done.Load()
	}
}

// foreigns are the ways in which a goroutine parks: for its Unpark alone, and for the end of a context as well.
func foreigns(t *testing.T) map[string]context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return map[string]context.Context{"alone": nil, "with a context": ctx}
}

func TestParkWaitsForUnpark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for how, foreign := range foreigns(t) {
			var p sched.Parker
			for range 3 { // a Parker may be used again
				returned := parks(&p, foreign)
				if returned() {
					t.Fatalf("%s: Park returned before Unpark", how)
				}
				sched.Unpark(&p)
				if !returned() {
					t.Fatalf("%s: Park did not return after Unpark", how)
				}
			}
		}
	})
}

func TestUnparkBeforeParkCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for how, foreign := range foreigns(t) {
			var p sched.Parker
			sched.Unpark(&p)
			sched.Unpark(&p)
			if !parks(&p, foreign)() {
				t.Fatalf("%s: Park waits although Unpark came first", how)
			}
			returned := parks(&p, foreign)
			if returned() {
				t.Fatalf("%s: two Unparks before a Park counted twice", how)
			}
			sched.Unpark(&p)
			if !returned() {
				t.Fatalf("%s: the permit was lost", how)
			}
		}
	})
}

func TestParkEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p sched.Parker
		ctx, cancel := context.WithCancel(t.Context())
		returned := parks(&p, ctx)
		if returned() {
			t.Fatal("Park returned for no reason")
		}
		cancel()
		if !returned() {
			t.Fatal("Park did not return when its context ended")
		}
		if !parks(&p, ctx)() {
			t.Fatal("Park waits under a context that is done")
		}
		// Nothing is left behind, and the place serves both kinds of wait.
		for how, foreign := range foreigns(t) {
			returned = parks(&p, foreign)
			if returned() {
				t.Fatalf("%s: Park returned for no reason", how)
			}
			sched.Unpark(&p)
			if !returned() {
				t.Fatalf("%s: Park did not return after Unpark", how)
			}
		}
	})
}

// A wake and the end of the context in the same moment: whoever wins, at most one more Park returns for no reason.
func TestParkRetracts(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	var p sched.Parker
	for range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() { sched.Unpark(&p) })
		both.Go(cancel)
		sched.Park(&p, ctx)
		both.Wait()
		// If the context won, the Unpark has left a permit. It is taken here; if there is none, this one is.
		sched.Unpark(&p)
		sched.Park(&p, nil)
	}
	synctest.Test(t, func(t *testing.T) {
		var p sched.Parker
		returned := parks(&p, nil)
		if returned() {
			t.Fatal("a place was left with a permit")
		}
		sched.Unpark(&p)
		returned()
	})
}

// Calls loop on a condition of their own. However parks and wakes meet, no wake is lost.
func TestNoWakeIsLost(t *testing.T) {
	rounds := int64(20_000)
	if testing.Short() {
		rounds = 2000
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ping, pong sched.Parker
	var turn atomic.Int64
	play := func(me *sched.Parker, other *sched.Parker, parity int64) {
		for i := parity; i < rounds; i += 2 {
			for turn.Load() != i {
				if i%3 == 0 {
					sched.Park(me, ctx)
				} else {
					sched.Park(me, nil)
				}
			}
			turn.Store(i + 1)
			sched.Unpark(other)
		}
	}
	var both sync.WaitGroup
	both.Go(func() { play(&ping, &pong, 0) })
	both.Go(func() { play(&pong, &ping, 1) })
	both.Wait()
}

func TestManyUnparkOnePlace(t *testing.T) {
	rounds := int64(500)
	if testing.Short() {
		rounds = 100
	}
	const wakers = 4
	var p sched.Parker
	var n atomic.Int64
	for range wakers {
		go func() {
			for range rounds {
				n.Add(1)
				sched.Unpark(&p)
			}
		}()
	}
	for n.Load() < wakers*rounds {
		sched.Park(&p, nil)
	}
}

func TestBlockAndWake(t *testing.T) {
	var p sched.Parker
	if p.Sched() != nil {
		t.Error("the zero value is not a place for goroutines")
	}
	p.Bind(nil)
	if p.Sched() != nil {
		t.Error("Bind(nil) is not a place for goroutines")
	}
	s := &recorder{}
	p.Bind(s)
	if p.Sched() != s {
		t.Error("Bind did not bind")
	}
	for slot := range 3 {
		if !p.Block(slot) {
			t.Fatal("Block of a free place failed")
		}
		if got, ok := p.Wake(); !ok || got != slot {
			t.Fatalf("Wake = %v, %v, want %d", got, ok, slot)
		}
	}
	for range 2 {
		if _, ok := p.Wake(); ok {
			t.Error("Wake found a call where none is parked")
		}
	}
	if p.Block("a") {
		t.Error("Block succeeded although Wake came first")
	}
	if !p.Block("b") {
		t.Error("the permit counted twice")
	}
	if got, ok := p.Wake(); !ok || got != "b" {
		t.Errorf("Wake = %v, %v", got, ok)
	}
}
