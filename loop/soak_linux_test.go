package loop_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// soakVariable says for how long connections come and go, 10m for example.
const soakVariable = "BRAID_SOAK"

// Thousands of connections come and go: some end well, some are reset, cancelled in the middle or run into a deadline.
// Neither descriptors nor goroutines nor memory grow with their number.
func TestSoak(t *testing.T) {
	length, connections := time.Second, 500
	if s := os.Getenv(soakVariable); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		length, connections = d, 5000
	}
	var limit uint64 = 1024
	if n := descriptorLimit(); n > 0 {
		limit = n
	}
	connections = min(connections, int(limit-100)/3)
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		if testing.Short() {
			length, connections = 200*time.Millisecond, 50
		}
		goroutines, fds := runtime.NumGoroutine(), descriptors(t)
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			s := &soak{l: loop.Current(ctx)}
			return s.run(ctx, t, length, connections)
		}, append(opts, loop.OnSlow(func(loop.Slow) {}))...)
		// Goroutines of package net and of the runtime end a little later.
		for start := time.Now(); time.Since(start) < 10*time.Second; runtime.Gosched() {
			if runtime.NumGoroutine() <= goroutines && descriptors(t) <= fds+2 {
				break
			}
		}
		if n := runtime.NumGoroutine(); n > goroutines+2 {
			t.Errorf("%d goroutines are left of %d", n, goroutines)
		}
		if n := descriptors(t); n > fds+2 { // the runtime's own poller may be new
			t.Errorf("%d descriptors are left of %d", n, fds)
		}
	})
}

type soak struct {
	l     *loop.Loop
	total int
}

// run keeps so many connections at a time going, and looks at the memory after each tenth of the length.
func (s *soak) run(ctx context.Context, t *testing.T, length time.Duration, connections int) error {
	ln := listen(ctx, t, "tcp")
	until := s.l.Time().Add(length)
	var heap []uint64
	err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		server := g.Go(func(ctx context.Context) error { return s.serve(ctx, ln) })
		err := braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
			for i := range connections {
				g.Go(func(ctx context.Context) error {
					for n := i; s.l.Time().Before(until); n += 7 {
						if err := s.connection(ctx, ln, n); err != nil {
							return err
						}
					}
					return nil
				})
			}
			for range 10 {
				if err := braid.Sleep(ctx, length/10); err != nil {
					return err
				}
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				heap = append(heap, m.HeapAlloc+m.StackInuse)
			}
			return nil
		})
		server.Cancel(nil)
		return err
	})
	// A leak lifts the floor; a look that finds many copies under way, each with a buffer of 32 KiB, does not.
	first, last := slices.Min(heap[1:5]), slices.Min(heap[5:])
	t.Logf("%d connections, %d at a time; at least %d KiB in the first half, %d KiB in the second", s.total, connections, first>>10, last>>10)
	if last > first*3/2+4<<20 {
		t.Errorf("memory grows: %v", heap)
	}
	return errors.Join(err, ln.Close())
}

// serve echoes, each connection with a deadline.
func (s *soak) serve(ctx context.Context, ln *loop.Listener) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for {
			c, err := ln.AcceptContext(ctx)
			if err != nil {
				return err
			}
			g.Go(func(context.Context) error {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				_, _ = io.Copy(c, c) // however it ends
				return nil
			})
		}
	})
}

// connection is one life of a client, of one of several kinds.
func (s *soak) connection(ctx context.Context, ln *loop.Listener, n int) error {
	c, err := loop.Dial(ctx, "tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	s.total++
	data := bytes.Repeat([]byte{byte(n)}, 1+n%5000)
	for range 1 + n%4 {
		if _, err := c.Write(data); err != nil {
			return err
		}
		switch n % 5 {
		case 0: // it goes away without reading, which resets
			return nil
		case 1: // cancelled in the middle
			_ = braid.Timeout(ctx, 50*time.Microsecond, func(ctx context.Context) error {
				_, err := io.ReadFull(c.WithContext(ctx), data)
				return err
			})
			return nil
		case 2: // a deadline
			_ = c.SetReadDeadline(time.Now().Add(time.Duration(n%100) * time.Microsecond))
			if _, err := io.ReadFull(c, data); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			return nil
		}
		if _, err := io.ReadFull(c, data); err != nil {
			return err
		}
	}
	if n%2 == 0 {
		if err := c.CloseWrite(); err != nil {
			return err
		}
		if _, err := c.Read(data); err != io.EOF {
			return errors.Join(errBoom, err)
		}
	}
	return nil
}
