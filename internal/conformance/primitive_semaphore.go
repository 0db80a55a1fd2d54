package conformance

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/braid-go/braid"
)

// acquired is a call that acquires n permits and keeps them.
func acquired(g *braid.Group, s *braid.Semaphore, n int64) *call {
	return begin(g, func(ctx context.Context) error { return s.Acquire(ctx, n) })
}

var semaphoreCases = []testCase{
	{"Semaphore: counts what is in use and who waits", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(5)
			want(t, "new", s.Statistics(), braid.SemaphoreStatistics{Size: 5})
			ok(t, s.Acquire(ctx, 2))
			want(t, "TryAcquire(3)", s.TryAcquire(3), true)
			want(t, "TryAcquire(1) of none", s.TryAcquire(1), false)
			c := acquired(g, s, 4)
			until(t, ctx, "one waits", func() bool { return s.Statistics().Waiting == 1 })
			want(t, "full", s.Statistics(), braid.SemaphoreStatistics{Size: 5, InUse: 5, Waiting: 1})
			s.Release(3)
			want(t, "with too little for the one that waits", s.Statistics(), braid.SemaphoreStatistics{Size: 5, InUse: 2, Waiting: 1})
			s.Release(1)
			c.succeeds(t, ctx, "the one that waited")
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 5, InUse: 5})
			s.Release(5)
			want(t, "free", s.Statistics(), braid.SemaphoreStatistics{Size: 5})
		})
	}},
	{"Semaphore: a large request is not starved by small ones that come later", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(3)
			ok(t, s.Acquire(ctx, 1))
			large := acquired(g, s, 3)
			until(t, ctx, "the large one waits", func() bool { return s.Statistics().Waiting == 1 })
			small := acquired(g, s, 1)
			until(t, ctx, "the small one waits behind it, although there is room", func() bool { return s.Statistics().Waiting == 2 })
			want(t, "TryAcquire", s.TryAcquire(1), false)
			want(t, "TryAcquire(0)", s.TryAcquire(0), false)
			s.Release(1)
			large.succeeds(t, ctx, "the large one")
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3, InUse: 3, Waiting: 1})
			s.Release(3)
			small.succeeds(t, ctx, "the small one")
		})
	}},
	{"Semaphore: small requests behind a large one that is cancelled go on", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(3)
			ok(t, s.Acquire(ctx, 1))
			large := acquired(g, s, 3)
			until(t, ctx, "the large one waits", func() bool { return s.Statistics().Waiting == 1 })
			var small []*call
			for i := range 3 {
				small = append(small, acquired(g, s, 1))
				until(t, ctx, "a small one waits", func() bool { return s.Statistics().Waiting == i+2 })
			}
			large.h.Cancel(errStop)
			large.fails(t, ctx, "the large one", errStop)
			small[0].succeeds(t, ctx, "the first small one")
			small[1].succeeds(t, ctx, "the second small one")
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3, InUse: 3, Waiting: 1})
			want(t, "the third small one has ended", small[2].ended(), false)
			s.Release(1)
			small[2].succeeds(t, ctx, "the third small one")
		})
	}},
	{"Semaphore: a request in the middle of the queue that is cancelled does not disturb the order", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(2)
			ok(t, s.Acquire(ctx, 2))
			var calls []*call
			for i := range 3 {
				calls = append(calls, acquired(g, s, 2))
				until(t, ctx, "one more waits", func() bool { return s.Statistics().Waiting == i+1 })
			}
			calls[1].h.Cancel(errStop)
			calls[1].fails(t, ctx, "the one in the middle", errStop)
			s.Release(2)
			calls[0].succeeds(t, ctx, "the first")
			want(t, "the last has ended", calls[2].ended(), false)
			s.Release(2)
			calls[2].succeeds(t, ctx, "the last")
		})
	}},
	{"Semaphore: what a large request was granted goes to several small ones if it is cancelled in the same moment", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(3)
			ok(t, s.Acquire(ctx, 3))
			large := begin(g, func(ctx context.Context) error {
				err := s.Acquire(ctx, 3)
				if err == nil {
					s.Release(3)
				}
				return err
			})
			until(t, ctx, "the large one waits", func() bool { return s.Statistics().Waiting == 1 })
			var small []*call
			for i := range 3 {
				small = append(small, acquired(g, s, 1))
				until(t, ctx, "a small one waits", func() bool { return s.Statistics().Waiting == i+2 })
			}
			s.Release(3)
			large.h.Cancel(errStop)
			if err := large.result(t, ctx); err != nil && !errors.Is(err, errStop) {
				t.Errorf("the large one: %v", err)
			}
			for _, c := range small {
				c.succeeds(t, ctx, "a small one")
			}
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3, InUse: 3})
		})
	}},
	{"Semaphore: one Release serves as many as fit", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(10)
			ok(t, s.Acquire(ctx, 10))
			var calls []*call
			for i, n := range []int64{2, 3, 4, 2, 1} {
				calls = append(calls, acquired(g, s, n))
				until(t, ctx, "one more waits", func() bool { return s.Statistics().Waiting == i+1 })
			}
			s.Release(10)
			for _, c := range calls[:3] {
				c.succeeds(t, ctx, "a call that fits")
			}
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 10, InUse: 9, Waiting: 2})
			s.Release(9)
			calls[3].succeeds(t, ctx, "the rest")
			calls[4].succeeds(t, ctx, "the rest")
		})
	}},
	{"Semaphore: a request above its size is an error at once, and a try for it is false", func(t *testing.T, ctx context.Context) {
		s := braid.NewSemaphore(3)
		says(t, "Acquire(4)", s.Acquire(ctx, 4), "Acquire(4)", "3 permits", "never")
		says(t, "Acquire(MaxInt64)", s.Acquire(ctx, math.MaxInt64), "never")
		want(t, "TryAcquire(4)", s.TryAcquire(4), false)
		want(t, "TryAcquire(MaxInt64)", s.TryAcquire(math.MaxInt64), false)
		want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3})
		none := braid.NewSemaphore(0)
		says(t, "Acquire(1) of none", none.Acquire(ctx, 1), "never")
		ok(t, none.Acquire(ctx, 0))
		want(t, "TryAcquire(0) of none", none.TryAcquire(0), true)
		none.Release(0)
	}},
	{"Semaphore: misuse panics with a text that says what to do, and changes nothing", func(t *testing.T, ctx context.Context) {
		panics(t, "NewSemaphore(-1)", func() { braid.NewSemaphore(-1) }, "NewSemaphore(-1)", "must not be negative")
		panics(t, "NewSemaphore(MaxInt64)", func() { braid.NewSemaphore(math.MaxInt64) }, "less than")
		s := braid.NewSemaphore(3)
		panics(t, "Release(1) of a free semaphore", func() { s.Release(1) }, "Release(1)", "0 of 3", "follow an Acquire")
		ok(t, s.Acquire(ctx, 2))
		panics(t, "Release of more than is held", func() { s.Release(3) }, "Release(3)", "2 of 3", "follow an Acquire")
		panics(t, "Release(MaxInt64)", func() { s.Release(math.MaxInt64) }, "follow an Acquire")
		panics(t, "Acquire(-1)", func() { _ = s.Acquire(ctx, -1) }, "Acquire(-1)", "must not be negative")
		panics(t, "TryAcquire(-1)", func() { s.TryAcquire(-1) }, "TryAcquire(-1)", "must not be negative")
		panics(t, "Release(-1)", func() { s.Release(-1) }, "Release(-1)", "must not be negative")
		want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3, InUse: 2})
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			c := acquired(g, s, 3)
			until(t, ctx, "one waits", func() bool { return s.Statistics().Waiting == 1 })
			panics(t, "Release of more than is held, while one waits", func() { s.Release(3) }, "2 of 3")
			s.Release(2)
			c.succeeds(t, ctx, "the one that waited")
		})
	}},
	{"Semaphore: a Release too many, when a request is granted and cancelled, leaves a semaphore that works", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(3)
			release := func(n int64) {
				defer func() { _ = recover() }() // who releases more than is held may be told so
				s.Release(n)
			}
			ok(t, s.Acquire(ctx, 3))
			c := begin(g, func(ctx context.Context) error {
				err := s.Acquire(ctx, 2)
				if err == nil {
					release(2)
				}
				return err
			})
			until(t, ctx, "one waits", func() bool { return s.Statistics().Waiting == 1 })
			s.Release(3)
			release(2)
			c.h.Cancel(errStop)
			c.stopped(t, ctx, "the one that waited")
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3})
			want(t, "TryAcquire of all", s.TryAcquire(3), true)
			want(t, "TryAcquire of one more", s.TryAcquire(1), false)
		})
	}},
	{"Semaphore: any task may release, and in other portions", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			s := braid.NewSemaphore(3)
			ok(t, s.Acquire(ctx, 3))
			for range 3 {
				begin(g, func(context.Context) error { s.Release(1); return nil }).succeeds(t, ctx, "a release")
			}
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: 3})
		})
	}},
	{"Semaphore: a storm of weighted requests with cancellations loses no permit and exceeds no limit", func(t *testing.T, ctx context.Context) {
		scope(t, ctx, func(ctx context.Context, g *braid.Group) {
			const size = 7
			s := braid.NewSemaphore(size)
			guard := braid.NewSemaphore(1) // for held, which is counted apart
			held := int64(0)
			count := func(n int64) {
				_ = guard.Acquire(context.WithoutCancel(ctx), 1)
				if held += n; held > size {
					t.Errorf("%d permits are held of %d", held, size)
				}
				guard.Release(1)
			}
			storm(t, ctx, g, 10, 12, func(ctx context.Context, worker int) error {
				n := int64(worker%size) + 1
				if err := s.Acquire(ctx, n); err != nil {
					return err
				}
				count(n)
				_ = braid.Yield(ctx)
				count(-n)
				s.Release(n)
				return nil
			})
			want(t, "held afterwards", held, 0)
			want(t, "afterwards", s.Statistics(), braid.SemaphoreStatistics{Size: size})
			want(t, "TryAcquire of all", s.TryAcquire(size), true)
		})
	}},
}
