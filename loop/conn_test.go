package loop_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// pollers runs a test on each way of input and output that this system has.
func pollers(t *testing.T, test func(t *testing.T, opts ...loop.Option)) {
	t.Helper()
	for name, opts := range map[string][]loop.Option{"native": nil, "portable": {loop.PortablePoller()}, "debug": {loop.Debug()}} {
		t.Run(name, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			test(t, opts...)
		})
	}
}

// runLoop runs body on a loop and fails the test if it fails.
func runLoop(t *testing.T, body func(ctx context.Context, g *braid.Group) error, opts ...loop.Option) {
	t.Helper()
	if err := loop.Run(t.Context(), body, opts...); err != nil {
		t.Errorf("the loop returned %v", err)
	}
}

// echo serves one listener until its ctx ends.
func echo(ctx context.Context, ln *loop.Listener) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for {
			c, err := ln.AcceptContext(ctx)
			if err != nil {
				return context.Cause(ctx)
			}
			g.Go(func(context.Context) error {
				defer c.Close()
				_, err := io.Copy(c, c)
				return err
			})
		}
	})
}

func TestEcho(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		for _, network := range []string{"tcp", "unix"} {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = t.TempDir() + "/socket"
			}
			runLoop(t, func(ctx context.Context, g *braid.Group) error {
				ln, err := loop.Listen(ctx, network, address)
				if err != nil {
					return err
				}
				defer ln.Close()
				server := g.Go(func(ctx context.Context) error { return echo(ctx, ln) })
				err = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					for i := range 20 {
						g.Go(func(ctx context.Context) error {
							c, err := loop.Dial(ctx, network, ln.Addr().String())
							if err != nil {
								return err
							}
							defer c.Close()
							data := bytes.Repeat([]byte{byte(i)}, 1+i*20_000)
							return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
								g.Go(func(context.Context) error {
									if _, err := c.Write(data); err != nil {
										return err
									}
									return c.CloseWrite()
								})
								got, err := io.ReadAll(c)
								if err != nil {
									return err
								}
								if !bytes.Equal(got, data) {
									t.Errorf("%s: %d bytes came back of %d", network, len(got), len(data))
								}
								return nil
							})
						})
					}
					return nil
				})
				server.Cancel(nil)
				return err
			}, opts...)
		}
	})
}
