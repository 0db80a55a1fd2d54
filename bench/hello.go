package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/template/httptask"
)

// The servers of the hello benchmark, each in a process of its own, so that its processor time is its own.
const (
	helloBare  = "bare"  // net/http
	helloBraid = "braid" // the same, each request a task
)

const connections = 32

// hello compares the processor time that a request costs a server, with and without braid's layer.
func hello(ctx context.Context, c config) (rows []row, err error) {
	names := []string{helloBare, helloBraid}
	servers := map[string]*server{}
	for _, name := range names {
		s, err := startServer(ctx, name)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		servers[name] = s
	}
	samples := map[string][]sample{}
	for round := range 3*c.rounds + 1 { // many short rounds, for this is the one where the two differ least
		for i := range names {
			name := names[(i+round)%len(names)]
			x, err := servers[name].load(ctx, c.requests)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if round > 0 { // the first one warms up
				samples[name] = append(samples[name], x)
			}
		}
	}
	xs, ys := samples[helloBraid], samples[helloBare]
	r := row{
		Benchmark: "hello over HTTP, 32 connections", Unit: "cpu ns a request in the server",
		Subject: "braid, each request a task", Peer: "net/http",
		Note: fmt.Sprintf("wall, the client included: %s beside %s ns; net/http alone: %.1f allocs",
			digits(median(figures(xs, sample.wallNS))), digits(median(figures(ys, sample.wallNS))),
			median(figures(ys, sample.allocsPerOp))),
	}
	r.compare(figures(xs, sample.cpuNS), figures(ys, sample.cpuNS))
	allocs := median(figures(xs, sample.allocsPerOp))
	r.Allocs = &allocs
	r.check(r.Ratio <= 1.10, "1.10 x")
	return []row{r}, nil
}

// account is what a server has used so far.
type account struct {
	CPU    time.Duration
	Allocs uint64
}

// server is a child that serves, and its 32 connections.
type server struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	conns []net.Conn
	size  int // of a response
}

func startServer(ctx context.Context, name string) (s *server, err error) {
	s = &server{}
	if s.cmd, err = command(ctx, "hello", name, 0); err != nil {
		return nil, err
	}
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var addr string
	if _, err := fmt.Fscanln(s.out, &addr); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if err := s.connect(ctx, addr); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) connect(ctx context.Context, addr string) error {
	var d net.Dialer
	for range connections {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
	}
	return s.probe()
}

// stop ends the child, which serves until its input ends.
func (s *server) stop() error {
	for _, c := range s.conns {
		_ = c.Close()
	}
	return errors.Join(s.in.Close(), s.cmd.Wait())
}

const request = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

// probe sends one request, checks the answer in full and remembers its size:
// the answers that follow are only counted, which keeps the client cheap.
func (s *server) probe() error {
	if _, err := io.WriteString(s.conns[0], request); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, err := s.conns[0].Read(buf) // so small an answer comes in one piece
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() {
		_, _ = pw.Write(buf[:n])
		_ = pw.Close()
	}()
	resp, err := http.ReadResponse(bufio.NewReader(pr), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(body) != greeting {
		return fmt.Errorf("the server answered %s, %q", resp.Status, body)
	}
	s.size = n
	return nil
}

// load sends n requests over all connections and returns what each cost the server.
func (s *server) load(ctx context.Context, n int) (sample, error) {
	before, err := s.account()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	g, _ := errgroup.WithContext(ctx)
	each := n / len(s.conns)
	for _, c := range s.conns {
		g.Go(func() error { return s.exchange(c, each) })
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	wall := time.Since(start)
	after, err := s.account()
	n = each * len(s.conns)
	return sample{
		wall:   float64(wall) / float64(n),
		cpu:    float64(after.CPU-before.CPU) / float64(n),
		allocs: float64(after.Allocs-before.Allocs) / float64(n),
	}, err
}

// exchange sends n requests over one connection, each after the answer to the one before.
func (s *server) exchange(c net.Conn, n int) error {
	req, buf := []byte(request), make([]byte, s.size)
	for range n {
		if _, err := c.Write(req); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		if got := string(buf[:len(statusOK)]); got != statusOK {
			return fmt.Errorf("the server answered %q", buf)
		}
	}
	return nil
}

const statusOK = "HTTP/1.1 200 OK\r\n"

// account asks the child what it has used. The child collects its garbage first.
func (s *server) account() (account, error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return account{}, err
	}
	var a account
	_, err := fmt.Fscanln(s.out, &a.CPU, &a.Allocs)
	return a, err
}

const greeting = "Hello, Anonymous\n"

// helloChild serves on a free port until its input ends, and accounts for itself whenever it gets a line.
func helloChild(ctx context.Context, variant string, _ int) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		srv := &http.Server{Handler: mux(variant, g), ReadHeaderTimeout: time.Minute}
		g.Go(func(context.Context) error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		fmt.Println(l.Addr())
		for in := bufio.NewReader(os.Stdin); ; {
			if _, err := in.ReadString('\n'); err != nil {
				break // the parent is done with us
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			fmt.Println(int64(cpuTime()), m.Mallocs)
		}
		return srv.Close()
	})
}

// mux has the routes of the service's greeting.
func mux(variant string, g *braid.Group) http.Handler {
	wrap := func(_ string, h http.Handler) http.Handler { return h }
	if variant == helloBraid {
		wrap = httptask.New(g, httptask.Options{}).Handler
	}
	m := http.NewServeMux()
	m.Handle("GET /{$}", wrap("GET /", http.HandlerFunc(greet)))
	m.Handle("GET /{name}", wrap("GET /{name}", http.HandlerFunc(greet)))
	return m
}

func greet(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, greeting) // fails only if the client has gone
}
