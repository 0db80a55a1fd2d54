package inspect

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask, answers are worked out one after another, and take a quarter of the time; the first ones come at once.
func TestAPI_turns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{turns: make(chan struct{}, 1), purse: purse{share: answerShare}}
		const cost = 100 * time.Millisecond
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		begun := time.Now()
		var works sync.WaitGroup
		var answers, at atomic.Int64
		for range maxRequests {
			works.Go(func() {
				for {
					done, err := a.turn(ctx, false)
					if err != nil {
						return
					}
					if at.Add(1) > 1 {
						t.Error("two answers are worked out at the same time")
					}
					time.Sleep(cost) //nolint:forbidigo // it takes no time
					at.Add(-1)
					done()
					if answers.Add(1) == int64(saved/cost) && time.Since(begun) > saved {
						t.Errorf("the first answers took %v", time.Since(begun))
					}
				}
			})
		}
		works.Wait()
		if worked, most := time.Duration(answers.Load())*cost, time.Minute/answerShare+saved+2*cost; worked > most || worked < most/2 {
			t.Errorf("answers took %v of a minute, at most %v are for them", worked, most)
		}
	})
}

// Who gives up waiting for a turn leaves it to the others.
func TestAPI_turnGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{turns: make(chan struct{}, 1), purse: purse{share: answerShare}}
		a.purse.debt(time.Now())
		a.purse.spend(time.Minute)
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		for range 2 {
			if _, err := a.turn(ctx, false); err == nil {
				t.Error("a turn without a penny")
			}
		}
		done, err := a.turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		done()
	})
}
