package sim_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// In a test this is sim.Test(t, program). Explore does the same outside of one.
func ExampleExplore() {
	program := func(s *sim.T) {
		n := sim.NewVar("n", 0)
		add := func(ctx context.Context) error {
			n.Store(ctx, n.Load(ctx)+1)
			return nil
		}
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(add)
			g.Go(add)
			return nil
		})
		if err != nil || n.Peek() != 2 {
			s.Errorf("n = %d, err = %v", n.Peek(), err)
		}
	}
	r := sim.Explore("counter", program, sim.Exhaustive)
	fmt.Println("a schedule fails:", r.Err != nil)
	fmt.Println("switches that it needs:", r.Switches)
	again := sim.Explore("counter", program, sim.Replay(r.Replay))
	fmt.Println("replayed, it fails again:", again.Err != nil)
	// Output:
	// a schedule fails: true
	// switches that it needs: 1
	// replayed, it fails again: true
}

// Exhaustive search can prove, for a small program, that no schedule fails.
func ExampleStrategy() {
	r := sim.Explore("mutex", func(s *sim.T) {
		var m braid.Mutex
		inside := 0
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for range 2 {
				g.Go(func(ctx context.Context) error {
					if err := m.Lock(ctx); err != nil {
						return err
					}
					defer m.Unlock()
					if inside++; inside > 1 {
						s.Errorf("two are inside")
					}
					err := braid.Yield(ctx)
					inside--
					return err
				})
			}
			return nil
		})
	}, sim.Exhaustive)
	fmt.Println(r.Err, r.Complete)
	// Output: <nil> true
}

// Sweep cancels at each wait, one a schedule: here, what a task holds when it is cancelled is never given back.
func ExampleSweep() {
	r := sim.Explore("cancelled", func(s *sim.T) {
		sem := braid.NewSemaphore(1)
		s.Balanced(sem)
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				if err := sem.Acquire(ctx, 1); err != nil {
					return err
				}
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				sem.Release(1)
				return nil
			})
			return nil
		})
	}, sim.Sweep())
	fmt.Println("found:", r.Err != nil)
	// Output: found: true
}

// A Var is a plain variable with a point before each read and write: between them another task may come.
func ExampleVar() {
	r := sim.Explore("lost update", func(s *sim.T) {
		seats := sim.NewVar("seats", 10)
		book := func(ctx context.Context) error {
			left := seats.Load(ctx)
			seats.Store(ctx, left-1)
			return nil
		}
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(book)
			g.Go(book)
			return nil
		})
		if seats.Peek() != 8 {
			s.Errorf("%d seats are left", seats.Peek())
		}
	})
	fmt.Println(r.Err != nil)
	// Output: true
}

// A fault is a branch that production code does not take, and that the simulator takes in some schedules.
func ExampleFault() {
	write := func(ctx context.Context) error {
		if sim.Fault(ctx, "disk.full") {
			return errors.New("disk full")
		}
		return nil
	}
	r := sim.Explore("disk", func(s *sim.T) {
		if err := write(s.Context()); err != nil {
			s.Errorf("nobody handles: %v", err)
		}
	})
	fmt.Println("in the simulator:", r.Err != nil)
	fmt.Println("outside:", write(context.Background()))
	// Output:
	// in the simulator: true
	// outside: <nil>
}

// What a scope keeps in memory is lost when it crashes, and what lives outside stays.
func ExampleCrashable() {
	lives := map[int]bool{}
	r := sim.Explore("server", func(s *sim.T) {
		disk := 0
		err := sim.Crashable(s.Context(), "server", func(ctx context.Context, _ *braid.Group, life int) error {
			lives[life] = true
			for disk < 3 {
				if err := braid.Yield(ctx); err != nil {
					return err
				}
				disk++
			}
			return nil
		})
		if err != nil || disk != 3 {
			s.Errorf("disk = %d, err = %v", disk, err)
		}
	}, sim.Workers(1))
	fmt.Println(r.Err, "and there was a second life:", lives[1])
	// Output: <nil> and there was a second life: true
}

// A network without latency on which a read may return less than there is: a program must not take one Read for a message.
func ExampleNetwork() {
	r := sim.Explore("greeting", func(s *sim.T) {
		n := sim.NewNetwork(s, sim.NetConfig{ShortReads: true})
		l, err := n.Listen("server:7")
		if err != nil {
			s.Fatal(err)
		}
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(context.Context) error {
				c, err := l.Accept()
				if err != nil {
					return err
				}
				_, err = c.Write([]byte("hello"))
				return errors.Join(err, c.Close())
			})
			g.Go(func(ctx context.Context) error {
				c, err := n.Dial(ctx, "client", "server:7")
				if err != nil {
					return err
				}
				buf := make([]byte, 5)
				k, err := c.Read(buf) // io.ReadFull would be right
				if string(buf[:k]) != "hello" {
					s.Errorf("the greeting is %q", buf[:k])
				}
				return err
			})
			return nil
		})
	})
	fmt.Println("found:", r.Err != nil)
	// Output: found: true
}

// An invariant is looked at after each step, not only at the end.
func ExampleT_Invariant() {
	r := sim.Explore("transfer", func(s *sim.T) {
		a, b := sim.NewVar("a", 50), sim.NewVar("b", 50)
		s.Invariant("nothing is in between", func() error {
			if sum := a.Peek() + b.Peek(); sum != 100 {
				return fmt.Errorf("the accounts hold %d", sum)
			}
			return nil
		})
		_ = braid.Run(s.Context(), func(ctx context.Context, _ *braid.Group) error {
			a.Store(ctx, 20)
			b.Store(ctx, 80)
			return nil
		})
	})
	fmt.Println("found:", r.Err != nil)
	// Output: found: true
}

// Tasks that have nothing to do with each other have one schedule: it stands for the others.
func ExampleReduce() {
	program := func(s *sim.T) {
		var vars [2]*sim.Var[int]
		for i := range vars {
			vars[i] = sim.NewVar(fmt.Sprint(i), 0)
		}
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for _, v := range vars {
				g.Go(func(ctx context.Context) error {
					v.Store(ctx, v.Load(ctx)+1)
					return nil
				})
			}
			return nil
		})
	}
	all := sim.Explore("independent", program, sim.Exhaustive)
	some := sim.Explore("independent", program, sim.Reduce())
	fmt.Println(all.Complete, all.Schedules > 200)
	fmt.Println(some.Complete, some.Schedules < 20)
	// Output:
	// true true
	// true true
}

// What tasks share and is not braid's must be announced to a search with Reduce.
func ExampleTouch() {
	r := sim.Explore("first", func(s *sim.T) {
		var first string
		sim.Touch(s.Context(), &first, sim.Writing)
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for _, name := range []string{"a", "b"} {
				g.Go(func(ctx context.Context) error {
					sim.Touch(ctx, &first, sim.Writing)
					if first == "" {
						first = name
					}
					return nil
				})
			}
			return nil
		})
		if first != "a" {
			s.Errorf("b was first")
		}
	}, sim.Reduce())
	fmt.Println("a is not always first:", r.Err != nil)
	// Output: a is not always first: true
}

// A search that has been cut proves nothing; with Complete it fails.
func ExampleComplete() {
	r := sim.Explore("large", func(s *sim.T) {
		_ = braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			for range 4 {
				g.Go(func(ctx context.Context) error { return braid.Yield(ctx) })
			}
			return nil
		})
	}, sim.Exhaustive, sim.Schedules(100), sim.Complete())
	fmt.Println(r.Err)
	// Output: sim: large: not all schedules were tried: cut at 100, complete up to 0 switches; allow more with sim.Schedules, or make the program smaller
}
