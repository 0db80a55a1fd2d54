package gen

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/braid-go/braid"
)

// Throttle holds elements back so that at most n are passed on in any period of length per. It drops none, and keeps the order.
//
// The first n pass at once. It runs in the goroutine of the loop and reads nothing ahead: an element that has to wait is held,
// and src waits with it. The clock is that of [braid.Time]. An error of src ends the stream, and does not wait.
// Throttle panics if n < 1 or per is not positive.
//
// # Cancellation
//
// If ctx ends while an element waits, that element is lost, and the loop is given the cause.
func Throttle[T any](ctx context.Context, src iter.Seq2[T, error], n int, per time.Duration) iter.Seq2[T, error] {
	mustHave("Throttle", "a source", src != nil)
	mustBePositive("Throttle", "n", n)
	if per <= 0 {
		panic(fmt.Sprintf("gen: Throttle with a period of %v: it must be positive", per))
	}
	return func(yield func(T, error) bool) {
		loop(ctx, "throttle", yield, func(ctx context.Context, _ *braid.Group, emit func(T) bool) (last error) {
			passed := make([]time.Time, 0, min(n, 1024)) // when the last n passed, a ring once it is full
			oldest := 0
			read(ctx, src, func(v T, err error) bool {
				if last = err; err != nil {
					return false
				}
				if len(passed) < n {
					passed = append(passed, braid.Time(ctx))
					return emit(v)
				}
				if wait := passed[oldest].Add(per).Sub(braid.Time(ctx)); wait > 0 {
					if last = braid.Sleep(ctx, wait); last != nil {
						return false
					}
				}
				passed[oldest] = braid.Time(ctx)
				oldest = (oldest + 1) % n
				return emit(v)
			})
			return last
		})
	}
}
