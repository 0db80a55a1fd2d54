package gen_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid/gen"
)

func BenchmarkStream(b *testing.B) {
	for _, buffer := range []int{0, 16, 256} {
		b.Run(fmt.Sprintf("buffer=%d", buffer), func(b *testing.B) {
			b.ReportAllocs()
			for _, err := range gen.Stream(b.Context(), buffer, func(_ context.Context, emit func(int) error) error {
				for b.Loop() {
					if err := emit(1); err != nil {
						return err
					}
				}
				return nil
			}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The operators that do little but pass on what comes, over a source that costs nothing.
func BenchmarkOperators(b *testing.B) {
	ctx := b.Context()
	for name, of := range map[string]func(n int) (seen int){
		"Filter": func(n int) (seen int) {
			for range gen.Filter(gen.Values(upTo(n)), all) {
				seen++
			}
			return seen
		},
		"Zip": func(n int) (seen int) {
			for range gen.Zip(gen.Values(upTo(n)), naturals()) {
				seen++
			}
			return seen
		},
		"Batch by size": func(n int) (seen int) {
			for batch := range gen.Batch(ctx, gen.Values(upTo(n)), 100, 0) {
				seen += len(batch)
			}
			return seen
		},
		"Batch by time": func(n int) (seen int) {
			for batch := range gen.Batch(ctx, gen.Values(upTo(n)), 100, time.Hour) {
				seen += len(batch)
			}
			return seen
		},
		"Merge of two": func(n int) (seen int) {
			for range gen.Merge(ctx, gen.Values(upTo(n/2)), gen.Values(upTo(n-n/2))) {
				seen++
			}
			return seen
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			if seen := of(b.N); seen != b.N {
				b.Fatalf("%d of %d elements", seen, b.N)
			}
		})
	}
}
