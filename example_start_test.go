package braid_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/braid-go/braid"
)

// Start returns when the task says that it is ready, and with what: here a server with the address on which it listens.
// Who connects now cannot come too early. There is no sleep, and no polling.
func ExampleStart() {
	serve := func(ctx context.Context, ready func(net.Addr)) error {
		var config net.ListenConfig
		ln, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err // ends Start with this failure
		}
		defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
		ready(ln.Addr())
		for {
			conn, err := ln.Accept()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return err
			}
			_, err = io.WriteString(conn, "hello")
			if err := errors.Join(err, conn.Close()); err != nil {
				return err
			}
		}
	}

	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		addr, err := braid.Start(ctx, g, serve, braid.Name("server"))
		if err != nil {
			return err
		}
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, addr.Network(), addr.String())
		if err != nil {
			return err
		}
		text, err := io.ReadAll(conn)
		fmt.Printf("%s\n", text)
		g.Cancel(nil)
		return errors.Join(err, conn.Close())
	})
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}

// Until it is ready, the task's failure is the caller's: the group does not see it, so another way can be tried.
func ExampleStart_failure() {
	listen := func(addr string) func(context.Context, func(string)) error {
		return func(ctx context.Context, ready func(string)) error {
			if addr == ":80" {
				return errors.New("permission denied")
			}
			ready(addr)
			<-ctx.Done()
			return ctx.Err()
		}
	}
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		addr, err := braid.Start(ctx, g, listen(":80"), braid.Name("http"))
		if err != nil {
			fmt.Println(err)
			addr, err = braid.Start(ctx, g, listen(":8080"), braid.Name("http"))
		}
		fmt.Println(addr)
		g.Cancel(nil)
		return err
	}, braid.Name("main"))
	fmt.Println(err)
	// Output:
	// task main/http: permission denied
	// :8080
	// <nil>
}

// A task that ends without a word was never ready, even if it did not fail.
func ExampleStart_notReady() {
	err := braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		_, err := braid.Start(ctx, g, func(context.Context, func(int)) error { return nil })
		fmt.Println(errors.Is(err, braid.ErrNotReady))
		return nil
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
