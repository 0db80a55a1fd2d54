package loop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/loop"
)

// descriptors counts those of this process.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A loop that has had sockets of all kinds leaves no descriptor, whether they were closed or not.
func TestALoopLeavesNoDescriptor(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		var before int
		for round := range 3 {
			runLoop(t, func(ctx context.Context, _ *braid.Group) error {
				for range 10 {
					a, b := pair(ctx, t, "tcp")
					_, _ = pair(ctx, t, "unix")
					_ = listen(ctx, t, "tcp")
					if _, err := loop.ListenPacket(ctx, "udp", "127.0.0.1:0"); err != nil {
						return err
					}
					_ = errors.Join(a.Close(), b.Close())
				}
				return nil
			}, opts...)
			if n := descriptors(t); round == 0 {
				before = n // the process has what it opens once
			} else if n > before {
				t.Errorf("%d descriptors, %d before", n, before)
			}
		}
	})
}

// childVariable makes the test binary run one function instead of tests; see TestMain.
const childVariable = "BRAID_LOOP_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "native":
		exhaust()
	case "portable":
		exhaust(loop.PortablePoller())
	case "locked, waits":
		locked(braid.Yield)
	case "locked, ends":
		locked(func(context.Context) error { return nil })
	}
}

// locked runs a task that is locked to its thread.
func locked(then func(context.Context) error) {
	_ = loop.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			runtime.LockOSThread()
			return then(ctx)
		})
		return nil
	})
	fmt.Println("ok")
}

// What the package documentation says about LockOSThread is so: the runtime ends the process, and says why.
// If this fails with a new version of Go, the documentation has to change.
func TestALockedTaskEndsTheProcess(t *testing.T) {
	for _, child := range []string{"locked, waits", "locked, ends"} {
		out, err := runChild(t, child)
		if err == nil {
			t.Errorf("%s: the process goes on", child)
		}
		contains(t, child, out, "fatal error: coro: OS thread locking must match locking at coroutine creation")
	}
}

func runChild(t *testing.T, child string) (out string, err error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childVariable+"="+child)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// When descriptors run out, Accept waits and recovers. No connection is lost.
func TestAcceptRecoversWhenDescriptorsHaveRunOut(t *testing.T) {
	for _, poller := range []string{"native", "portable"} {
		t.Run(poller, func(t *testing.T) {
			braidtest.CheckLeaks(t)
			out, err := runChild(t, poller)
			if err != nil || out != "ok\n" {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

// exhaust runs in a process of its own, for the limit of descriptors is the process's.
func exhaust(opts ...loop.Option) {
	opts = append(opts, loop.SlowAfter(0)) // a busy machine makes it report, and the output is compared
	err := loop.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		ln, err := loop.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		const clients = 30
		dialled, room := make([]net.Conn, 0, clients), []*os.File{}
		for range clients {
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				return err
			}
			dialled = append(dialled, c)
			_, _ = c.Write([]byte{byte(len(dialled))})
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 128, Max: 128}); err != nil {
			return err
		}
		for {
			f, err := os.Open("/dev/null")
			if errors.Is(err, syscall.EMFILE) {
				break
			}
			if err != nil {
				return err
			}
			room = append(room, f)
		}
		seen := map[byte]bool{}
		server := g.Go(func(context.Context) error {
			for len(seen) < clients {
				c, err := ln.Accept()
				if err != nil {
					return err
				}
				p := make([]byte, 1)
				if _, err := io.ReadFull(c, p); err != nil {
					return err
				}
				seen[p[0]] = true
				if len(seen)%2 == 0 { // or it runs out again
					_ = c.Close()
				}
			}
			return nil
		})
		if err := braid.Sleep(ctx, 30*time.Millisecond); err != nil {
			return err
		}
		if len(seen) > 0 {
			return fmt.Errorf("%d connections were accepted without descriptors", len(seen))
		}
		for len(room) > 0 {
			_ = room[0].Close()
			room = room[1:]
			if len(room) > clients {
				continue // the last ones one by one, so that Accept finds some and runs out again
			}
			if err := braid.Sleep(ctx, 2*time.Millisecond); err != nil {
				return err
			}
		}
		if err := server.Wait(ctx); err != nil {
			return err
		}
		// A second time: Close ends an Accept that waits for descriptors.
		for {
			f, err := os.Open("/dev/null")
			if err != nil {
				break
			}
			defer f.Close()
		}
		go func() { _, _ = dialled[0].Write(nil) }()
		closed := g.Go(func(context.Context) error {
			_, err := ln.Accept()
			if !errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("Accept after Close: %w", err)
			}
			return nil
		})
		if err := braid.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
		return errors.Join(ln.Close(), closed.Wait(ctx))
	}, opts...)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

// When the queue of connections is full, Dial of a Unix socket says so at once; who is in it is served, and then there is room again.
func TestAFullAcceptQueueLosesNobody(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		runLoop(t, func(ctx context.Context, _ *braid.Group) error {
			var listening int // another descriptor of the listener, to make its queue short
			lc := loop.ListenConfig{ListenConfig: net.ListenConfig{Control: control(func(fd int) (err error) {
				listening, err = syscall.Dup(fd)
				return err
			})}}
			ln, err := lc.Listen(ctx, "unix", t.TempDir()+"/socket")
			if err != nil {
				return err
			}
			defer ln.Close()
			if err := errors.Join(syscall.Listen(listening, 4), syscall.Close(listening)); err != nil {
				return err
			}
			for range 3 {
				var queued []*loop.Conn
				for {
					c, err := loop.Dial(ctx, "unix", ln.Addr().String())
					if errors.Is(err, syscall.EAGAIN) {
						break
					}
					if err != nil {
						return err
					}
					if _, err := c.Write([]byte{byte(len(queued))}); err != nil {
						return err
					}
					queued = append(queued, c)
				}
				if len(queued) < 4 {
					t.Errorf("there was room for %d", len(queued))
				}
				for i, client := range queued {
					c, err := ln.Accept()
					if err != nil {
						return err
					}
					p := make([]byte, 2)
					if n, err := c.Read(p); n != 1 || err != nil || int(p[0]) != i {
						t.Errorf("connection %d: %d, %v", i, n, err)
					}
					_ = errors.Join(c.Close(), client.Close())
				}
			}
			return nil
		}, opts...)
	})
}

// control makes a Control of a function of the descriptor.
func control(f func(fd int) error) func(string, string, syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var err error
		return errors.Join(raw.Control(func(fd uintptr) { err = f(int(fd)) }), err)
	}
}

const soReusePort = 15 // which package syscall does not name

// Several loops listen on one port, one a core, and the system shares the connections out.
func TestSeveralLoopsShareAPort(t *testing.T) {
	pollers(t, func(t *testing.T, opts ...loop.Option) {
		lc := loop.ListenConfig{ListenConfig: net.ListenConfig{Control: control(func(fd int) error {
			return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, soReusePort, 1)
		})}}
		const loops, clients = 3, 300
		var served [loops]int
		var stops [loops]func()
		address := make(chan string, 1)
		address <- "127.0.0.1:0"
		var ready, over sync.WaitGroup
		for i := range loops {
			ready.Add(1)
			over.Go(func() {
				runLoop(t, func(ctx context.Context, _ *braid.Group) error {
					ln, err := lc.Listen(ctx, "tcp", <-address)
					if err != nil {
						return err
					}
					stops[i] = loop.Current(ctx).Stop
					address <- ln.Addr().String()
					ready.Done()
					for {
						c, err := ln.AcceptContext(ctx)
						if err != nil {
							return err
						}
						served[i]++
						_ = c.Close()
					}
				}, opts...)
			})
		}
		ready.Wait()
		at := <-address
		for range clients {
			c, err := net.Dial("tcp", at)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("a client: %v", err)
			}
			_ = c.Close()
		}
		for _, stop := range stops {
			stop()
		}
		over.Wait()
		sum := 0
		for i, n := range served {
			if sum += n; n == 0 {
				t.Errorf("loop %d was left out: %v", i, served)
			}
		}
		if sum != clients {
			t.Errorf("%d of %d clients were served", sum, clients)
		}
	})
}

// descriptorLimit returns how many descriptors this process may have.
func descriptorLimit() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return r.Cur
}
