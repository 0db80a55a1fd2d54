package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// Echo servers, each in a process of its own with one processor.
const (
	echoLoop = "loop" // a task a connection, on one event loop
	echoNet  = "net"  // a goroutine a connection
)

const echoConnections = 10

// loopEcho compares the processor time that a message costs an echo server.
func loopEcho(ctx context.Context, c config) (rows []row, err error) {
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	servers, order, stop, err := echoServers(ctx, py, echoConnections)
	defer func() { err = errors.Join(err, stop()) }()
	if err != nil {
		return nil, err
	}
	for _, kib := range []int{1, 10, 100} {
		all := map[string][]sample{}
		for round := range c.rounds + 1 {
			for k := range order {
				name := order[(k+round)%len(order)]
				x, err := servers[name].echo(ctx, max(c.requests/kib, 200), kib<<10)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				if round > 0 { // the first one warms up
					all[name] = append(all[name], x)
				}
			}
		}
		for _, peer := range order[1:] {
			rows = append(rows, echoRow(all, peer, kib))
		}
	}
	if note := py.missing(); note != "" {
		rows[0].Note = note
	}
	return rows, nil
}

func echoRow(all map[string][]sample, peer string, kib int) row {
	r := row{
		Benchmark: fmt.Sprintf("loop: TCP echo, %d KiB, 10 connections", kib), Unit: "cpu ns a message in the server",
		Subject: echoLoop, Peer: peer,
	}
	r.compare(figures(all[echoLoop], sample.cpuNS), figures(all[peer], sample.cpuNS))
	switch {
	case peer == "net":
		r.check(r.Ratio <= 0.9, "0.90 x")
	case peer == "uvloop protocol":
		r.check(r.Ratio <= 1, "1.00 x")
	case peer == "uvloop streams" && kib == 1:
		r.check(r.Ratio <= 0.7, "0.70 x")
	case peer == "asyncio streams" && kib == 1:
		r.check(r.Ratio <= 0.35, "0.35 x")
	}
	return r
}

// echoServers starts all servers. stop ends those that were started, also after an error.
func echoServers(ctx context.Context, py *python, n int) (servers map[string]*echoServer, order []string, stop func() error, err error) {
	servers = map[string]*echoServer{}
	stop = func() (err error) {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
		return err
	}
	start := func(name string, cmd *exec.Cmd) error {
		s, err := startEcho(ctx, cmd, n)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		servers[name] = s
		order = append(order, name)
		return nil
	}
	for _, variant := range []string{echoLoop, echoNet} {
		cmd, err := command(ctx, "echo", variant, 0)
		if err != nil {
			return servers, order, stop, err
		}
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
		if err := start(variant, cmd); err != nil {
			return servers, order, stop, err
		}
	}
	for _, p := range [][2]string{{uvloop, "protocol"}, {uvloop, "streams"}, {asyncio, "streams"}} {
		if py.has(p[0]) {
			if err := start(p[0]+" "+p[1], py.server(ctx, p[0], p[1])); err != nil {
				return servers, order, stop, err
			}
		}
	}
	return servers, order, stop, nil
}

// echoServer is a server's process, and the connections to it.
type echoServer struct {
	cmd   *exec.Cmd
	addr  string
	in    io.WriteCloser
	out   *bufio.Reader
	conns []net.Conn
}

func startEcho(ctx context.Context, cmd *exec.Cmd, n int) (s *echoServer, err error) {
	s = &echoServer{cmd: cmd}
	cmd.Stderr = os.Stderr
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(s.out, &s.addr); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.more(ctx, n); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// more opens n connections.
func (s *echoServer) more(ctx context.Context, n int) error {
	var d net.Dialer
	for range n {
		conn, err := d.DialContext(ctx, "tcp", s.addr)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
	}
	return nil
}

func (s *echoServer) stop() error {
	for _, c := range s.conns {
		_ = c.Close()
	}
	return errors.Join(s.in.Close(), s.cmd.Wait())
}

// account asks the server for its processor time and its resident bytes.
func (s *echoServer) account() (cpu, resident int64, err error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Fscanln(s.out, &cpu, &resident)
	return cpu, resident, err
}

// echo sends n messages over all connections together and returns what each cost the server.
func (s *echoServer) echo(ctx context.Context, n, size int) (sample, error) {
	before, _, err := s.account()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	var g errgroup.Group
	each := n / len(s.conns)
	for i, c := range s.conns {
		g.Go(func() error {
			message, answer := bytes.Repeat([]byte{byte('a' + i)}, size), make([]byte, size)
			for range each {
				if _, err := c.Write(message); err != nil {
					return err
				}
				if _, err := io.ReadFull(c, answer); err != nil {
					return err
				}
			}
			if !bytes.Equal(message, answer) {
				return errors.New("the server does not echo")
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	wall := time.Since(start)
	after, _, err := s.account()
	n = each * len(s.conns)
	return sample{wall: float64(wall) / float64(n), cpu: float64(after-before) / float64(n)}, err
}

// echoChild serves until its input ends.
func echoChild(ctx context.Context, variant string, n int) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for in := bufio.NewReader(os.Stdin); ; {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			if n > 0 {
				fmt.Println(int64(cpuTime()), liveMemory().RSS)
			} else {
				fmt.Println(int64(cpuTime()), 0)
			}
		}
	}()
	if variant == echoLoop {
		return loopServer(ctx, echoBuffer(n))
	}
	return netServer(ctx, echoBuffer(n))
}

// echoBuffer is the buffer of each connection: large for the echo, and small where idle connections are counted.
func echoBuffer(n int) int {
	if n > 0 {
		return n
	}
	return 128 << 10
}

func loopServer(ctx context.Context, size int) error {
	return loop.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer ln.Close()
		fmt.Println(ln.Addr())
		for {
			c, err := ln.AcceptContext(ctx)
			if err != nil {
				return nil // the end
			}
			g.Go(func(ctx context.Context) error {
				defer c.Close()
				buf := make([]byte, size)
				for {
					n, err := c.ReadContext(ctx, buf)
					if err != nil {
						return nil // the end
					}
					if _, err := c.WriteContext(ctx, buf[:n]); err != nil {
						return nil // the end
					}
				}
			})
		}
	})
}

func netServer(ctx context.Context, size int) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	fmt.Println(ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			return nil // the end
		}
		go func() {
			defer c.Close()
			buf := make([]byte, size)
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if _, err := c.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}
