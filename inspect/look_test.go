package inspect_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid/inspect"
)

// slowTake takes snapshots that last for a time that can be set, and counts how many are under way.
type slowTake struct {
	cost   atomic.Int64
	n      atomic.Int64
	inside atomic.Int64
	spent  atomic.Int64
	t      *testing.T
}

func (s *slowTake) take() *inspect.Snapshot {
	if s.inside.Add(1) > 1 {
		s.t.Error("two snapshots at a time")
	}
	defer s.inside.Add(-1)
	s.n.Add(1)
	snap := demoShop()
	snap.Taken = time.Now()
	s.spent.Add(s.cost.Load())
	pass(time.Duration(s.cost.Load())) // in a bubble
	return snap
}

// Looks take a hundredth of the time at most, and a tenth while there are clients, whatever they cost.
func TestLook_share(t *testing.T) {
	for _, cost := range []time.Duration{0, 20 * time.Millisecond, 300 * time.Millisecond} {
		slow := &slowTake{t: t}
		slow.cost.Store(int64(cost))
		inBubble(t, inspect.Fake{Take: slow.take}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
			pass(10 * time.Minute)
			n, spent := slow.n.Load(), time.Duration(slow.spent.Load())
			if least := int64(10 * time.Minute / (max(500*time.Millisecond, 100*cost) + cost)); spent > 10*time.Minute/100+cost || n > 1201 || n < least {
				t.Errorf("cost %v: %d looks that took %v in ten minutes", cost, n, spent)
			}
			if in.Holding() {
				t.Error("it keeps a snapshot that nobody has asked for")
			}
			slow.spent.Store(0)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var clients sync.WaitGroup
			for i := range 4 {
				clients.Go(func() {
					for ctx.Err() == nil {
						path := "v1/info"
						if i == 0 {
							path += "?fresh=1"
						}
						if r := get(in.Handler(), path); r.status != 200 && r.status != 503 {
							t.Errorf("%d %s", r.status, r.body)
						}
						pass(50 * time.Millisecond)
					}
				})
			}
			clients.Wait()
			// The looks and the snapshots in between have a tenth each.
			if spent := time.Duration(slow.spent.Load()); spent > 4*time.Second+3*cost {
				t.Errorf("cost %v: four clients took %v in 20 s", cost, spent)
			}
			pass(5 * time.Minute)
			if in.Holding() {
				t.Error("it keeps a snapshot although the clients have gone")
			}
		})
	}
}

// Who asks again and again puts no look off.
func TestLook_notPutOff(t *testing.T) {
	slow := &slowTake{t: t}
	slow.cost.Store(int64(1200 * time.Millisecond)) // so there are 12 s between two looks
	inBubble(t, inspect.Fake{Take: slow.take}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
		for range 20 {
			pass(10100 * time.Millisecond) // so it has been taken for gone
			if r := get(in.Handler(), "v1/info"); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
		if points := decode[inspect.Series](t, get(in.Handler(), "v1/series").body).Points; len(points) < 5 {
			t.Errorf("%d looks in four minutes", len(points))
		}
	})
}

// Whoever asks gets a snapshot that is not older than the answer says, and with fresh=1 one that began after the request.
func TestLook_fresh(t *testing.T) {
	slow := &slowTake{t: t}
	slow.cost.Store(int64(20 * time.Millisecond))
	inBubble(t, inspect.Fake{Take: slow.take}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
		for i := range 50 {
			pass(time.Duration(i) * 37 * time.Millisecond)
			asked := time.Now()
			info := decode[inspect.Info](t, get(in.Handler(), "v1/info").body)
			if age := asked.Sub(info.Taken); age > time.Duration(info.FreshUS)*time.Microsecond {
				t.Fatalf("a snapshot that is %v old, and fresh_us is %d", age, info.FreshUS)
			}
			asked = time.Now()
			info = decode[inspect.Info](t, get(in.Handler(), "v1/info?fresh=1").body)
			if info.Taken.Before(asked) {
				t.Fatalf("fresh=1: a snapshot that began %v before the request", asked.Sub(info.Taken))
			}
			if took := time.Since(asked); took > 300*time.Millisecond {
				t.Fatalf("fresh=1 took %v", took)
			}
		}
	})
}

// Who gives up waiting for a snapshot gets its ctx's cause, and the others are not disturbed.
func TestLook_requestGivesUp(t *testing.T) {
	slow := &slowTake{t: t}
	inBubble(t, inspect.Fake{Take: slow.take}, func(t *testing.T, in *inspect.Inspector, p *pipes) {
		pass(time.Minute)
		slow.cost.Store(int64(time.Minute))
		c := p.dial()
		go c.Write([]byte("GET /debug/tasks/v1/info?fresh=1 HTTP/1.1\r\nHost: x\r\n\r\n"))
		synctest.Wait()
		c.Close()
		synctest.Wait()
		slow.cost.Store(0)
		pass(2 * time.Minute)
		if r := get(in.Handler(), "v1/info"); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

// While somebody looks, package braid is told to note more, once; and when the last one has gone, no longer.
func TestLook_attend(t *testing.T) {
	var attends, leaves atomic.Int64
	inBubble(t, inspect.Fake{Attend: func() func() {
		attends.Add(1)
		return func() { leaves.Add(1) }
	}}, func(t *testing.T, in *inspect.Inspector, p *pipes) {
		check := func(when string, a, l int64) {
			t.Helper()
			synctest.Wait()
			if attends.Load() != a || leaves.Load() != l {
				t.Errorf("%s: %d begun, %d ended; want %d and %d", when, attends.Load(), leaves.Load(), a, l)
			}
		}
		pass(time.Minute)
		check("nobody", 0, 0)
		get(in.Handler(), "v1/info")
		check("at once", 1, 0)
		pass(5 * time.Second)
		get(in.Handler(), "v1/series")
		pass(9 * time.Second)
		check("the same client", 1, 0)
		pass(10 * time.Second)
		check("gone", 1, 1)
		c := p.dial()
		c.Write([]byte("GET /debug/tasks/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"))
		go func() {
			buf := make([]byte, 1<<16)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}()
		pass(10 * time.Minute)
		check("a stream lasts", 2, 1)
		c.Close()
		pass(20 * time.Second)
		check("it has gone", 2, 2)
		get(in.Handler(), "v1/info")
		check("again", 3, 2)
		in.Close()
		check("closed", 3, 3)
	})
}

// A deadlock is named within two seconds of its beginning, also if nobody asks.
func TestLook_findsWithinTwoSeconds(t *testing.T) {
	var stuck atomic.Bool
	inBubble(t, inspect.Fake{Take: func() *inspect.Snapshot {
		s := demoShop()
		s.Taken = time.Now()
		if stuck.Load() { // the writer waits for audit, which waits for what the writer holds
			s.Tasks[1].Wait = &inspect.Wait{Op: "task.Wait", Task: 4}
			s.Tasks[0].Wait, s.Tasks[0].State = &inspect.Wait{Op: "run.Join", Scope: 2}, inspect.StateFinishing
		}
		return s
	}}, func(t *testing.T, in *inspect.Inspector, _ *pipes) {
		pass(time.Minute + 3*time.Millisecond)
		if f := in.Findings(); len(f) != 0 {
			t.Fatalf("before: %+v", f)
		}
		stuck.Store(true)
		pass(2 * time.Second)
		f := in.Findings()
		if len(f) != 1 || f[0].Code != "D1" {
			t.Fatalf("after two seconds: %+v", f)
		}
		stuck.Store(false)
		pass(2 * time.Second)
		if f := in.Findings(); len(f) != 0 {
			t.Errorf("it is over, and still there: %+v", f)
		}
	})
}

// Findings reach those who follow once, not with each look, and so does their end.
func TestLook_findingsAreEvents(t *testing.T) {
	var stuck atomic.Bool
	in := start(t, inspect.Options{Interval: time.Millisecond}, inspect.Fake{Take: func() *inspect.Snapshot {
		s := demoShopAt(time.Now()) // in which there is nothing else to find
		if stuck.Load() {
			s.Tasks[1].Wait = &inspect.Wait{Op: "task.Wait", Task: 4}
		}
		return s
	}})
	s := follow(t, dial(t, in.Socket()), 0, "finding", "resolved")
	s.want("hello")
	stuck.Store(true)
	f := decode[inspect.Finding](t, string(s.want("finding").Data))
	if f.Code != "D1" {
		t.Fatalf("finding %+v", f)
	}
	must(t, in.Look(background, 3))
	stuck.Store(false)
	if f := decode[inspect.Finding](t, string(s.want("resolved").Data)); f.Code != "D1" {
		t.Errorf("resolved: %+v", f)
	}
}
