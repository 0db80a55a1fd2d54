package loop_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// An echo server and three clients, all on one loop.
func Example_echo() {
	serve := func(ctx context.Context, ln *loop.Listener) error {
		return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for {
				c, err := ln.AcceptContext(ctx)
				if err != nil {
					return err
				}
				g.Go(func(context.Context) error {
					defer c.Close()
					_, err := io.Copy(c, c)
					return err
				})
			}
		})
	}
	client := func(ctx context.Context, address string, n int) (string, error) {
		c, err := loop.Dial(ctx, "tcp", address)
		if err != nil {
			return "", err
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "hello from client %d\n", n); err != nil {
			return "", err
		}
		return bufio.NewReader(c).ReadString('\n')
	}
	err := loop.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer ln.Close()
		g.Go(func(ctx context.Context) error { return serve(ctx, ln) }, braid.Name("server"))
		for answer, err := range braid.Map(ctx, slices.Values([]int{1, 2, 3}), 3, func(ctx context.Context, n int) (string, error) {
			return client(ctx, ln.Addr().String(), n)
		}) {
			if err != nil {
				return err
			}
			fmt.Print(answer)
		}
		g.Cancel(nil) // the server has nothing more to do
		return nil
	})
	fmt.Println(err)
	// Output:
	// hello from client 1
	// hello from client 2
	// hello from client 3
	// <nil>
}

// silence opens a connection whose other side says nothing until it is told to.
func silence(ctx context.Context) (c, other *loop.Conn, err error) {
	ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if other, err = loop.Dial(ctx, "tcp", ln.Addr().String()); err != nil {
		return nil, nil, err
	}
	c, err = ln.AcceptContext(ctx)
	return c, other, err
}

// A read inside a Timeout takes the ctx of the Timeout. When it is cancelled it has taken nothing.
func ExampleConn_ReadContext() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		c, other, err := silence(ctx)
		if err != nil {
			return err
		}
		p := make([]byte, 100)
		err = braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := c.ReadContext(ctx, p)
			return err
		})
		fmt.Println("timed out:", errors.Is(err, braid.ErrTimeout))
		if _, err := other.Write([]byte("late")); err != nil {
			return err
		}
		n, err := c.ReadContext(ctx, p)
		fmt.Printf("%s\n", p[:n])
		return err
	})
	// Output:
	// timed out: true
	// late
}

// Code that takes a net.Conn obeys a ctx with WithContext.
func ExampleConn_WithContext() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		c, _, err := silence(ctx)
		if err != nil {
			return err
		}
		err = braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := bufio.NewReader(c.WithContext(ctx)).ReadString('\n')
			return err
		})
		fmt.Println("timed out:", errors.Is(err, braid.ErrTimeout))
		return nil
	})
	// Output: timed out: true
}

// Deadlines are those of package net.
func ExampleConn_SetReadDeadline() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		c, _, err := silence(ctx)
		if err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		fmt.Println(errors.Is(err, os.ErrDeadlineExceeded))
		return nil
	})
	// Output: true
}

// CloseWrite says that nothing more will come. The other direction stays open.
func ExampleConn_CloseWrite() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		c, other, err := silence(ctx)
		if err != nil {
			return err
		}
		_, _ = c.Write([]byte("the question"))
		_ = c.CloseWrite()
		question, err := io.ReadAll(other)
		fmt.Printf("%s\n", question)
		_, _ = other.Write([]byte("the answer"))
		_ = other.Close()
		answer, _ := io.ReadAll(c)
		fmt.Printf("%s\n", answer)
		return err
	})
	// Output:
	// the question
	// the answer
}

// A Dialer has the options of package net.
func ExampleDialer() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		d := loop.Dialer{Dialer: net.Dialer{Timeout: time.Second}}
		c, err := d.Dial(ctx, "tcp", ln.Addr().String())
		if err != nil {
			return err
		}
		fmt.Println(c.RemoteAddr().String() == ln.Addr().String())
		return nil
	})
	// Output: true
}

// A ListenConfig has the options of package net: a listener without keep-alive probes, here.
func ExampleListenConfig() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		lc := loop.ListenConfig{ListenConfig: net.ListenConfig{KeepAlive: -1}}
		ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(ln.Addr().Network())
		return nil
	})
	// Output: tcp
}

// Accept ends with its ctx, and loses no connection.
func ExampleListener_AcceptContext() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		err = braid.Timeout(ctx, time.Millisecond, func(ctx context.Context) error {
			_, err := ln.AcceptContext(ctx)
			return err
		})
		fmt.Println("nobody came:", errors.Is(err, braid.ErrTimeout))
		return nil
	})
	// Output: nobody came: true
}

// Packets keep their boundaries and say who sent them.
func ExampleListenPacket() {
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		a, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		b, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		for _, s := range []string{"one", "", "three"} {
			if _, err := a.WriteTo([]byte(s), b.LocalAddr()); err != nil {
				return err
			}
		}
		for p := make([]byte, 100); ; {
			n, from, err := b.ReadFrom(p)
			if err != nil {
				return err
			}
			fmt.Printf("%q from a: %v\n", p[:n], from.String() == a.LocalAddr().String())
			if string(p[:n]) == "three" {
				return nil
			}
		}
	})
	// Output:
	// "one" from a: true
	// "" from a: true
	// "three" from a: true
}

// A socket lives no longer than its loop.
func ExampleConn() {
	var c *loop.Conn
	_ = loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) (err error) {
		c, _, err = silence(ctx)
		return err
	})
	_, err := c.ReadContext(context.Background(), make([]byte, 1))
	if op, ok := errors.AsType[*net.OpError](err); ok {
		fmt.Println(op.Err)
	}
	// Output: loop: the loop of this connection has ended; a connection lives no longer than its loop
}
