package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/braid-go/braid"
)

var mutexCases = []testCase{
	{"Mutex: the zero value is unlocked, and the owner is known while a task holds it", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			want(t, "zero", m.Statistics(), braid.MutexStatistics{})
			ok(t, m.Lock(ctx))
			want(t, "locked", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: braid.Current(ctx)})
			c := begin(g, func(ctx context.Context) error {
				if err := m.Lock(ctx); err != nil {
					return err
				}
				want(t, "handed over", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: braid.Current(ctx)})
				m.Unlock()
				return nil
			})
			until(t, ctx, "one waits", func() bool { return m.Statistics().Waiting == 1 })
			m.Unlock()
			c.succeeds(t, ctx, "the one that waited")
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
			want(t, "TryLock", m.TryLock(), true)
			want(t, "locked by a try", m.Statistics(), braid.MutexStatistics{Locked: true})
			want(t, "TryLock of a locked one", m.TryLock(), false)
		})
	}},
	{"Mutex: locking what this very task holds is an error, not a hang", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			ok(t, m.Lock(ctx))
			if err := m.Lock(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("a second Lock: %v", err)
			}
			_ = braid.Run(ctx, func(ctx context.Context, _ *braid.Group) error {
				if err := m.Lock(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
					t.Errorf("a Lock in a scope of the same task: %v", err)
				}
				return nil
			})
			want(t, "still", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: braid.Current(ctx)})
			child := begin(g, m.Lock) // another task, which may wait for this one
			until(t, ctx, "the child waits", func() bool { return m.Statistics().Waiting == 1 })
			m.Unlock()
			child.succeeds(t, ctx, "the child")
			m.Unlock()
			ok(t, m.Lock(ctx))
			m.Unlock()
		})
	}},
	{"Mutex: code without a task, or that only tried, is not known as the owner and waits as anybody", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			want(t, "TryLock", m.TryLock(), true)
			err := braid.Timeout(ctx, aMoment, m.Lock)
			if !errors.Is(err, braid.ErrTimeout) || errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("Lock after TryLock: %v", err)
			}
			m.Unlock()
			ok(t, join(t, ctx, elsewhere(func() error {
				plain, cancel := context.WithTimeout(context.Background(), aMoment)
				defer cancel()
				if err := m.Lock(context.Background()); err != nil {
					return err
				}
				if err := m.Lock(plain); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Lock twice without a task: %v", err)
				}
				m.Unlock()
				return nil
			})))
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
		})
	}},
	{"Mutex: another task may unlock it, and a task that ends without unlocking leaves it locked", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			c := begin(g, m.Lock)
			c.succeeds(t, ctx, "the task that ends")
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{Locked: true, Owner: c.h})
			want(t, "TryLock", m.TryLock(), false)
			m.Unlock()
			want(t, "unlocked", m.Statistics(), braid.MutexStatistics{})
		})
	}},
	{"Mutex: an Unlock too many, when the next holder is on its way and cancelled, leaves a mutex that works", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.Mutex
			unlock := func() {
				defer func() { _ = recover() }() // who unlocks what is unlocked may be told so
				m.Unlock()
			}
			ok(t, m.Lock(ctx))
			c := begin(g, func(ctx context.Context) error {
				err := m.Lock(ctx)
				if err == nil {
					unlock()
				}
				return err
			})
			until(t, ctx, "one waits", func() bool { return m.Statistics().Waiting == 1 })
			m.Unlock()
			unlock()
			c.h.Cancel(errStop)
			c.stopped(t, ctx, "the one that waited")
			want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
			want(t, "TryLock", m.TryLock(), true)
			want(t, "TryLock of a locked one", m.TryLock(), false)
		})
	}},
	{"Mutex: unlocking what is not locked panics with a text that says what to do", func(t *testing.T, ctx context.Context) {
		var m braid.Mutex
		panics(t, "Unlock", m.Unlock, "not locked", "follow a Lock")
		ok(t, m.Lock(ctx))
		m.Unlock()
		panics(t, "a second Unlock", m.Unlock, "not locked")
		want(t, "afterwards", m.Statistics(), braid.MutexStatistics{})
		ok(t, m.Lock(ctx))
	}},
}

// rw is what can be compared of an RWMutex without naming its owner.
func rw(m *braid.RWMutex) braid.RWMutexStatistics {
	s := m.Statistics()
	s.Writer = nil
	return s
}

var rwmutexCases = []testCase{
	{"RWMutex: readers share, a writer is alone, and the zero value is unlocked", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			want(t, "zero", m.Statistics(), braid.RWMutexStatistics{})
			ok(t, begin(g, m.RLock).result(t, ctx))
			ok(t, begin(g, m.RLock).result(t, ctx))
			want(t, "TryRLock", m.TryRLock(), true)
			want(t, "read", m.Statistics(), braid.RWMutexStatistics{Readers: 3})
			want(t, "TryLock while it is read", m.TryLock(), false)
			for range 3 {
				m.RUnlock()
			}
			ok(t, m.Lock(ctx))
			want(t, "written", m.Statistics(), braid.RWMutexStatistics{Writing: true, Writer: braid.Current(ctx)})
			want(t, "TryRLock while it is written", m.TryRLock(), false)
			want(t, "TryLock while it is written", m.TryLock(), false)
			m.Unlock()
			want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{})
		})
	}},
	{"RWMutex: a writer that waits is not starved by readers that come later", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			ok(t, m.RLock(ctx))
			writer := begin(g, m.Lock)
			until(t, ctx, "the writer waits", func() bool { return m.Statistics().Waiting == 1 })
			reader := begin(g, m.RLock)
			until(t, ctx, "a reader waits behind it", func() bool { return m.Statistics().Waiting == 2 })
			want(t, "TryRLock", m.TryRLock(), false)
			m.RUnlock()
			writer.succeeds(t, ctx, "the writer")
			want(t, "while it writes", rw(&m), braid.RWMutexStatistics{Writing: true, Waiting: 1})
			m.Unlock()
			reader.succeeds(t, ctx, "the reader")
			m.RUnlock()
		})
	}},
	{"RWMutex: a writer does not overtake readers, and those that stand together read together", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			ok(t, m.Lock(ctx))
			var calls []*call
			for i, lock := range []func(context.Context) error{m.RLock, m.RLock, m.Lock, m.RLock} {
				calls = append(calls, begin(g, lock))
				until(t, ctx, "one more waits", func() bool { return m.Statistics().Waiting == i+1 })
			}
			m.Unlock()
			calls[0].succeeds(t, ctx, "the first reader")
			calls[1].succeeds(t, ctx, "the second reader")
			want(t, "the readers", rw(&m), braid.RWMutexStatistics{Readers: 2, Waiting: 2})
			m.RUnlock()
			want(t, "one reader left", rw(&m), braid.RWMutexStatistics{Readers: 1, Waiting: 2})
			m.RUnlock()
			calls[2].succeeds(t, ctx, "the writer")
			want(t, "the writer", rw(&m), braid.RWMutexStatistics{Writing: true, Waiting: 1})
			m.Unlock()
			calls[3].succeeds(t, ctx, "the last reader")
			m.RUnlock()
			want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{})
		})
	}},
	{"RWMutex: readers behind a writer that is cancelled go on", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			ok(t, m.RLock(ctx))
			writer := begin(g, m.Lock)
			until(t, ctx, "the writer waits", func() bool { return m.Statistics().Waiting == 1 })
			first := begin(g, m.RLock)
			until(t, ctx, "a reader waits", func() bool { return m.Statistics().Waiting == 2 })
			second := begin(g, m.RLock)
			until(t, ctx, "another reader waits", func() bool { return m.Statistics().Waiting == 3 })
			writer.h.Cancel(errStop)
			writer.fails(t, ctx, "the writer", errStop)
			first.succeeds(t, ctx, "the first reader")
			second.succeeds(t, ctx, "the second reader")
			want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{Readers: 3})
		})
	}},
	{"RWMutex: a writer that is granted the lock and cancelled in the same moment lets all readers behind it in", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			ok(t, m.RLock(ctx))
			writer := begin(g, func(ctx context.Context) error {
				err := m.Lock(ctx)
				if err == nil {
					m.Unlock()
				}
				return err
			})
			until(t, ctx, "the writer waits", func() bool { return m.Statistics().Waiting == 1 })
			first := begin(g, m.RLock)
			until(t, ctx, "a reader waits", func() bool { return m.Statistics().Waiting == 2 })
			second := begin(g, m.RLock)
			until(t, ctx, "another reader waits", func() bool { return m.Statistics().Waiting == 3 })
			m.RUnlock()
			writer.h.Cancel(errStop)
			first.succeeds(t, ctx, "the first reader")
			second.succeeds(t, ctx, "the second reader")
			if err := writer.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("the writer: %v", err)
			}
			want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{Readers: 2})
		})
	}},
	{"RWMutex: a task that holds it for writing gets an error for both locks, not a hang", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			ok(t, m.Lock(ctx))
			if err := m.Lock(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("Lock: %v", err)
			}
			if err := m.RLock(ctx); !errors.Is(err, braid.ErrSelfDeadlock) {
				t.Errorf("RLock: %v", err)
			}
			want(t, "still", m.Statistics(), braid.RWMutexStatistics{Writing: true, Writer: braid.Current(ctx)})
			reader := begin(g, m.RLock)
			until(t, ctx, "another task waits", func() bool { return m.Statistics().Waiting == 1 })
			m.Unlock()
			reader.succeeds(t, ctx, "the other task")
			m.RUnlock()
			ok(t, m.Lock(ctx))
			m.Unlock()
		})
	}},
	{"RWMutex: unlocking what is not locked that way panics with a text that says what to do, and changes nothing", func(t *testing.T, ctx context.Context) {
		var m braid.RWMutex
		panics(t, "Unlock", m.Unlock, "not locked for writing", "follow a Lock")
		panics(t, "RUnlock", m.RUnlock, "not locked for reading", "follow an RLock")
		ok(t, m.RLock(ctx))
		panics(t, "Unlock of a read lock", m.Unlock, "not locked for writing")
		want(t, "read", m.Statistics(), braid.RWMutexStatistics{Readers: 1})
		m.RUnlock()
		ok(t, m.Lock(ctx))
		panics(t, "RUnlock of a write lock", m.RUnlock, "not locked for reading")
		want(t, "written", rw(&m), braid.RWMutexStatistics{Writing: true})
		m.Unlock()
		want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{})
	}},
	{"RWMutex: a storm of readers and writers with cancellations keeps writers alone and leaves nothing", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			var m braid.RWMutex
			value := 0 // written under the write lock; read, twice, under the read lock
			storm(t, ctx, g, 9, 12, func(ctx context.Context, worker int) error {
				if worker%3 > 0 {
					if err := m.RLock(ctx); err != nil {
						return err
					}
					before := value
					_ = braid.Yield(ctx)
					want(t, "the value while it is read", value, before)
					m.RUnlock()
					return nil
				}
				if err := m.Lock(ctx); err != nil {
					return err
				}
				value++
				_ = braid.Yield(ctx)
				m.Unlock()
				return nil
			})
			want(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{})
			want(t, "TryLock", m.TryLock(), true)
		})
	}},
}
