package gen_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

// spin is work that takes about n ns and cannot be optimised away.
func spin(n, v int) int {
	for range n {
		v = v*1664525 + 1013904223
	}
	return v
}

// byHand is what people write: a feeder, n workers on a channel, and a channel of one result for each element,
// which stand in a channel in the order of the elements. It knows neither errors nor ctx.
func byHand(seq iter.Seq[int], n int, fn func(int) int, each func(int)) {
	type job struct {
		v   int
		out chan int
	}
	jobs, order := make(chan job, n), make(chan chan int, n)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for j := range jobs {
				j.out <- fn(j.v)
			}
		})
	}
	go func() {
		for v := range seq {
			out := make(chan int, 1)
			order <- out
			jobs <- job{v, out}
		}
		close(jobs)
		close(order)
	}()
	for out := range order {
		each(<-out)
	}
	workers.Wait()
}

// byHandWithContext is byHand that can be cancelled and fail.
func byHandWithContext(ctx context.Context, seq iter.Seq[int], n int, fn func(context.Context, int) (int, error), each func(int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		v   int
		err error
	}
	type job struct {
		v   int
		out chan result
	}
	jobs, order := make(chan job, n), make(chan chan result, n)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range n {
		all.Go(func() {
			for {
				select {
				case j, open := <-jobs:
					if !open {
						return
					}
					v, err := fn(ctx, j.v)
					j.out <- result{v, err}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Go(func() {
		defer close(jobs)
		defer close(order)
		for v := range seq {
			out := make(chan result, 1)
			select {
			case order <- out:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- job{v, out}:
			case <-ctx.Done():
				return
			}
		}
	})
	for out := range order {
		select {
		case r := <-out:
			if r.err != nil {
				return r.err
			}
			each(r.v)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}
}

func BenchmarkMap(b *testing.B) {
	const workers = 8
	for _, cost := range []int{10, 1000, 20000} {
		sum := 0
		each := func(v int) { sum += v }
		fn := func(_ context.Context, v int) (int, error) { return spin(cost, v), nil }
		for _, way := range []struct {
			name string
			run  func(n int) error
		}{
			{"by hand", func(n int) error {
				byHand(upTo(n), workers, func(v int) int { return spin(cost, v) }, each)
				return nil
			}},
			{"by hand with ctx", func(n int) error { return byHandWithContext(b.Context(), upTo(n), workers, fn, each) }},
			{"Map", func(n int) error {
				for v, err := range gen.Map(b.Context(), gen.Values(upTo(n)), workers, fn) {
					if err != nil {
						return err
					}
					each(v)
				}
				return nil
			}},
			{"MapUnordered", func(n int) error {
				for v, err := range gen.MapUnordered(b.Context(), gen.Values(upTo(n)), workers, fn) {
					if err != nil {
						return err
					}
					each(v)
				}
				return nil
			}},
			{"braid.Map", func(n int) error {
				for v, err := range braid.Map(b.Context(), upTo(n), workers, fn) {
					if err != nil {
						return err
					}
					each(v)
				}
				return nil
			}},
		} {
			b.Run(fmt.Sprintf("cost=%d/%s", cost, way.name), func(b *testing.B) {
				b.ReportAllocs()
				if err := way.run(b.N); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
