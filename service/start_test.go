package service_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

var startCases = []testCase{
	{"components start in order and stop in reverse order", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, d.part("a"), d.part("b"), d.part("c"))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			until(t, ctx, "it is ready", func() bool { return s.Ready() == nil })
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
		for _, name := range []string{"a", "b", "c"} {
			equal(t, "runs of "+name, d.count(name), 1)
		}
		text := d.all()
		contains(t, text, "c. -c b. -b a. -a")
		for _, c := range []string{"+a", "+b", "+c"} {
			equal(t, "starts "+c, d.count(c), 1)
		}
	}},
	{"a component starts when the one before is ready, and not earlier", func(t *testing.T, ctx context.Context) {
		var ready braid.Event
		d := &diary{}
		first := d.part("a")
		first.Ready = ready.Wait
		s := newService(service.Config{}, first, d.part("b"))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 5*time.Second))
			equal(t, "what has happened", d.all(), "+a a")
			equal(t, "state of a", stateOf(s, "a"), service.Starting)
			equal(t, "state of b", stateOf(s, "b"), service.Idle)
			if s.Ready() == nil {
				t.Fatal("it says that it is ready")
			}
			ready.Set()
			until(t, ctx, "it is ready", func() bool { return s.Ready() == nil })
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"a Ready that fails at first is asked again", func(t *testing.T, ctx context.Context) {
		asked := 0
		s := newService(service.Config{}, service.Component{Name: "db", Ready: func(context.Context) error {
			if asked++; asked < 5 {
				return errDown
			}
			return nil
		}}, service.Component{Name: "end", Run: func(context.Context) error { return nil }})
		must(t, s.Run(ctx))
		equal(t, "asked", asked, 5)
	}},
	{"a start that fails stops what was started, in reverse order, and nothing else", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, d.begun("a"), d.begun("b"),
			service.Component{Name: "c", Start: fail, Run: d.note("never"), Stop: d.note("never")}, d.part("d"))
		err := s.Run(ctx)
		wantErr(t, err, errDown)
		e := failureOf(t, err, "c", service.InStart)
		contains(t, e.Error(), "component c did not start: task ", "shop/c/start: down")
		contains(t, d.all(), "b. -b a. -a")
		equal(t, "calls of what was not started", d.count("never")+d.count("+d")+d.count("-d"), 0)
		equal(t, "number of errors", len(listOf(err)), 1)
	}},
	{"a component that does not start in time is named, with its tasks, their ages and what they wait on", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		pool := braid.NewSemaphore(1)
		pool.SetName("pool")
		must(t, pool.Acquire(ctx, 1))
		s := newService(service.Config{}, d.part("a"), service.Component{
			Name: "db", StartTimeout: 3 * time.Second, Stop: d.note("never"),
			Start: func(ctx context.Context) error { return pool.Acquire(ctx, 1) },
		})
		var err error
		equal(t, "time", took(ctx, func() { err = s.Run(ctx) }), 3*time.Second)
		wantErr(t, err, service.ErrStartTimeout)
		e := failureOf(t, err, "db", service.InStart)
		contains(t, e.Error(), "component db did not start: service: not ready in time, which is 3s; it runs ", "shop/db/start (3s old, waits in semaphore.Acquire pool)")
		equal(t, "tasks", len(e.Tasks), 1)
		equal(t, "age", e.Tasks[0].Age, 3*time.Second)
		contains(t, d.all(), "a. -a")
		equal(t, "stops of what was not started", d.count("never"), 0)
	}},
	{"a component that does not get ready says what its Ready said", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		part := d.part("db")
		part.Ready, part.StartTimeout = fail, time.Second
		err := newService(service.Config{}, part).Run(ctx)
		e := failureOf(t, err, "db", service.InStart)
		wantErr(t, e.Last, errDown)
		contains(t, e.Error(), "; its Ready says: down; it runs ", "shop/db (1s old, waits in event.Wait")
		contains(t, d.all(), "+db db db. -db")
	}},
	{"a start that succeeds too late is released all the same", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{
			Name: "db", StartTimeout: time.Second, Stop: d.note("-db"),
			Start: func(ctx context.Context) error {
				equal(t, "cause", untilDone(ctx), service.ErrStartTimeout)
				return braid.Sleep(context.WithoutCancel(ctx), time.Second)
			},
		})
		err := s.Run(ctx)
		wantErr(t, err, service.ErrStartTimeout)
		equal(t, "errors", len(listOf(err)), 1)
		equal(t, "what has happened", d.all(), "-db")
	}},
	{"a start that does not end is left, named, and what was started before it is stopped", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		d := &diary{}
		s := newService(service.Config{}, d.part("a"), service.Component{
			Name: "mule", StartTimeout: time.Second, StopTimeout: 2 * time.Second, Start: never(&leave), Stop: d.note("never"),
		})
		var err error
		equal(t, "time", took(ctx, func() { err = s.Run(ctx) }).Round(time.Second), 4*time.Second)
		wantErr(t, err, service.ErrStartTimeout)
		stuck, ok := errors.AsType[*braid.StuckError](failureOf(t, err, "mule", service.InStop).Err)
		if !ok || len(stuck.Tasks) != 1 {
			t.Fatalf("error is %v", err)
		}
		contains(t, stuck.Tasks[0].Path, "shop/mule/start")
		contains(t, d.all(), "a. -a")
		equal(t, "state", stateOf(s, "mule"), service.Stuck)
		leave.Set()
		must(t, braid.Sleep(ctx, time.Second))
	}},
	{"a panic or Goexit in a start is its failure, and what was started is stopped", func(t *testing.T, ctx context.Context) {
		for name, fn := range map[string]func(context.Context) error{"panic": explode, "goexit": goexit} {
			d := &diary{}
			err := newService(service.Config{}, d.begun("a"), service.Component{Name: "b", Start: fn, Stop: d.note("never")}).Run(ctx)
			e := failureOf(t, err, "b", service.InStart)
			if p, ok := errors.AsType[*braid.PanicError](e); ok != (name == "panic") || ok && len(p.Stack) == 0 {
				t.Fatalf("%s: error is %v", name, err)
			}
			if name == "goexit" {
				wantErr(t, e, braid.ErrGoexit)
			}
			contains(t, d.all(), "a. -a")
			equal(t, "stops of what was not started", d.count("never"), 0)
		}
	}},
	{"a panic in a Ready is an answer, a Goexit ends the start", func(t *testing.T, ctx context.Context) {
		err := newService(service.Config{}, service.Component{Name: "a", StartTimeout: time.Second, Ready: explode}).Run(ctx)
		e := failureOf(t, err, "a", service.InStart)
		contains(t, e.Last.Error(), "panicked: boom")
		err = newService(service.Config{}, service.Component{Name: "a", StartTimeout: time.Second, Ready: goexit}).Run(ctx)
		wantErr(t, failureOf(t, err, "a", service.InStart), braid.ErrGoexit)
	}},
	{"a Run that ends before it is ready has not started", func(t *testing.T, ctx context.Context) {
		for want, fn := range map[string]func(context.Context) error{
			"ended before it was ready": func(context.Context) error { return nil }, "shop/a: down": fail, "shop/a panicked: boom": explode,
		} {
			d := &diary{}
			err := newService(service.Config{}, service.Component{Name: "a", Run: fn, Ready: untilDone, Stop: d.note("-a")}).Run(ctx)
			contains(t, failureOf(t, err, "a", service.InStart).Error(), want)
			equal(t, "errors", len(listOf(err)), 1)
			equal(t, "what has happened", d.all(), "-a")
		}
	}},
	{"a failure of one that runs breaks off the start of another", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		second := d.part("b")
		second.Ready = untilDone
		var err error
		equal(t, "time", took(ctx, func() {
			err = newService(service.Config{}, service.Component{Name: "a", Run: func(ctx context.Context) error {
				_ = braid.Sleep(ctx, time.Second)
				return errDown
			}}, second, d.part("c")).Run(ctx)
		}), time.Second)
		failureOf(t, err, "a", service.InRun)
		equal(t, "errors", len(listOf(err)), 1)
		equal(t, "what has happened", d.all(), "+b b b. -b")
	}},
	{"a stop during a start ends it and stops what was started", func(t *testing.T, ctx context.Context) {
		for _, phase := range []string{"start", "ready"} {
			d := &diary{}
			part := d.part("b")
			if phase == "start" {
				part.Start = func(ctx context.Context) error { d.add("+b"); return untilDone(ctx) }
			} else {
				part.Ready = untilDone
			}
			s := newService(service.Config{}, d.part("a"), part, d.part("c"))
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				u := begin(g, s)
				must(t, braid.Sleep(ctx, time.Second))
				s.Stop(nil)
				must(t, u.end(t, ctx))
			})
			contains(t, d.all(), "a. -a")
			equal(t, "starts of c", d.count("+c"), 0)
			equal(t, "stops of b", d.count("-b"), map[string]int{"start": 0, "ready": 1}[phase])
		}
	}},
	{"a start that fails for its own reason although it was broken off is reported", func(t *testing.T, ctx context.Context) {
		s := newService(service.Config{}, service.Component{Name: "a", Start: func(ctx context.Context) error {
			return errors.Join(untilDone(ctx), errDown)
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			wantErr(t, failureOf(t, u.end(t, ctx), "a", service.InStart), errDown)
		})
	}},
	{"under a ctx that is done nothing is started", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		inner, cancel := context.WithCancelCause(ctx)
		cancel(errDown)
		equal(t, "error", newService(service.Config{}, d.part("a")).Run(inner), errDown)
		equal(t, "what has happened", d.all(), "")
	}},
	{"a service that was stopped before starts nothing", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, d.part("a"))
		s.Stop(nil)
		s.Stop(errDown)
		s.Abort(nil)
		must(t, s.Run(ctx))
		equal(t, "what has happened", d.all(), "")
	}},
	{"a service without work runs until it is stopped, and one whose work is done ends", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{Name: "db", Start: d.note("+db"), Stop: d.note("-db")})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Hour))
			must(t, s.Ready())
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
		equal(t, "what has happened", d.all(), "+db -db")
		d = &diary{}
		must(t, newService(service.Config{}, service.Component{Name: "db", Start: d.note("+db"), Stop: d.note("-db")},
			service.Component{Name: "job", Run: d.note("job")}).Run(ctx))
		equal(t, "what has happened", d.all(), "+db job -db")
		with(t, ctx, func(ctx context.Context, g *braid.Group) { // nothing at all
			s := newService(service.Config{})
			u := begin(g, s)
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"a service may run again, but not twice at a time", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		var s *service.Service
		s = newService(service.Config{}, service.Component{Name: "job", Run: func(ctx context.Context) error {
			d.add("job")
			wantPanic(t, "second Run", func() { _ = s.Run(ctx) })
			return nil
		}})
		must(t, s.Run(ctx))
		must(t, s.Run(ctx))
		equal(t, "runs", d.count("job"), 2)
		wantPanic(t, "Add after Run", func() { s.Add(d.part("x")) })
	}},
	{"a Ready that says at once that a time ran out is not asked without a pause", func(t *testing.T, ctx context.Context) {
		asked := 0
		err := newService(service.Config{StartTimeout: time.Second}, service.Component{Name: "db", Ready: func(context.Context) error {
			if asked++; asked > 1000 {
				panic("it is asked without a pause")
			}
			return fmt.Errorf("pool: %w", braid.ErrTimeout)
		}}).Run(ctx)
		contains(t, failureOf(t, err, "db", service.InStart).Last.Error(), "pool: ")
		equal(t, "asked", asked, 8) // after 10, 20, 40, 80, 160, 250, 250 ms
	}},
}
