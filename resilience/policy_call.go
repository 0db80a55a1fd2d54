package resilience

import (
	"context"
	"time"

	"github.com/braid-go/braid"
)

// The layers of a Policy, outermost first. Each calls the next one; a layer that is not there costs a comparison.
// now is the time if it has just been read, and zero otherwise.

func (p *Policy[T]) inTime(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	l, now, byScheduler := limited(ctx, time.Time{}, time.Duration(p.parts.Timeout))
	switch {
	case byScheduler:
		return p.inTimeScheduled(ctx, fn)
	case l == nil:
		return p.retried(ctx, now, fn)
	}
	defer l.end()
	v, err := p.retried(l, now, fn)
	return v, l.judge(err)
}

// inTimeScheduled is a function of its own so that its closure costs only those who need it.
func (p *Policy[T]) inTimeScheduled(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	return timed(ctx, time.Duration(p.parts.Timeout), func(ctx context.Context) (T, error) {
		return p.retried(ctx, time.Time{}, fn)
	})
}

func (p *Policy[T]) retried(ctx context.Context, now time.Time, fn func(context.Context) (T, error)) (T, error) {
	if p.parts.Retry == nil {
		return p.attempt(ctx, now, fn)
	}
	p.parts.Retry.Budget.deposit()
	for n := 1; ; n++ {
		v, err := p.attempt(ctx, now, fn)
		if err == nil {
			return v, nil
		}
		wait, err := p.parts.Retry.wait(ctx, n, err, p.parts.Expect)
		if err != nil {
			return v, err
		}
		if err := braid.Sleep(ctx, wait); err != nil {
			return v, err
		}
		now = time.Time{}
	}
}

func (p *Policy[T]) attempt(ctx context.Context, now time.Time, fn func(context.Context) (T, error)) (v T, err error) {
	if p.parts.RateLimit != nil || p.parts.Bulkhead != nil {
		if p.parts.Breaker != nil {
			if err := p.parts.Breaker.peek(ctx); err != nil {
				return v, err
			}
		}
		if p.parts.RateLimit != nil {
			if now.IsZero() {
				now = braid.Time(ctx)
			}
			waited, err := p.parts.RateLimit.wait(ctx, now, p.parts.Expect)
			if err != nil {
				return v, err
			}
			if waited {
				now = time.Time{}
			}
		}
	}
	if p.parts.Bulkhead == nil {
		return p.guarded(ctx, now, fn)
	}
	if !p.parts.Bulkhead.slots.TryAcquire(1) {
		if err := p.parts.Bulkhead.acquire(ctx, p.parts.Expect); err != nil {
			return v, err
		}
		now = time.Time{}
	}
	defer p.parts.Bulkhead.slots.Release(1)
	return p.guarded(ctx, now, fn)
}

func (p *Policy[T]) guarded(ctx context.Context, now time.Time, fn func(context.Context) (T, error)) (v T, err error) {
	if late := tooLate(ctx, "call", now, 0, p.parts.Expect); late != nil {
		return v, late
	}
	if p.parts.Breaker == nil {
		return p.started(ctx, now, fn)
	}
	return guard(ctx, p.parts.Breaker, func(ctx context.Context) (T, error) { return p.started(ctx, now, fn) })
}

func (p *Policy[T]) started(ctx context.Context, now time.Time, fn func(context.Context) (T, error)) (T, error) {
	if p.parts.Hedge != nil {
		return p.hedged(ctx, fn)
	}
	return p.tried(ctx, now, fn)
}

func (p *Policy[T]) hedged(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	if p.parts.Retry == nil || p.parts.Retry.Budget != p.parts.Hedge.Budget { // a shared one has been paid for this call
		p.parts.Hedge.Budget.deposit()
	}
	return p.parts.Hedge.run(ctx, p.parts.Expect, func(ctx context.Context) (T, error) { return p.tried(ctx, time.Time{}, fn) })
}

func (p *Policy[T]) tried(ctx context.Context, now time.Time, fn func(context.Context) (T, error)) (T, error) {
	if p.parts.AttemptTimeout <= 0 {
		return p.called(ctx, fn)
	}
	l, _, byScheduler := limited(ctx, now, time.Duration(p.parts.AttemptTimeout))
	switch {
	case byScheduler:
		return p.triedScheduled(ctx, fn)
	case l == nil:
		return p.called(ctx, fn)
	}
	defer l.end()
	v, err := p.called(l, fn)
	return v, l.judge(err)
}

func (p *Policy[T]) triedScheduled(ctx context.Context, fn func(context.Context) (T, error)) (T, error) {
	return timed(ctx, time.Duration(p.parts.AttemptTimeout), func(ctx context.Context) (T, error) { return p.called(ctx, fn) })
}

func (p *Policy[T]) called(ctx context.Context, fn func(context.Context) (T, error)) (v T, err error) {
	if p.parts.Chaos != nil {
		if err := p.parts.Chaos.inject(ctx); err != nil {
			return v, err
		}
	}
	return fn(ctx)
}
