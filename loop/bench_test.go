package loop_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

func bench(b *testing.B, body func(ctx context.Context, g *braid.Group) error, opts ...loop.Option) {
	b.ReportAllocs()
	if err := loop.Run(b.Context(), body, append(opts, loop.OnSlow(func(loop.Slow) {}))...); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkYield10(b *testing.B) {
	bench(b, func(_ context.Context, g *braid.Group) error {
		for range 10 {
			g.Go(func(ctx context.Context) error {
				for range b.N / 10 {
					_ = braid.Yield(ctx)
				}
				return nil
			})
		}
		return nil
	})
}

func spawnJoin(ctx context.Context, n int) error {
	for range n / 1000 {
		if err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for range 1000 {
				g.Go(func(context.Context) error { return nil })
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func BenchmarkSpawnJoin(b *testing.B) {
	bench(b, func(ctx context.Context, _ *braid.Group) error { return spawnJoin(ctx, b.N) })
}

func BenchmarkSpawnJoinEager(b *testing.B) {
	bench(b, func(ctx context.Context, _ *braid.Group) error { return spawnJoin(ctx, b.N) }, loop.Eager())
}

func BenchmarkTimersAddCancel(b *testing.B) {
	bench(b, func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		const n = 1_000_000
		calls := make([]*loop.Callback, n)
		for i := range calls {
			calls[i] = l.CallLater(time.Hour+time.Duration(i*7919%n)*time.Millisecond, func() {})
		}
		b.ResetTimer()
		for i := range b.N {
			c := &calls[i*7919%n]
			(*c).Cancel()
			*c = l.CallLater(time.Hour+time.Duration(i*104729%n)*time.Millisecond, func() {})
		}
		return nil
	})
}

// A message from a task of the loop to another one and back.
func BenchmarkEcho1KiB(b *testing.B) {
	bench(b, func(ctx context.Context, g *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer ln.Close()
		server := g.Go(func(ctx context.Context) error { return echo(ctx, ln) })
		c, err := loop.Dial(ctx, "tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		message, answer := make([]byte, 1024), make([]byte, 1024)
		b.ResetTimer()
		for range b.N {
			if _, err := c.WriteContext(ctx, message); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, answer); err != nil {
				return err
			}
		}
		server.Cancel(nil)
		return c.Close()
	})
}

func BenchmarkSemaphore100On10(b *testing.B) {
	bench(b, func(_ context.Context, g *braid.Group) error {
		s := braid.NewSemaphore(10)
		for range 100 {
			g.Go(func(ctx context.Context) error {
				for range b.N / 100 {
					if err := s.Acquire(ctx, 1); err != nil {
						return err
					}
					_ = braid.Yield(ctx)
					s.Release(1)
				}
				return nil
			})
		}
		return nil
	})
}
