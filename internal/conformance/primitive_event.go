package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

var eventCases = []testCase{
	{"Event: the zero value is not set; Set wakes all, and later waits return at once until Clear", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var e braid.Event
			want(t, "zero", e.Statistics(), braid.EventStatistics{})
			want(t, "IsSet", e.IsSet(), false)
			calls := []*call{begin(g, e.Wait), begin(g, e.Wait), begin(g, e.Wait)}
			until(t, ctx, "all wait", func() bool { return e.Statistics().Waiting == 3 })
			e.Set()
			want(t, "set", e.Statistics(), braid.EventStatistics{Set: true})
			for _, c := range calls {
				c.succeeds(t, ctx, "a wait")
			}
			e.Set()
			ok(t, e.Wait(ctx))
			want(t, "IsSet", e.IsSet(), true)
			e.Clear()
			e.Clear()
			want(t, "cleared", e.Statistics(), braid.EventStatistics{})
			c := begin(g, e.Wait)
			until(t, ctx, "one waits again", func() bool { return e.Statistics().Waiting == 1 })
			e.Set()
			c.succeeds(t, ctx, "the wait")
		})
	}},
	{"Event: who waited when it was set goes on, although it is cleared before they run", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var e braid.Event
			calls := []*call{begin(g, e.Wait), begin(g, e.Wait)}
			until(t, ctx, "both wait", func() bool { return e.Statistics().Waiting == 2 })
			e.Set()
			e.Clear()
			for _, c := range calls {
				c.succeeds(t, ctx, "a wait")
			}
			want(t, "afterwards", e.Statistics(), braid.EventStatistics{})
		})
	}},
	{"Event: a wait that is cancelled in the moment of Set leaves nothing behind", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var e braid.Event
			c, other := begin(g, e.Wait), begin(g, e.Wait)
			until(t, ctx, "both wait", func() bool { return e.Statistics().Waiting == 2 })
			e.Set()
			c.h.Cancel(errStop)
			if err := c.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("the cancelled wait: %v", err)
			}
			other.succeeds(t, ctx, "the other")
			want(t, "afterwards", e.Statistics(), braid.EventStatistics{Set: true})
		})
	}},
	{"Event: a storm of Set, Clear and cancelled waits leaves nothing behind", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var e braid.Event
			setter := begin(g, func(ctx context.Context) error {
				for braid.Yield(ctx) == nil {
					e.Set()
					e.Clear()
				}
				return nil
			})
			storm(t, ctx, g, 8, 15, func(ctx context.Context, _ int) error { return e.Wait(ctx) })
			setter.h.Cancel(nil)
			setter.succeeds(t, ctx, "the one that sets")
			want(t, "afterwards", e.Statistics(), braid.EventStatistics{})
		})
	}},
}

// condWait is a call that waits once, with the mutex held around, and then does after.
func condWait(g *braid.Group, m *braid.Mutex, c *braid.Cond, after func()) *call {
	return begin(g, func(ctx context.Context) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		defer m.Unlock()
		err := c.Wait(ctx)
		if err == nil && after != nil {
			after()
		}
		return err
	})
}

var condCases = []testCase{
	{"Cond: Wait gives the mutex up and holds it again when it returns", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			waits := begin(g, func(ctx context.Context) error {
				ok(t, m.Lock(ctx))
				err := c.Wait(ctx)
				want(t, "the mutex after Wait", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: braid.Current(ctx)})
				m.Unlock()
				return err
			})
			until(t, ctx, "it waits", func() bool { return c.Statistics().Waiting == 1 && !m.Statistics().Locked })
			ok(t, m.Lock(ctx))
			c.Notify(1)
			pass(ctx)
			want(t, "Wait has returned while another holds the mutex", waits.ended(), false)
			m.Unlock()
			waits.succeeds(t, ctx, "Wait")
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
		})
	}},
	{"Cond: notifications go to those first that came first, and are not kept for later", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			c.Notify(5)
			c.NotifyAll()
			var order []int
			var calls []*call
			for i := range 6 {
				calls = append(calls, condWait(g, &m, c, func() { order = append(order, i) }))
				until(t, ctx, "one more waits", func() bool { return c.Statistics().Waiting == i+1 })
			}
			c.Notify(1)
			calls[0].succeeds(t, ctx, "the first")
			c.Notify(0)
			c.Notify(2)
			calls[1].succeeds(t, ctx, "the second")
			calls[2].succeeds(t, ctx, "the third")
			want(t, "waiting", c.Statistics(), braid.CondStatistics{Waiting: 3})
			c.NotifyAll()
			for _, c := range calls {
				c.succeeds(t, ctx, "the rest")
			}
			want(t, "afterwards", c.Statistics(), braid.CondStatistics{})
			want(t, "notified", len(order), 6)
			want(t, "the first notified", order[0], 0)
		})
	}},
	{"Cond: a notified wait that is cancelled in the same moment passes the notification on", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			passOn := func() { c.Notify(1) } // in the case that the first is not cancelled in time
			first := condWait(g, &m, c, passOn)
			until(t, ctx, "one waits", func() bool { return c.Statistics().Waiting == 1 })
			second := condWait(g, &m, c, nil)
			until(t, ctx, "two wait", func() bool { return c.Statistics().Waiting == 2 && !m.Statistics().Locked })
			c.Notify(1)
			first.h.Cancel(errStop)
			second.succeeds(t, ctx, "the second")
			if err := first.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("the first: %v", err)
			}
			want(t, "afterwards", c.Statistics(), braid.CondStatistics{})
		})
	}},
	{"Cond: a cancelled Wait holds the mutex when it returns, and waits for it as long as that takes", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			waits := begin(g, func(ctx context.Context) error {
				ok(t, m.Lock(ctx))
				err := c.Wait(ctx)
				want(t, "the mutex after Wait", m.Statistics().Owner, braid.Current(ctx))
				m.Unlock()
				return err
			})
			until(t, ctx, "it waits", func() bool { return c.Statistics().Waiting == 1 && !m.Statistics().Locked })
			ok(t, m.Lock(ctx))
			waits.h.Cancel(errStop)
			until(t, ctx, "it waits for the mutex", func() bool { return m.Statistics().Waiting == 1 })
			want(t, "waiting for a notification", c.Statistics().Waiting, 0)
			m.Unlock()
			waits.fails(t, ctx, "Wait", errStop)
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
		})
	}},
	{"Cond: Wait with a done ctx has not unlocked", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			ok(t, m.Lock(ctx))
			other := begin(g, m.Lock)
			until(t, ctx, "another task waits for the mutex", func() bool { return m.Statistics().Waiting == 1 })
			for _, done := range endedContexts(ctx) {
				if err := c.Wait(done); !errors.Is(err, errStop) {
					t.Errorf("Wait: %v", err)
				}
			}
			want(t, "the mutex", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: braid.Current(ctx), Waiting: 1})
			m.Unlock()
			other.succeeds(t, ctx, "the other task")
		})
	}},
	{"Cond: misuse panics with a text that says what to do, and leaves nothing behind", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			panics(t, "NewCond(nil)", func() { braid.NewCond(nil) }, "NewCond(nil)", "Mutex")
			var m braid.Mutex
			c := braid.NewCond(&m)
			panics(t, "Wait without the mutex", func() { _ = c.Wait(ctx) }, "not locked")
			left := c.Statistics().Waiting
			want(t, "waiting after the panic", left, 0)
			other := condWait(g, &m, c, nil)
			until(t, ctx, "another waits", func() bool { return c.Statistics().Waiting == left+1 && !m.Statistics().Locked })
			c.Notify(left + 1)
			other.succeeds(t, ctx, "the other")
			ok(t, m.Lock(ctx))
			panics(t, "WaitFor(nil)", func() { _ = c.WaitFor(ctx, nil) }, "nil")
			m.Unlock()
		})
	}},
	{"Cond: WaitFor asks with the mutex held, at once and after each notification", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			n, asked := 0, 0
			waits := begin(g, func(ctx context.Context) error {
				ok(t, m.Lock(ctx))
				defer m.Unlock()
				return c.WaitFor(ctx, func() bool {
					asked++
					want(t, "the mutex in ready", m.Statistics().Owner, braid.Current(ctx))
					return n == 3
				})
			})
			for i := range 3 {
				until(t, ctx, "it waits", func() bool { return c.Statistics().Waiting == 1 && !m.Statistics().Locked })
				ok(t, m.Lock(ctx))
				want(t, "times that it asked", asked, i+1)
				n++
				c.Notify(1)
				m.Unlock()
			}
			waits.succeeds(t, ctx, "WaitFor")
			want(t, "times that it asked", asked, 4)
		})
	}},
	{"Cond: a storm of cancellations loses no notification that somebody could have used", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := braid.NewCond(&m)
			stock := 0
			const patient = 40
			var consumers []*call
			for range patient { // these are not cancelled, and each must get one
				consumers = append(consumers, begin(g, func(ctx context.Context) error {
					ok(t, m.Lock(ctx))
					defer m.Unlock()
					if err := c.WaitFor(ctx, func() bool { return stock > 0 }); err != nil {
						return err
					}
					stock--
					return nil
				}))
			}
			begin(g, func(ctx context.Context) error {
				for range patient {
					ok(t, m.Lock(ctx))
					stock++
					m.Unlock()
					c.Notify(1)
					pass(ctx)
				}
				return nil
			})
			storm(t, ctx, g, 6, 20, func(ctx context.Context, _ int) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				defer m.Unlock()
				err := c.Wait(ctx)
				if err == nil {
					c.Notify(1) // it was not meant for me
				}
				return err
			}, alwaysCancel)
			for _, consumer := range consumers {
				consumer.succeeds(t, ctx, "a consumer")
			}
			want(t, "stock", stock, 0)
			want(t, "afterwards", c.Statistics(), braid.CondStatistics{})
		})
	}},
}
