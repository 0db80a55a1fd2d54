package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/resilience"
)

// A policy for a dependency is made once, and all calls of it share it.
func Example() {
	prices := resilience.Compose(resilience.Parts[int]{
		Fallback: resilience.FallbackTo(-1),
		Timeout:  resilience.Timeout(2 * time.Second),
		Retry:    &resilience.Retry{Idempotent: true, Base: time.Millisecond},
		Bulkhead: resilience.NewBulkhead(resilience.BulkheadConfig{Name: "prices", Slots: 10, Queue: 100}),
		Breaker:  resilience.NewBreaker(resilience.BreakerConfig{Name: "prices"}),
	})

	tries := 0
	price, err := prices.Do(context.Background(), func(context.Context) (int, error) {
		if tries++; tries == 1 {
			return 0, errors.New("connection reset")
		}
		return 42, nil
	})
	fmt.Println(price, err, "after", tries, "tries")
	// Output: 42 <nil> after 2 tries
}

func Example_breaker() {
	ctx := context.Background()
	breaker := resilience.NewBreaker(resilience.BreakerConfig{
		Name: "db", Consecutive: 2, OpenFor: time.Minute, OpenJitter: -1,
		OnChange: func(c resilience.Change) { fmt.Printf("%v -> %v: %s\n", c.From, c.To, c.Reason) },
	})
	query := func(context.Context) (int, error) { return 0, errors.New("no route to host") }

	for range 3 {
		_, err := resilience.Do(ctx, breaker, query)
		if open, ok := errors.AsType[*resilience.OpenError](err); ok {
			fmt.Println("not called; again in", open.RetryAfter().Round(time.Minute))
		}
	}
	// Output:
	// closed -> open: 2 failures in a row
	// not called; again in 1m0s
}

// What its own caller has cancelled says nothing about the dependency.
func ExampleBreaker_cancelled() {
	breaker := resilience.NewBreaker(resilience.BreakerConfig{Consecutive: 1})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := resilience.Do(ctx, breaker, func(ctx context.Context) (int, error) {
		cancel() // the user has closed the page
		return 0, ctx.Err()
	})
	fmt.Println(err, breaker.State())
	// Output: context canceled closed
}

// A probe's permit is a lease. Although the holder has vanished, the breaker can be used again.
func ExampleBreaker_Allow() {
	ctx := context.Background()
	breaker := resilience.NewBreaker(resilience.BreakerConfig{Consecutive: 1, OpenFor: 1, OpenJitter: -1, Lease: time.Nanosecond})

	permit, _ := breaker.Allow(ctx)
	permit.Done(ctx, errors.New("down"))
	fmt.Println(breaker.State())

	_ = braid.Sleep(ctx, time.Microsecond)
	_, err := breaker.Allow(ctx) // a probe, which is forgotten
	fmt.Println(breaker.State(), err)

	_ = braid.Sleep(ctx, time.Microsecond)
	_, err = breaker.Allow(ctx)
	fmt.Println(breaker.State(), errors.Is(err, resilience.ErrOpen))
	// Output:
	// open
	// half-open <nil>
	// open true
}

func ExampleBreaker_Isolate() {
	breaker := resilience.NewBreaker(resilience.BreakerConfig{Name: "db"})
	query := func(context.Context) (string, error) { return "rows", nil }

	breaker.Isolate() // for maintenance
	_, err := resilience.Do(context.Background(), breaker, query)
	fmt.Println(err)

	breaker.Reset()
	rows, err := resilience.Do(context.Background(), breaker, query)
	fmt.Println(rows, err)
	// Output:
	// resilience: breaker db is isolated
	// rows <nil>
}

func ExampleKeyed() {
	ctx := context.Background()
	hosts := resilience.NewKeyed(1000, func(host string) *resilience.Breaker {
		return resilience.NewBreaker(resilience.BreakerConfig{Name: host, Consecutive: 1})
	})
	_, _ = resilience.Do(ctx, hosts.Get("a.example"), func(context.Context) (int, error) { return 0, errors.New("down") })
	fmt.Println(hosts.Get("a.example").State(), hosts.Get("b.example").State())
	fmt.Println(hosts.Statistics().Len, "of at most", hosts.Statistics().Max)
	// Output:
	// open closed
	// 2 of at most 1000
}

func ExampleRetry() {
	retry := &resilience.Retry{
		Attempts: 4, Base: time.Millisecond, Idempotent: true, Budget: new(resilience.Budget),
		OnRetry: func(attempts int, err error, _ time.Duration) { fmt.Println(attempts, err) },
	}
	tries := 0
	v, err := resilience.Do(context.Background(), retry, func(context.Context) (string, error) {
		if tries++; tries < 3 {
			return "", fmt.Errorf("try %d failed", tries)
		}
		return "done", nil
	})
	fmt.Println(v, err)
	// Output:
	// 1 try 1 failed
	// 2 try 2 failed
	// done <nil>
}

// A call that may have been executed is not repeated, unless it may be executed twice.
func ExampleUnsent() {
	retry := &resilience.Retry{Base: time.Millisecond}
	count := func(err error) (tries int) {
		_, _ = resilience.Do(context.Background(), retry, func(context.Context) (int, error) { tries++; return 0, err })
		return tries
	}
	fmt.Println(count(errors.New("connection reset")))
	fmt.Println(count(resilience.Unsent(errors.New("connection refused"))))
	// Output:
	// 1
	// 3
}

func ExamplePermanent() {
	retry := &resilience.Retry{Idempotent: true}
	tries := 0
	_, err := resilience.Do(context.Background(), retry, func(context.Context) (int, error) {
		tries++
		return 0, resilience.Permanent(errors.New("400 Bad Request"))
	})
	fmt.Println(err, tries)
	// Output: 400 Bad Request 1
}

// What the dependency asks for is heeded, but not beyond a cap.
func ExampleAfter() {
	retry := &resilience.Retry{
		Attempts: 2, Idempotent: true, Base: time.Nanosecond, MaxRetryAfter: 5 * time.Millisecond,
		OnRetry: func(_ int, err error, wait time.Duration) { fmt.Println(err, wait.Round(time.Millisecond)) },
	}
	_, _ = resilience.Do(context.Background(), retry, func(context.Context) (int, error) {
		return 0, resilience.After(errors.New("503 Service Unavailable"), 24*time.Hour)
	})
	// Output: 503 Service Unavailable 5ms
}

func ExampleBudget() {
	budget := &resilience.Budget{Ratio: 0.1, Burst: 5}
	retry := &resilience.Retry{Idempotent: true, Base: time.Nanosecond, Budget: budget}
	tries := 0
	for range 100 {
		_, _ = resilience.Do(context.Background(), retry, func(context.Context) (int, error) { tries++; return 0, errors.New("down") })
	}
	fmt.Println("100 calls, all of which fail, made", tries, "tries instead of 300")
	// Output: 100 calls, all of which fail, made 114 tries instead of 300
}

// Do returns when the function has, and not before.
func ExampleTimeout() {
	_, err := resilience.Do(context.Background(), resilience.Timeout(time.Millisecond), func(ctx context.Context) (int, error) {
		<-ctx.Done()
		fmt.Println("cleaned up")
		return 0, ctx.Err()
	})
	fmt.Println(err, errors.Is(err, braid.ErrTimeout))
	// Output:
	// cleaned up
	// braid: timeout of 1ms ran out true
}

// The slow attempt is cancelled, and has ended when Do returns.
func ExampleHedge() {
	hedge := &resilience.Hedge[string]{Delay: time.Millisecond}
	var made, ended atomic.Int32
	answer, err := hedge.Do(context.Background(), func(ctx context.Context) (string, error) {
		if made.Add(1) == 1 {
			err := new(braid.Event).Wait(ctx) // hangs
			ended.Add(1)
			return "", err
		}
		return "from the second replica", nil
	})
	fmt.Println(answer, err)
	fmt.Println(made.Load(), "made,", ended.Load(), "cancelled and ended")
	// Output:
	// from the second replica <nil>
	// 2 made, 1 cancelled and ended
}

func ExampleBulkhead() {
	bulkhead := resilience.NewBulkhead(resilience.BulkheadConfig{Name: "thumbnails", Slots: 1})
	ctx := context.Background()
	_, err := resilience.Do(ctx, bulkhead, func(ctx context.Context) (int, error) {
		return resilience.Do(ctx, bulkhead, func(context.Context) (int, error) { return 1, nil })
	})
	fmt.Println(err)
	// Output: resilience: bulkhead thumbnails is full, and so is its queue
}

// What is only worth doing if there is room for it now.
func ExampleBulkhead_TryAcquire() {
	bulkhead := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1, Queue: 10})
	for range 2 {
		if !bulkhead.TryAcquire() {
			fmt.Println("not now")
			continue
		}
		defer bulkhead.Release()
		fmt.Println("warming the cache")
	}
	// Output:
	// warming the cache
	// not now
}

func ExampleRateLimit() {
	limit := resilience.NewRateLimit(resilience.RateLimitConfig{Name: "api", Rate: 1.0 / 3600, Burst: 2})
	for range 3 {
		_, err := resilience.Do(context.Background(), limit, func(context.Context) (int, error) { return 1, nil })
		if e, ok := errors.AsType[*resilience.LimitError](err); ok {
			fmt.Println("again in", e.RetryAfter().Round(time.Minute))
			continue
		}
		fmt.Println("called")
	}
	// Output:
	// called
	// called
	// again in 1h0m0s
}

func ExampleFallback() {
	stale := resilience.Fallback[string](func(_ context.Context, err error) (string, error) {
		return "yesterday's news (" + err.Error() + ")", nil
	})
	news, err := stale.Do(context.Background(), func(context.Context) (string, error) { return "", errors.New("down") })
	fmt.Println(news, err)
	// Output: yesterday's news (down) <nil>
}

func ExampleChaos() {
	drill := false
	policy := resilience.Compose(resilience.Parts[string]{
		Fallback: resilience.FallbackTo("from the cache"),
		Chaos:    &resilience.Chaos{Errors: 1, If: func(context.Context) bool { return drill }},
	})
	get := func(context.Context) (string, error) { return "fresh", nil }
	for _, drill = range []bool{false, true} {
		v, err := policy.Do(context.Background(), get)
		fmt.Println(v, err)
	}
	// Output:
	// fresh <nil>
	// from the cache <nil>
}

// One budget of time for all: what cannot finish is not started.
func ExamplePolicy() {
	policy := resilience.Compose(resilience.Parts[int]{
		Timeout: resilience.Timeout(time.Minute),
		Expect:  time.Second, // an attempt needs that much at least
		Retry:   &resilience.Retry{Idempotent: true, Base: 2 * time.Minute, Max: 2 * time.Minute, Rand: func() float64 { return 1 }},
	})
	_, err := policy.Do(context.Background(), func(context.Context) (int, error) { return 0, errors.New("down") })
	if e, ok := errors.AsType[*resilience.RetryError](err); ok {
		fmt.Println(e.Err, errors.Is(err, resilience.ErrNoTime))
		if late, ok := errors.AsType[*resilience.NoTimeError](e.Why); ok {
			fmt.Println("no", late.For, "that needs", late.Need, "with", late.Left.Round(time.Minute), "left")
		}
	}
	// Output:
	// down true
	// no retry that needs 2m1s with 1m0s left
}

// A bug is no outage: a panic passes through all policies, and leaves nothing behind.
func ExamplePolicy_panic() {
	slots := resilience.NewBulkhead(resilience.BulkheadConfig{Slots: 1})
	policy := resilience.Compose(resilience.Parts[int]{
		Fallback: resilience.FallbackTo(0), Retry: &resilience.Retry{Idempotent: true}, Bulkhead: slots,
	})
	func() {
		defer func() { fmt.Println(recover(), slots.Statistics().InUse) }()
		_, _ = policy.Do(context.Background(), func(context.Context) (int, error) { panic("index out of range") })
	}()
	// Output: index out of range 0
}
