package inspect

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// deadlockCodes are the findings that a program without a deadlock must never have. What other tests have left behind may be others.
func deadlockCodes(found []Finding) []Finding {
	var list []Finding
	for _, f := range found {
		if strings.HasPrefix(f.Code, "D") || f.Code == "Q3" {
			list = append(list, f)
		}
	}
	return list
}

// Tasks that contend for everything there is, and hold several things at a time in an order that is safe, raise no alarm,
// however often and at which moments one looks.
func TestMonitor_noFalseAlarm(t *testing.T) {
	braidtest.CheckLeaks(t)
	defer inspecting(true, false, false)()
	defer attend()()
	looks := 400
	if testing.Short() {
		looks = 100
	}
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	err = braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		first, second := braid.NewSemaphore(3), new(braid.Mutex)
		table := new(braid.RWMutex)
		queue, answers := braid.NewQueue[int](2), braid.NewQueue[int](2)
		first.SetName("first")
		second.SetName("second")
		table.SetName("table")
		queue.SetName("queue")
		answers.SetName("answers")
		forever := func(f func(ctx context.Context, r *rand.Rand) error) func(context.Context) error {
			return func(ctx context.Context) error {
				r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
				for {
					if err := f(ctx, r); err != nil {
						return err
					}
				}
			}
		}
		for range 8 {
			g.Go(forever(func(ctx context.Context, r *rand.Rand) error {
				n := int64(1 + r.IntN(3))
				if err := first.Acquire(ctx, n); err != nil {
					return err
				}
				defer first.Release(n)
				if err := second.Lock(ctx); err != nil {
					return err
				}
				defer second.Unlock()
				return braid.Yield(ctx)
			}), braid.Name("locks"))
			g.Go(forever(func(ctx context.Context, r *rand.Rand) error {
				if r.IntN(4) == 0 {
					if err := table.Lock(ctx); err != nil {
						return err
					}
					defer table.Unlock()
				} else {
					if err := table.RLock(ctx); err != nil {
						return err
					}
					defer table.RUnlock()
				}
				return braid.Yield(ctx)
			}), braid.Name("table"))
		}
		for range 3 {
			g.Go(forever(func(ctx context.Context, r *rand.Rand) error { return queue.Put(ctx, r.IntN(10)) }), braid.Name("producer"))
			g.Go(forever(func(ctx context.Context, _ *rand.Rand) error {
				v, err := queue.Get(ctx)
				if err != nil {
					return err
				}
				return answers.Put(ctx, v)
			}), braid.Name("worker"))
			g.Go(forever(func(ctx context.Context, _ *rand.Rand) error { _, err := answers.Get(ctx); return err }), braid.Name("consumer"))
			g.Go(forever(func(ctx context.Context, r *rand.Rand) error {
				return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
					h := g.Go(func(ctx context.Context) error { return braid.Yield(ctx) })
					i := g.Go(func(ctx context.Context) error { return h.Wait(ctx) })
					return i.Wait(ctx)
				}, braid.Limit(1+r.IntN(2)))
			}), braid.Name("joins"))
		}
		at := time.Now()
		for range looks {
			at = at.Add(100 * time.Millisecond)
			if found := deadlockCodes(m.Update(Take(), at)); len(found) > 0 {
				t.Errorf("a false alarm: %+v", found)
				break
			}
		}
		g.Cancel(nil)
		return nil
	}, braid.Name("stress"))
	if err != nil {
		t.Error(err)
	}
}

// A deadlock of five tasks through a semaphore, a queue and a join is found in a program that runs, in two looks, with its cycle.
func TestMonitor_findsALiveDeadlock(t *testing.T) {
	braidtest.CheckLeaks(t)
	defer inspecting(true, false, false)()
	defer attend()()
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	outer, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := make(chan struct{})
	over := make(chan error, 1)
	go func() {
		over <- braid.Run(outer, func(ctx context.Context, g *braid.Group) error {
			permits := braid.NewSemaphore(2)
			permits.SetName("permits")
			jobs := braid.NewQueue[int](1)
			jobs.SetName("jobs")
			var producer *braid.Handle
			started := new(braid.Event)
			holder := func(ctx context.Context) error { // holds a permit and waits for the producer
				if err := permits.Acquire(ctx, 1); err != nil {
					return err
				}
				defer permits.Release(1)
				if err := started.Wait(ctx); err != nil {
					return err
				}
				return producer.Wait(ctx)
			}
			g.Go(holder, braid.Name("first"))
			g.Go(holder, braid.Name("second"))
			for permits.Statistics().InUse < 2 {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			reader := g.Go(func(ctx context.Context) error { // takes one job, and then needs a permit for the next
				if _, err := jobs.Get(ctx); err != nil {
					return err
				}
				if err := permits.Acquire(ctx, 1); err != nil {
					return err
				}
				defer permits.Release(1)
				_, err := jobs.Get(ctx)
				return err
			}, braid.Name("reader"))
			producer = g.Go(func(ctx context.Context) error {
				for i := range 3 {
					if err := jobs.Put(ctx, i); err != nil {
						return err
					}
				}
				return nil
			}, braid.Name("producer"))
			started.Set()
			g.Go(func(ctx context.Context) error { return reader.Wait(ctx) }, braid.Name("watcher"))
			for jobs.Statistics().Putting+permits.Statistics().Waiting < 2 {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
			}
			close(ready)
			return nil
		}, braid.Name("five"))
	}()
	<-ready
	at := time.Now()
	var found []Finding
	for range 1000 { // until the last one waits
		m.Update(Take(), at)
		at = at.Add(100 * time.Millisecond)
		if found = deadlockCodes(m.Update(Take(), at)); len(found) > 0 && found[0].Evidence["size"] == 6 {
			break
		}
	}
	if len(found) != 1 || found[0].Code != "D1" || found[0].Evidence["size"] != 6 {
		t.Fatalf("found %+v", found)
	}
	for _, want := range []string{"five/reader waits in semaphore.Acquire for semaphore permits", "waits for the end of five/producer", "five/producer waits in queue.Put for queue jobs"} {
		if !strings.Contains(found[0].Text, want) {
			t.Errorf("the text lacks %q: %s", want, found[0].Text)
		}
	}
	cancel()
	if err := <-over; err == nil {
		t.Error("Run did not say that it was cancelled")
	}
}

// It is the same on the event loop.
func TestMonitor_findsADeadlockOnTheLoop(t *testing.T) {
	braidtest.CheckLeaks(t)
	m, err := NewMonitor(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	err = loop.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
		left, right := new(braid.Mutex), new(braid.Mutex)
		for _, locks := range [][2]*braid.Mutex{{left, right}, {right, left}} {
			g.Go(func(ctx context.Context) error {
				if err := locks[0].Lock(ctx); err != nil {
					return err
				}
				defer locks[0].Unlock()
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				return locks[1].Lock(ctx)
			})
		}
		for left.Statistics().Waiting+right.Statistics().Waiting < 2 {
			if err := braid.Yield(ctx); err != nil {
				return err
			}
		}
		at := time.Now()
		m.Update(Take(), at)
		found := deadlockCodes(m.Update(Take(), at.Add(time.Second)))
		if len(found) != 1 || found[0].Code != "D1" || found[0].Confidence != Certain {
			t.Errorf("found %+v", found)
		}
		g.Cancel(nil)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
