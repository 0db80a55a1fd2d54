package braid_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// Offload runs work that blocks without looking at a ctx, such as a computation or a C library.
// The limiter bounds how much of it there is, whoever asks for it: one limiter for each kind of work.
func ExampleOffload() {
	cpu := braid.NewLimiter("cpu", 2)
	var running atomic.Int32
	hash := func(_ context.Context) (int, error) {
		defer running.Add(-1)
		if n := running.Add(1); n > 2 {
			return 0, fmt.Errorf("%d at a time", n)
		}
		sum := 0
		for i := range 10_000 {
			sum += i
		}
		return sum, nil
	}
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		for range 10 {
			g.Go(func(ctx context.Context) error {
				sum, err := braid.Offload(ctx, cpu, hash)
				if err == nil && sum != 49_995_000 {
					err = errors.New("miscounted")
				}
				return err
			})
		}
		return nil
	})
	fmt.Println(err)
	// Output: <nil>
}

// By default Offload waits for its function even if ctx ends: the result counts, and nothing is left running.
func ExampleOffload_join() {
	disk := braid.NewLimiter("disk", 1)
	ctx, cancel := context.WithCancel(context.Background())
	n, err := braid.Offload(ctx, disk, func(context.Context) (int, error) {
		cancel() // meanwhile the caller is cancelled
		return 512, nil
	})
	fmt.Println(n, err, disk.Statistics().Borrowed)
	// Output: 512 <nil> 0
}

// With AbandonOnCancel, Offload returns when its ctx ends, and leaves the function behind.
// The function keeps its token, so functions that are stuck cannot pile up beyond the limit.
func ExampleAbandonOnCancel() {
	dns := braid.NewLimiter("dns", 1)
	answer := make(chan struct{})
	ctx, cancel := context.WithCancelCause(context.Background())
	resolve := func(context.Context) (string, error) {
		cancel(errors.New("the user has left"))
		<-answer // a resolver that does not answer
		return "192.0.2.1", nil
	}
	_, err := braid.Offload(ctx, dns, resolve, braid.AbandonOnCancel())
	fmt.Println(err, "- tokens out:", dns.Statistics().Borrowed)

	close(answer)
	addr, err := braid.Offload(context.Background(), dns, resolve) // gets the token when the first call has ended
	fmt.Println(addr, err)
	// Output:
	// the user has left - tokens out: 1
	// 192.0.2.1 <nil>
}

// Options of Offload print themselves, as those of Run do.
func ExampleOffloadOption() {
	options := []braid.OffloadOption{braid.AbandonOnCancel()}
	fmt.Println(options)
	// Output: [AbandonOnCancel]
}

// Offload inside Offload on the same limiter could wait for the token that it holds itself, so it is an error.
func ExampleOffload_nested() {
	lim := braid.NewLimiter("zip", 4)
	_, err := braid.Offload(context.Background(), lim, func(ctx context.Context) (int, error) {
		return braid.Offload(ctx, lim, func(context.Context) (int, error) { return 1, nil })
	})
	fmt.Println(err)
	// Output: braid: Offload inside Offload on the same limiter "zip": the outer call holds a token that the inner one may wait for; call the function directly, or use another limiter
}
