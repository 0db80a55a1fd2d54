package braid_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid"
)

// Storms of cancellation on real goroutines, for the race detector. The ints that the primitives guard are not atomic.

// spin lets others run for a short random while.
func spin(rng *rand.Rand) {
	for range rng.IntN(12) {
		runtime.Gosched()
	}
}

// rage calls op again and again, from workers of which every second is a task and the others are plain goroutines.
// Each call is cancelled after a short random while, early or late. It must succeed or return errStopped.
func rage(t *testing.T, op func(ctx context.Context, worker int) error) {
	t.Helper()
	workers, rounds := 8, 250
	if testing.Short() {
		rounds = 50
	}
	check := func(err error) {
		if err != nil && !errors.Is(err, errStopped) {
			t.Errorf("a call in the storm: %v", err)
		}
	}
	asTask := func(worker int, rng *rand.Rand) {
		err := braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			for range rounds {
				h := g.Go(func(ctx context.Context) error {
					check(op(ctx, worker))
					return nil
				})
				spin(rng)
				h.Cancel(errStopped)
				if err := h.Wait(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("the scope of worker %d: %v", worker, err)
		}
	}
	plainly := func(worker int, rng *rand.Rand) {
		for range rounds {
			ctx, cancel := context.WithCancelCause(context.Background())
			var both sync.WaitGroup
			both.Go(func() { check(op(ctx, worker)) })
			spin(rng)
			cancel(errStopped)
			both.Wait()
		}
	}
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			if i%2 == 0 {
				asTask(i, rng)
			} else {
				plainly(i, rng)
			}
		})
	}
	all.Wait()
}

func expect[T comparable](t *testing.T, what string, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %+v, want %+v", what, got, wanted)
	}
}

func TestStressSemaphore(t *testing.T) {
	const size = 5
	s := braid.NewSemaphore(size)
	var held atomic.Int64
	rage(t, func(ctx context.Context, worker int) error {
		n := int64(worker%size) + 1
		if worker == 7 {
			if !s.TryAcquire(n) {
				return nil
			}
		} else if err := s.Acquire(ctx, n); err != nil {
			return err
		}
		if h := held.Add(n); h > size {
			t.Errorf("%d permits are held", h)
		}
		runtime.Gosched()
		held.Add(-n)
		s.Release(n)
		return nil
	})
	expect(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: size})
	expect(t, "TryAcquire of all", s.TryAcquire(size), true)
}

func TestStressLocks(t *testing.T) {
	var m braid.Mutex
	l := braid.NewLimiter("tokens", 1)
	one := braid.NewSemaphore(1)
	for name, lock := range map[string]struct {
		enter func(ctx context.Context, borrower any) error
		leave func(borrower any)
		idle  func() bool
	}{
		"Mutex": {
			func(ctx context.Context, _ any) error { return m.Lock(ctx) }, func(any) { m.Unlock() },
			func() bool { return m.Statistics() == braid.MutexStatistics{} },
		},
		"Limiter": {
			l.AcquireFor, l.ReleaseFor,
			func() bool { s := l.Statistics(); return s.Borrowed == 0 && s.Waiting == 0 && len(s.Borrowers) == 0 },
		},
		"Semaphore": {
			func(ctx context.Context, _ any) error { return one.Acquire(ctx, 1) }, func(any) { one.Release(1) },
			func() bool { return one.Statistics() == braid.SemaphoreStatistics{Size: 1} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			rage(t, func(ctx context.Context, _ int) error {
				borrower := new(int)
				if err := lock.enter(ctx, borrower); err != nil {
					return err
				}
				before := n
				runtime.Gosched()
				n = before + 1
				lock.leave(borrower)
				return nil
			})
			expect(t, "idle afterwards", lock.idle(), true)
		})
	}
}

func TestStressRWMutex(t *testing.T) {
	var m braid.RWMutex
	n := 0
	rage(t, func(ctx context.Context, worker int) error {
		if worker%3 > 0 {
			if err := m.RLock(ctx); err != nil {
				return err
			}
			before := n
			runtime.Gosched()
			expect(t, "the value while it is read", n, before)
			m.RUnlock()
			return nil
		}
		if err := m.Lock(ctx); err != nil {
			return err
		}
		n++
		m.Unlock()
		return nil
	})
	expect(t, "afterwards", m.Statistics(), braid.RWMutexStatistics{})
}

func TestStressCond(t *testing.T) {
	var m braid.Mutex
	c := braid.NewCond(&m)
	made, taken, stock := 0, 0, 0
	rage(t, func(ctx context.Context, worker int) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		defer m.Unlock()
		if worker < 3 {
			made++
			stock++
			c.Notify(1)
			return nil
		}
		if err := c.WaitFor(ctx, func() bool { return stock > 0 }); err != nil {
			return err
		}
		taken++
		stock--
		return nil
	})
	expect(t, "stock", stock, made-taken)
	expect(t, "afterwards", c.Statistics(), braid.CondStatistics{})
	expect(t, "the mutex", m.Statistics(), braid.MutexStatistics{})
}

// As many notifications as waits that are not cancelled: if one gets lost, the test hangs.
func TestStressCondLosesNoNotification(t *testing.T) {
	var m braid.Mutex
	c := braid.NewCond(&m)
	tickets := 0
	patient := 200
	if testing.Short() {
		patient = 50
	}
	ctx := t.Context()
	var all sync.WaitGroup
	for range patient {
		all.Go(func() {
			_ = m.Lock(ctx)
			defer m.Unlock()
			if err := c.WaitFor(ctx, func() bool { return tickets > 0 }); err != nil {
				t.Errorf("a wait that is not cancelled: %v", err)
			}
			tickets--
		})
	}
	all.Go(func() {
		for range patient {
			_ = m.Lock(ctx)
			tickets++
			m.Unlock()
			c.Notify(1)
			runtime.Gosched()
		}
	})
	rage(t, func(ctx context.Context, _ int) error {
		if err := m.Lock(ctx); err != nil {
			return err
		}
		defer m.Unlock()
		err := c.Wait(ctx)
		if err == nil {
			c.Notify(1)
		}
		return err
	})
	all.Wait()
	expect(t, "tickets left", tickets, 0)
}

func TestStressEvent(t *testing.T) {
	var e braid.Event
	rage(t, func(ctx context.Context, worker int) error {
		if worker < 2 {
			e.Set()
			e.Clear()
			return nil
		}
		return e.Wait(ctx)
	})
	expect(t, "afterwards", e.Statistics(), braid.EventStatistics{})
}

func TestStressBarrier(t *testing.T) {
	b := braid.NewBarrier(3)
	var places [3]atomic.Int64
	rage(t, func(ctx context.Context, _ int) error {
		i, err := b.Wait(ctx)
		if errors.Is(err, braid.ErrBarrierBroken) {
			b.Reset()
			return nil
		}
		if err == nil {
			places[i].Add(1)
		}
		return err
	})
	expect(t, "waiting afterwards", b.Statistics().Waiting, 0)
	expect(t, "first and second places", places[0].Load(), places[1].Load())
	expect(t, "first and third places", places[0].Load(), places[2].Load())
}

func TestStressQueue(t *testing.T) {
	for kind := range queueKinds {
		for _, capacity := range []int{0, 1, 3, braid.Unbounded} {
			t.Run(fmt.Sprintf("kind=%d/capacity=%d", kind, capacity), func(t *testing.T) { stressQueue(t, newQueueOf(kind, capacity), false) })
			t.Run(fmt.Sprintf("kind=%d/capacity=%d/shutdown", kind, capacity), func(t *testing.T) { stressQueue(t, newQueueOf(kind, capacity), true) })
		}
	}
}

func newQueueOf(kind, capacity int) *braid.Queue[item] {
	switch kind {
	case fifo:
		return braid.NewQueue[item](capacity)
	case lifo:
		return braid.NewLIFO[item](capacity)
	default:
		return braid.NewPriorityQueue(capacity, lowerRank)
	}
}

func stressQueue(t *testing.T, q *braid.Queue[item], shutdown bool) {
	t.Helper()
	var mu sync.Mutex
	var in, out []int
	var ids atomic.Int64
	note := func(list *[]int, items ...item) {
		mu.Lock()
		defer mu.Unlock()
		for _, v := range items {
			*list = append(*list, v.id)
		}
	}
	rage(t, func(ctx context.Context, worker int) error {
		id := int(ids.Add(1))
		v := item{rank: id % 3, id: id}
		var err error
		switch {
		case shutdown && worker == 7 && id > 300:
			note(&out, q.Shutdown(braid.ShutdownMode(id%2))...)
		case worker < 3:
			if err = q.Put(ctx, v); err == nil {
				note(&in, v)
			}
		case worker == 3:
			if q.TryPut(v) {
				note(&in, v)
			}
		case worker == 4:
			if v, ok := q.TryGet(); ok {
				note(&out, v)
				q.TaskDone()
			}
		default:
			if v, err = q.Get(ctx); err == nil {
				note(&out, v)
				q.TaskDone()
			}
		}
		if errors.Is(err, braid.ErrShutdown) {
			return nil
		}
		return err
	})
	s := q.Statistics()
	expect(t, "waiting afterwards", s.Getting+s.Putting, 0)
	expect(t, "unfinished afterwards", s.Unfinished, s.Len)
	note(&out, q.Shutdown(braid.Now)...)
	slices.Sort(in)
	slices.Sort(out)
	if !slices.Equal(in, out) {
		t.Errorf("%d items went in, %d came out", len(in), len(out))
	}
	if err := q.Join(t.Context()); err != nil {
		t.Errorf("Join: %v", err)
	}
}

func TestStressPromise(t *testing.T) {
	var promises [8]atomic.Pointer[braid.Promise[int]]
	for i := range promises {
		promises[i].Store(&braid.Promise[int]{})
	}
	rage(t, func(ctx context.Context, worker int) error {
		p := promises[(worker+1)%len(promises)].Load()
		if worker%2 == 0 {
			p.Resolve(worker)
			promises[(worker+1)%len(promises)].Store(&braid.Promise[int]{})
			return nil
		}
		v, err := promises[worker].Load().Future().Wait(ctx)
		if err == nil && v != worker-1 {
			t.Errorf("the value is %d", v)
		}
		return err
	})
}

func TestStressOnceValue(t *testing.T) {
	var current atomic.Pointer[braid.OnceValue[int]]
	renew := func() {
		var running atomic.Int32
		current.Store(braid.NewOnceValue(func(ctx context.Context) (int, error) {
			if running.Add(1) > 1 {
				t.Error("two run the function at a time")
			}
			defer running.Add(-1)
			for range 4 {
				if err := braid.Yield(ctx); err != nil {
					return 0, err
				}
			}
			return 9, nil
		}))
	}
	renew()
	rage(t, func(ctx context.Context, worker int) error {
		o := current.Load()
		v, err := o.Get(ctx)
		if err == nil && v != 9 {
			t.Errorf("the value is %d", v)
		}
		if err == nil && worker == 0 {
			renew()
		}
		return err
	})
	o := current.Load()
	if v, err := o.Get(t.Context()); v != 9 || err != nil {
		t.Errorf("afterwards: %d, %v", v, err)
	}
	expect(t, "afterwards", o.Statistics(), braid.OnceValueStatistics{Done: true})
}

func TestStressOffload(t *testing.T) {
	for name, opts := range map[string][]braid.OffloadOption{"join": nil, "abandon": {braid.AbandonOnCancel()}} {
		t.Run(name, func(t *testing.T) {
			l := braid.NewLimiter("threads", 2)
			var running atomic.Int32
			rage(t, func(ctx context.Context, _ int) error {
				v, err := braid.Offload(ctx, l, func(context.Context) (int, error) {
					if n := running.Add(1); n > 2 {
						t.Errorf("%d functions run", n)
					}
					runtime.Gosched()
					running.Add(-1)
					return 7, nil
				}, opts...)
				if err == nil && v != 7 {
					t.Errorf("the value is %d", v)
				}
				return err
			})
			for l.Statistics().Borrowed > 0 { // what was abandoned ends by itself
				runtime.Gosched()
			}
			expect(t, "waiting afterwards", l.Statistics().Waiting, 0)
		})
	}
}

func TestStressPortal(t *testing.T) {
	var calls atomic.Int64
	err := braid.Run(t.Context(), func(_ context.Context, g *braid.Group) error {
		p := braid.NewPortal(g)
		rage(t, func(ctx context.Context, worker int) error {
			calls.Add(1)
			if worker%4 < 2 {
				return notStartedIsFine(p.Do(ctx, braid.Yield))
			}
			f := braid.Submit(p, func(ctx context.Context) (int, error) { return 3, braid.Yield(ctx) })
			v, err := f.Wait(ctx)
			if err != nil {
				f.Cancel(errStopped)
				_, err = f.Wait(context.Background())
				return notStartedIsFine(err)
			}
			if v != 3 {
				t.Errorf("the value is %d", v)
			}
			return nil
		})
		s := g.Statistics()
		expect(t, "running and queued afterwards", s.Running+s.Queued, 0)
		expect(t, "failures", s.Failures, 0)
		return nil
	}, braid.Limit(3))
	if err != nil {
		t.Errorf("the scope: %v", err)
	}
}

func notStartedIsFine(err error) error {
	if errors.Is(err, braid.ErrNotStarted) {
		return nil
	}
	return err
}
