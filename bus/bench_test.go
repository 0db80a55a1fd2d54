package bus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/braid-go/braid/bus"
)

type tick struct{ n int }

// What an event costs from Publish to the last handler, ordered and bounded.
func BenchmarkPublish(b *testing.B) {
	for _, wait := range []bus.Wait{bus.NoWait, bus.WaitAll} {
		for _, handlers := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%v/%d", wait, handlers), func(b *testing.B) {
				b.ReportAllocs()
				var handled atomic.Int64
				err := bus.Run(b.Context(), bus.Config{}, func(ctx context.Context, events *bus.Bus) error {
					for range handlers {
						if _, err := bus.Subscribe(ctx, events, func(context.Context, tick) error { handled.Add(1); return nil }); err != nil {
							return err
						}
					}
					for i := 0; b.Loop(); i++ {
						if err := bus.Publish(ctx, events, tick{i}, wait); err != nil {
							return err
						}
					}
					return events.Close(ctx)
				})
				if err != nil || handled.Load() != int64(handlers*b.N) {
					b.Fatalf("%d of %d events, %v", handled.Load(), handlers*b.N, err)
				}
			})
		}
	}
}
