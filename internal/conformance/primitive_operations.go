package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/braid-go/braid"
)

// operations lists every call of the primitives, resources and bridges that may block.
var operations = []operation{
	{"Semaphore.Acquire", "semaphore.Acquire", func(*braid.Group) (func(context.Context) error, func() any) {
		s := braid.NewSemaphore(1)
		return func(ctx context.Context) error { return s.Acquire(ctx, 1) }, func() any { return s.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		s := braid.NewSemaphore(3)
		s.TryAcquire(3)
		return blockedCall{func(ctx context.Context) error {
			if err := s.Acquire(ctx, 2); err != nil {
				return err
			}
			s.Release(2)
			return nil
		}, func() int { return s.Statistics().Waiting }, func() any { return s.Statistics() }, func() { s.Release(3) }}
	}},
	{"Limiter.Acquire", "limiter.Acquire", func(*braid.Group) (func(context.Context) error, func() any) {
		l := braid.NewLimiter("tokens", 1)
		return l.Acquire, func() any { return l.Statistics() }
	}, nil}, // many calls of one task are one borrower: see the cases of Limiter
	{"Limiter.AcquireFor", "limiter.Acquire", func(*braid.Group) (func(context.Context) error, func() any) {
		l := braid.NewLimiter("tokens", 1)
		return func(ctx context.Context) error { return l.AcquireFor(ctx, "me") }, func() any { return l.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		l := braid.NewLimiter("tokens", 1)
		l.TryAcquireFor("holder")
		return blockedCall{func(ctx context.Context) error {
			borrower := new(int)
			if err := l.AcquireFor(ctx, borrower); err != nil {
				return err
			}
			l.ReleaseFor(borrower)
			return nil
		}, func() int { return l.Statistics().Waiting }, func() any { return l.Statistics() }, func() { l.ReleaseFor("holder") }}
	}},
	{"Mutex.Lock", "mutex.Lock", func(*braid.Group) (func(context.Context) error, func() any) {
		m := &braid.Mutex{}
		return m.Lock, func() any { return m.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		m := &braid.Mutex{}
		m.TryLock()
		return blockedCall{func(ctx context.Context) error {
			if err := m.Lock(ctx); err != nil {
				return err
			}
			m.Unlock()
			return nil
		}, func() int { return m.Statistics().Waiting }, func() any { return m.Statistics() }, m.Unlock}
	}},
	{"RWMutex.Lock", "rwmutex.Lock", func(*braid.Group) (func(context.Context) error, func() any) {
		m := &braid.RWMutex{}
		return m.Lock, func() any { return m.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		m := &braid.RWMutex{}
		m.TryRLock()
		return blockedCall{func(ctx context.Context) error {
			if err := m.Lock(ctx); err != nil {
				return err
			}
			m.Unlock()
			return nil
		}, func() int { return m.Statistics().Waiting }, func() any { return m.Statistics() }, m.RUnlock}
	}},
	{"RWMutex.RLock", "rwmutex.RLock", func(*braid.Group) (func(context.Context) error, func() any) {
		m := &braid.RWMutex{}
		return m.RLock, func() any { return m.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		m := &braid.RWMutex{}
		m.TryLock()
		return blockedCall{func(ctx context.Context) error {
			if err := m.RLock(ctx); err != nil {
				return err
			}
			m.RUnlock()
			return nil
		}, func() int { return m.Statistics().Waiting }, func() any { return m.Statistics() }, m.Unlock}
	}},
	{"Event.Wait", "event.Wait", func(*braid.Group) (func(context.Context) error, func() any) {
		e := &braid.Event{}
		e.Set()
		return e.Wait, func() any { return e.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		e := &braid.Event{}
		return blockedCall{e.Wait, func() int { return e.Statistics().Waiting }, func() any { return e.Statistics() }, e.Set}
	}},
	{"Cond.WaitFor", "cond.Wait", func(*braid.Group) (func(context.Context) error, func() any) {
		m := &braid.Mutex{}
		m.TryLock()
		c := braid.NewCond(m)
		return func(ctx context.Context) error {
			return c.WaitFor(ctx, func() bool { return true })
		}, func() any { return []any{m.Statistics(), c.Statistics()} }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		m := &braid.Mutex{}
		c := braid.NewCond(m)
		ready := false
		return blockedCall{func(ctx context.Context) error {
			if err := m.Lock(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			defer m.Unlock()
			return c.WaitFor(ctx, func() bool { return ready })
		}, func() int {
			n := c.Statistics().Waiting
			if m.Statistics().Locked { // the last of them, on its way into the wait, still holds it
				return -1
			}
			return n
		}, func() any { return []any{m.Statistics(), c.Statistics()} }, func() {
			if !m.TryLock() {
				panic("the mutex is free when waiting has said how many wait")
			}
			ready = true
			m.Unlock()
			c.NotifyAll()
		}}
	}},
	{"Barrier.Wait", "barrier.Wait", func(*braid.Group) (func(context.Context) error, func() any) {
		b := braid.NewBarrier(1)
		return func(ctx context.Context) error { _, err := b.Wait(ctx); return err }, func() any { return b.Statistics() }
	}, nil},
	{"Queue.Put", "queue.Put", func(*braid.Group) (func(context.Context) error, func() any) {
		q := braid.NewQueue[int](1)
		return func(ctx context.Context) error { return q.Put(ctx, 1) }, func() any { return q.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		q := braid.NewQueue[int](1)
		q.TryPut(1)
		return blockedCall{func(ctx context.Context) error { return q.Put(ctx, 2) },
			func() int { return q.Statistics().Putting }, func() any { return q.Statistics() }, func() {
				for range 8 {
					q.TryGet()
				}
			}}
	}},
	{"Queue.Get", "queue.Get", func(*braid.Group) (func(context.Context) error, func() any) {
		q := braid.NewQueue[int](1)
		q.TryPut(1)
		return func(ctx context.Context) error { _, err := q.Get(ctx); return err }, func() any { return q.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		q := braid.NewQueue[int](braid.Unbounded)
		return blockedCall{func(ctx context.Context) error { _, err := q.Get(ctx); return err },
			func() int { return q.Statistics().Getting }, func() any { return q.Statistics() }, func() {
				for range 8 {
					q.TryPut(1)
				}
			}}
	}},
	{"Queue.Join", "queue.Join", func(*braid.Group) (func(context.Context) error, func() any) {
		q := braid.NewQueue[int](1)
		return q.Join, func() any { return q.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		q := braid.NewQueue[int](1)
		q.TryPut(1)
		return blockedCall{q.Join, func() int { return q.Statistics().Joining }, func() any { return q.Statistics() }, func() {
			q.TryGet()
			q.TaskDone()
		}}
	}},
	{"Producer.Put", "queue.Put", func(*braid.Group) (func(context.Context) error, func() any) {
		q := braid.NewQueue[int](1)
		p := q.Producer()
		return func(ctx context.Context) error { return p.Put(ctx, 1) }, func() any { return q.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		q := braid.NewQueue[int](1)
		q.TryPut(1)
		p := q.Producer()
		return blockedCall{func(ctx context.Context) error { return p.Put(ctx, 2) },
			func() int { return q.Statistics().Putting }, func() any { return q.Statistics() }, func() {
				for range 8 {
					q.TryGet()
				}
			}}
	}},
	{"Future.Wait", "future.Wait", func(*braid.Group) (func(context.Context) error, func() any) {
		p := &braid.Promise[int]{}
		p.Resolve(1)
		return func(ctx context.Context) error { _, err := p.Future().Wait(ctx); return err },
			func() any { return p.Future().Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		p := &braid.Promise[int]{}
		return blockedCall{func(ctx context.Context) error { _, err := p.Future().Wait(ctx); return err },
			func() int { return p.Future().Statistics().Waiting }, func() any { return p.Future().Statistics() }, func() { p.Resolve(1) }}
	}},
	{"OnceValue.Get", "once.Get", func(*braid.Group) (func(context.Context) error, func() any) {
		o := braid.NewOnceValue(func(context.Context) (int, error) { return 1, nil })
		return func(ctx context.Context) error { _, err := o.Get(ctx); return err }, func() any { return o.Statistics() }
	}, func(t *testing.T, ctx context.Context, g *braid.Group) blockedCall {
		var gate braid.Event
		o := braid.NewOnceValue(func(ctx context.Context) (int, error) { return 1, gate.Wait(ctx) })
		get := func(ctx context.Context) error { _, err := o.Get(ctx); return err }
		begin(g, get)
		until(t, ctx, "the function runs", func() bool { return gate.Statistics().Waiting == 1 })
		return blockedCall{get, func() int { return o.Statistics().Waiting }, func() any { return o.Statistics() }, gate.Set}
	}},
	{"Offload", "limiter.Acquire", func(*braid.Group) (func(context.Context) error, func() any) {
		l := braid.NewLimiter("threads", 1)
		return offloadNothing(l), func() any { return l.Statistics() }
	}, func(*testing.T, context.Context, *braid.Group) blockedCall {
		l := braid.NewLimiter("threads", 1)
		l.TryAcquireFor("holder")
		return blockedCall{offloadNothing(l), func() int { return l.Statistics().Waiting },
			func() any { return l.Statistics() }, func() { l.ReleaseFor("holder") }}
	}},
	{"Portal.Do", "", func(g *braid.Group) (func(context.Context) error, func() any) {
		return doNothing(braid.NewPortal(g)), func() any { return g.Statistics() }
	}, nil},
	{"Using", "", func(*braid.Group) (func(context.Context) error, func() any) {
		calls := 0
		acquire := func(context.Context) (int, error) { calls++; return 1, nil }
		release := func(context.Context, int) error { calls++; return nil }
		use := func(context.Context, int) error { calls++; return nil }
		return func(ctx context.Context) error { return braid.Using(ctx, acquire, release, use) }, func() any { return calls }
	}, nil},
	{"WithExitStack", "", func(*braid.Group) (func(context.Context) error, func() any) {
		calls := 0
		return func(ctx context.Context) error {
			return braid.WithExitStack(ctx, time.Second, func(context.Context, *braid.ExitStack) error { calls++; return nil })
		}, func() any { return calls }
	}, nil},
}

func offloadNothing(l *braid.Limiter) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := braid.Offload(ctx, l, func(context.Context) (int, error) { return 0, nil })
		return err
	}
}

func doNothing(p *braid.Portal) func(ctx context.Context) error {
	return func(ctx context.Context) error { return p.Do(ctx, func(context.Context) error { return nil }) }
}
