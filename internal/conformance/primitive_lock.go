package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

// lockLike is a primitive of which one can hold all. What they have in common is said once, for each.
type lockLike struct {
	name string
	make func() lockOps
}

type lockOps struct {
	enter   func(ctx context.Context) error
	leave   func(ctx context.Context)
	try     func(ctx context.Context) bool
	waiting func() int
	state   func() any
}

var lockLikes = []lockLike{
	{"Semaphore", func() lockOps {
		s := braid.NewSemaphore(1)
		return lockOps{
			func(ctx context.Context) error { return s.Acquire(ctx, 1) }, func(context.Context) { s.Release(1) },
			func(context.Context) bool { return s.TryAcquire(1) },
			func() int { return s.Statistics().Waiting }, func() any { return s.Statistics() },
		}
	}},
	{"Semaphore (all of several permits)", func() lockOps {
		s := braid.NewSemaphore(5)
		return lockOps{
			func(ctx context.Context) error { return s.Acquire(ctx, 5) }, func(context.Context) { s.Release(5) },
			func(context.Context) bool { return s.TryAcquire(5) },
			func() int { return s.Statistics().Waiting }, func() any { return s.Statistics() },
		}
	}},
	{"Limiter", func() lockOps {
		l := braid.NewLimiter("tokens", 1)
		return lockOps{
			l.Acquire, l.Release, l.TryAcquire,
			func() int { return l.Statistics().Waiting }, func() any { return l.Statistics() },
		}
	}},
	{"Mutex", func() lockOps {
		m := &braid.Mutex{}
		return lockOps{
			m.Lock, func(context.Context) { m.Unlock() }, func(context.Context) bool { return m.TryLock() },
			func() int { return m.Statistics().Waiting }, func() any { return m.Statistics() },
		}
	}},
	{"RWMutex (writers)", func() lockOps {
		m := &braid.RWMutex{}
		return lockOps{
			m.Lock, func(context.Context) { m.Unlock() }, func(context.Context) bool { return m.TryLock() },
			func() int { return m.Statistics().Waiting }, func() any { return m.Statistics() },
		}
	}},
}

func lockCases() []testCase {
	all := make([]testCase, 0, 6*len(lockLikes))
	for _, l := range lockLikes {
		all = append(all,
			testCase{l.name + ": at most one holds it, and the state is exact", l.excludes},
			testCase{l.name + ": the order of service is the order of arrival", l.inOrder},
			testCase{l.name + ": whoever comes later, or only tries, does not overtake one that waits", l.noBarging},
			testCase{l.name + ": what is granted to a call that is cancelled in the same moment goes to the next", l.passedOn},
			testCase{l.name + ": what is granted to a call that is cancelled in the same moment is free if nobody waits", l.freed},
			testCase{l.name + ": a whole queue that is granted and cancelled one after another loses nothing", l.passedThrough},
			testCase{l.name + ": a storm of cancellations loses nothing and lets nobody in twice", l.storm},
		)
	}
	return all
}

func (l lockLike) excludes(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		before := snapshot(m.state)
		inside, total := 0, 0
		for range 20 {
			g.Go(func(ctx context.Context) error {
				for range 5 {
					if err := m.enter(ctx); err != nil {
						return err
					}
					if inside++; inside != 1 {
						t.Errorf("%d hold it", inside)
					}
					total++
					_ = braid.Yield(ctx)
					inside--
					m.leave(ctx)
				}
				return nil
			})
		}
		until(t, ctx, "all are through", func() bool { return g.Statistics().Running == 0 })
		ok(t, m.enter(ctx))
		want(t, "times that it was held", total, 100)
		m.leave(ctx)
		want(t, "the state afterwards", snapshot(m.state), before)
	})
}

func (l lockLike) inOrder(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		ok(t, m.enter(ctx))
		var order []int
		var calls []*call
		for i := range 6 {
			calls = append(calls, begin(g, func(ctx context.Context) error {
				if err := m.enter(ctx); err != nil {
					return err
				}
				order = append(order, i)
				m.leave(ctx)
				return nil
			}))
			until(t, ctx, "one more waits", func() bool { return m.waiting() == i+1 })
		}
		m.leave(ctx)
		for _, c := range calls {
			c.succeeds(t, ctx, "a call in the queue")
		}
		wantList(t, "the order of service", order, 0, 1, 2, 3, 4, 5)
	})
}

func (l lockLike) noBarging(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		ok(t, m.enter(ctx))
		var order []string
		hold := func(name string) func(ctx context.Context) error {
			return func(ctx context.Context) error {
				if err := m.enter(ctx); err != nil {
					return err
				}
				order = append(order, name)
				m.leave(ctx)
				return nil
			}
		}
		first := begin(g, hold("first"))
		until(t, ctx, "it waits", func() bool { return m.waiting() == 1 })
		other, release := aTask(t, ctx, g)
		if m.try(other) {
			t.Error("a try succeeded although it is held")
		}
		m.leave(ctx)
		if m.try(other) { // it belongs to the first already, unless that is through
			if len(order) != 1 {
				t.Error("a try overtook the one that waited")
			}
			m.leave(other)
		}
		second := begin(g, hold("second"))
		first.succeeds(t, ctx, "the first")
		second.succeeds(t, ctx, "the second")
		wantList(t, "the order of service", order, "first", "second")
		release()
	})
}

func (l lockLike) passedOn(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		before := snapshot(m.state)
		ok(t, m.enter(ctx))
		call := func(ctx context.Context) error {
			if err := m.enter(ctx); err != nil {
				return err
			}
			m.leave(ctx)
			return nil
		}
		first := begin(g, call)
		until(t, ctx, "one waits", func() bool { return m.waiting() == 1 })
		second := begin(g, call)
		until(t, ctx, "two wait", func() bool { return m.waiting() == 2 })
		m.leave(ctx)
		first.h.Cancel(errStop)
		// Where tasks run in parallel, or switch at any point, the first may have got through.
		if err := first.result(t, ctx); err != nil && !errors.Is(err, errStop) {
			t.Errorf("the first: %v", err)
		}
		second.succeeds(t, ctx, "the second")
		want(t, "the state afterwards", snapshot(m.state), before)
	})
}

func (l lockLike) freed(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		before := snapshot(m.state)
		ok(t, m.enter(ctx))
		c := begin(g, func(ctx context.Context) error {
			err := m.enter(ctx)
			if err == nil {
				m.leave(ctx)
			}
			return err
		})
		until(t, ctx, "it waits", func() bool { return m.waiting() == 1 })
		m.leave(ctx)
		c.h.Cancel(errStop)
		if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
			t.Errorf("the call: %v", err)
		}
		want(t, "the state afterwards", snapshot(m.state), before)
		want(t, "a try afterwards", m.try(ctx), true)
	})
}

func (l lockLike) passedThrough(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		before := snapshot(m.state)
		ok(t, m.enter(ctx))
		var calls []*call
		for i := range 5 {
			calls = append(calls, begin(g, func(ctx context.Context) error {
				err := m.enter(ctx)
				if err == nil {
					m.leave(ctx)
				}
				return err
			}))
			until(t, ctx, "one more waits", func() bool { return m.waiting() == i+1 })
		}
		m.leave(ctx)
		for i := range 4 { // each is granted it by the one before, which is cancelled
			calls[i].h.Cancel(errStop)
		}
		for _, c := range calls {
			if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("a call: %v", err)
			}
		}
		ok(t, calls[4].err)
		want(t, "the state afterwards", snapshot(m.state), before)
	})
}

func (l lockLike) storm(t *testing.T, ctx context.Context) {
	scope(t, ctx, func(ctx context.Context, g *braid.Group) {
		m := l.make()
		before := snapshot(m.state)
		inside := 0
		storm(t, ctx, g, 8, 15, func(ctx context.Context, _ int) error {
			if err := m.enter(ctx); err != nil {
				return err
			}
			if inside++; inside != 1 {
				t.Errorf("%d hold it", inside)
			}
			_ = braid.Yield(ctx)
			inside--
			m.leave(ctx)
			return nil
		})
		want(t, "the state afterwards", snapshot(m.state), before)
		want(t, "a try afterwards", m.try(ctx), true)
	})
}
