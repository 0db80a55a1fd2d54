package gen_test

import (
	"iter"
	"testing"

	"github.com/braid-go/braid/gen"
)

func counting(y *gen.Yielder[int, int]) (int, error) {
	for i := 0; ; i++ {
		if _, err := y.Yield(i); err != nil {
			return i, err
		}
	}
}

func BenchmarkNext(b *testing.B) {
	b.ReportAllocs()
	c := gen.New(counting)
	defer c.Close()
	for b.Loop() {
		c.Next()
	}
}

func BenchmarkSend(b *testing.B) {
	b.ReportAllocs()
	c := gen.New(counting)
	defer c.Close()
	c.Next()
	for b.Loop() {
		c.Send(1)
	}
}

// The bound under all of this: a round trip of iter.Pull alone.
func BenchmarkIterPull(b *testing.B) {
	b.ReportAllocs()
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	defer stop()
	for b.Loop() {
		next()
	}
}

func BenchmarkSeq(b *testing.B) {
	b.ReportAllocs()
	for range gen.Seq(func(y *gen.Yielder[struct{}, int]) error {
		for b.Loop() {
			if _, err := y.Yield(1); err != nil {
				return err
			}
		}
		return nil
	}) {
	}
}

// Three coroutines that delegate to each other, and one body that calls itself.
func BenchmarkDelegation(b *testing.B) {
	b.Run("YieldFrom=3", func(b *testing.B) {
		b.ReportAllocs()
		c := gen.New(func(y *gen.Yielder[int, int]) (int, error) {
			return gen.YieldFrom(y, gen.New(func(y *gen.Yielder[int, int]) (int, error) {
				return gen.YieldFrom(y, gen.New(counting))
			}))
		})
		defer c.Close()
		for b.Loop() {
			c.Next()
		}
	})
	b.Run("call=3", func(b *testing.B) {
		b.ReportAllocs()
		inner := func(y *gen.Yielder[int, int]) (int, error) { return counting(y) }
		c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return inner(y) })
		defer c.Close()
		for b.Loop() {
			c.Next()
		}
	})
}

// What a coroutine costs from New to its end.
func BenchmarkCreate(b *testing.B) {
	b.Run("unstarted", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = gen.New(counting).Close()
		}
	})
	b.Run("one step", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := gen.New(counting)
			c.Next()
			_ = c.Close()
		}
	})
	b.Run("iter.Pull, one step", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			next, stop := iter.Pull(func(yield func(int) bool) { yield(1) })
			next()
			stop()
		}
	})
}
