package service_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// ask returns the answer of a health handler.
func ask(h http.Handler) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Code, w.Body.String()
}

var checkCases = []testCase{
	{"readiness is checked again and again, and answered from what was found out", func(t *testing.T, ctx context.Context) {
		var down atomic.Bool
		var asked atomic.Int32
		s := newService(service.Config{CheckEvery: 10 * time.Second}, service.Component{Name: "db", Run: untilDone, Ready: func(context.Context) error {
			asked.Add(1)
			if down.Load() {
				return errDown
			}
			return nil
		}})
		if status, body := ask(s.ReadyHandler()); status != 503 || body != "not ready\nit does not run\n" {
			t.Fatalf("%d, %q", status, body)
		}
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 5*time.Second))
			for range 100 {
				must(t, s.Ready())
			}
			if status, body := ask(s.ReadyHandler()); status != 200 || body != "ready\n" {
				t.Fatalf("%d, %q", status, body)
			}
			equal(t, "asked", asked.Load(), 1)
			down.Store(true)
			must(t, braid.Sleep(ctx, 10*time.Second))
			contains(t, s.Ready().Error(), "shop is not ready: db: down")
			if status, body := ask(s.ReadyHandler()); status != 503 || body != "not ready\ndb: down\n" {
				t.Fatalf("%d, %q", status, body)
			}
			must(t, s.Alive())
			equal(t, "state", stateOf(s, "db"), service.Running)
			down.Store(false)
			must(t, braid.Sleep(ctx, 10*time.Second))
			must(t, s.Ready())
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
		if s.Ready() == nil {
			t.Fatal("it is ready although it has ended")
		}
	}},
	{"a check that hangs fails, and nobody who asks has to wait", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		var hang atomic.Bool
		s := newService(service.Config{CheckEvery: 10 * time.Second, CheckTimeout: 2 * time.Second}, service.Component{
			Name: "db", Run: untilDone,
			Ready: func(ctx context.Context) error {
				if hang.Load() {
					return never(&leave)(ctx)
				}
				return nil
			},
			Alive: func(ctx context.Context) error {
				if hang.Load() {
					return untilDone(ctx)
				}
				return nil
			},
		})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			hang.Store(true)
			must(t, braid.Sleep(ctx, 10*time.Second))
			must(t, s.Ready()) // the call goes on for less than its time
			must(t, braid.Sleep(ctx, 2*time.Second))
			equal(t, "time", took(ctx, func() {
				contains(t, s.Ready().Error(), "db: service: the check has not answered for 3s")
				contains(t, s.Alive().Error(), "db: braid: timeout of 2s ran out")
			}), 0)
			contains(t, s.Status().Components[0].Ready.Error(), "not answered")
			leave.Set()
			hang.Store(false)
			must(t, braid.Sleep(ctx, 10*time.Second))
			must(t, s.Ready())
			must(t, s.Alive())
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"a panic in a check is an answer, a Goexit ends the checking and fails", func(t *testing.T, ctx context.Context) {
		for want, fn := range map[string]func(context.Context) error{"panicked: boom": explode, "runtime.Goexit": goexit} {
			s := newService(service.Config{}, service.Component{Name: "a", Run: untilDone, Alive: fn})
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				u := begin(g, s)
				must(t, braid.Sleep(ctx, time.Minute))
				contains(t, s.Alive().Error(), want)
				if status, _ := ask(s.AliveHandler()); status != 503 {
					t.Fatalf("status %d", status)
				}
				must(t, s.Ready())
				s.Stop(nil)
				must(t, u.end(t, ctx))
			})
		}
	}},
	{"a service that starts, stops or does not run is alive", func(t *testing.T, ctx context.Context) {
		s := newService(service.Config{}, service.Component{Name: "a", Ready: untilDone, Stop: func(ctx context.Context) error { return braid.Sleep(ctx, time.Second) }, Alive: ok})
		must(t, s.Alive())
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			contains(t, s.Ready().Error(), "a is starting")
			must(t, s.Alive())
			s.Stop(nil)
			must(t, braid.Sleep(ctx, 500*time.Millisecond))
			must(t, s.Alive())
			if status, _ := ask(s.AliveHandler()); status != 200 {
				t.Fatalf("status %d", status)
			}
			must(t, u.end(t, ctx))
		})
		must(t, s.Alive())
	}},
	{"a component that has failed makes the service not ready at once", func(t *testing.T, ctx context.Context) {
		var before error
		s := newService(service.Config{}, service.Component{Name: "a", Stop: func(context.Context) error { return nil }}, service.Component{Name: "b", Run: func(ctx context.Context) error {
			must(t, braid.Sleep(ctx, time.Second))
			return errDown
		}})
		s.Add(service.Component{Name: "c", Stop: func(context.Context) error { before = s.Ready(); return nil }})
		_ = s.Run(ctx)
		equal(t, "it was ready", before == nil, false)
	}},
	{"Status tells what runs", func(t *testing.T, ctx context.Context) {
		s := newService(service.Config{}, service.Component{Name: "a", Run: untilDone})
		equal(t, "state", s.Status().State, service.Idle)
		equal(t, "name", s.Status().Components[0].Name, "a")
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			begun := braid.Time(ctx)
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			st := s.Status()
			equal(t, "state", st.State, service.Running)
			c := st.Components[0]
			equal(t, "since", c.Since, begun)
			equal(t, "tasks", len(c.Tasks), 1)
			contains(t, c.Tasks[0].String(), "shop/a (1s old, waits in event.Wait")
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
		equal(t, "state", s.Status().State, service.Stopped)
	}},
	{"an error of a check may ask the service when it is put into words", func(t *testing.T, ctx context.Context) {
		var s *service.Service
		asked := 0
		s = newService(service.Config{}, service.Component{Name: "a", Alive: func(context.Context) error { return &curious{&s} }, Ready: func(context.Context) error {
			if asked++; asked == 1 {
				return nil
			}
			return &curious{&s}
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Minute))
			contains(t, s.Ready().Error(), "shop is not ready: a: while it is running")
			contains(t, s.Alive().Error(), "shop is not alive: a: while it is running")
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
}

// curious is an error that asks the service when it is put into words.
type curious struct{ s **service.Service }

func (c *curious) Error() string { return "while it is " + (*c.s).Status().State.String() }

var periodicCases = []testCase{
	{"a periodic task runs at each multiple of its period, first after one of them or at once", func(t *testing.T, ctx context.Context) {
		for atOnce, want := range map[bool]int{false: 3, true: 4} {
			runs := 0
			s := newService(service.Config{}, service.Periodic(service.PeriodicConfig{Name: "tick", Every: time.Minute, AtOnce: atOnce, Do: func(context.Context) error {
				runs++
				return nil
			}}))
			must(t, restarted(t, ctx, s, 3*time.Minute+30*time.Second))
			equal(t, "runs", runs, want)
		}
	}},
	{"runs never overlap, and the times that pass while one goes on are left out", func(t *testing.T, ctx context.Context) {
		var at []time.Duration
		begin := braid.Time(ctx)
		running := false
		s := newService(service.Config{}, service.Periodic(service.PeriodicConfig{Name: "tick", Every: time.Minute, Do: func(ctx context.Context) error {
			if running {
				t.Error("two at a time")
			}
			running = true
			defer func() { running = false }()
			at = append(at, braid.Time(ctx).Sub(begin))
			if len(at) == 1 {
				return braid.Sleep(ctx, 150*time.Second)
			}
			return nil
		}}))
		must(t, restarted(t, ctx, s, 330*time.Second))
		equal(t, "runs", len(at), 3)
		for i, want := range []time.Duration{time.Minute, 4 * time.Minute, 5 * time.Minute} {
			equal(t, "time", at[i], want)
		}
	}},
	{"jitter delays each run by a part of the period, and does not add up", func(t *testing.T, ctx context.Context) {
		var at []time.Duration
		begin := braid.Time(ctx)
		s := newService(service.Config{}, service.Periodic(service.PeriodicConfig{Name: "tick", Every: time.Minute, AtOnce: true, Jitter: 0.5, Rand: most, Do: func(ctx context.Context) error {
			at = append(at, braid.Time(ctx).Sub(begin))
			return nil
		}}))
		must(t, restarted(t, ctx, s, 220*time.Second))
		for i, want := range []time.Duration{0, 90 * time.Second, 150 * time.Second, 210 * time.Second} {
			equal(t, "time", at[i], want)
		}
	}},
	{"a run that fails or panics fails the component, or is logged with its stack and the next one comes", func(t *testing.T, ctx context.Context) {
		for _, how := range []func(context.Context) error{fail, explode} {
			c := service.PeriodicConfig{Name: "tick", Every: time.Minute, Do: how}
			failureOf(t, newService(service.Config{}, service.Periodic(c)).Run(ctx), "tick", service.InRun)

			log := &diary{}
			c.KeepGoing, c.Log = true, slogTo(log)
			must(t, restarted(t, ctx, newService(service.Config{}, service.Periodic(c)), 150*time.Second))
			equal(t, "lines", log.count("a run failed tick")+log.count("a run failed tick with a stack"), 2)
		}
		for _, keepGoing := range []bool{false, true} {
			c := service.PeriodicConfig{Name: "tick", Every: time.Minute, Do: goexit, KeepGoing: keepGoing}
			wantErr(t, newService(service.Config{}, service.Periodic(c)).Run(ctx), braid.ErrGoexit)
		}
	}},
	{"a run that is over its time has failed", func(t *testing.T, ctx context.Context) {
		c := service.PeriodicConfig{Name: "tick", Every: time.Minute, Timeout: time.Second, Do: untilDone}
		wantErr(t, newService(service.Config{}, service.Periodic(c)).Run(ctx), braid.ErrTimeout)
	}},
	{"a run that is under way when the service stops is cancelled, and is no failure", func(t *testing.T, ctx context.Context) {
		for _, keepGoing := range []bool{false, true} {
			log := &diary{}
			c := service.PeriodicConfig{Name: "tick", Every: time.Minute, AtOnce: true, Do: untilDone, KeepGoing: keepGoing, Log: slogTo(log)}
			must(t, restarted(t, ctx, newService(service.Config{}, service.Periodic(c)), time.Second))
			equal(t, "log", log.all(), "")
		}
	}},
	{"it logs to, and draws from, what the service does, unless it has its own", func(t *testing.T, ctx context.Context) {
		log := &diary{}
		var begun []time.Duration
		start := braid.Time(ctx)
		s := newService(service.Config{Log: slogTo(log), Rand: most}, service.Periodic(service.PeriodicConfig{
			Name: "cleanup", Every: 10 * time.Second, Jitter: 0.5, KeepGoing: true, Do: func(ctx context.Context) error {
				begun = append(begun, braid.Time(ctx).Sub(start))
				return errDown
			},
		}))
		must(t, restarted(t, ctx, s, 26*time.Second))
		equal(t, "lines", log.count("a run failed cleanup"), 2)
		equal(t, "times", fmt.Sprint(begun), "[15s 25s]")
	}},
}

// What makes a Run of serve and shutdown.
var serveCases = []testCase{
	{"a server is shut down, and its answer to that is no failure", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		down := make(chan struct{})
		run := service.Serve(func() error { <-down; return errDown }, func(ctx context.Context) error {
			if ctx.Err() != nil {
				t.Error("the ctx of shutdown has ended")
			}
			d.add("shutdown")
			close(down)
			return nil
		})
		must(t, restarted(t, ctx, newService(service.Config{}, service.Component{Name: "grpc", Run: run, Stop: d.note("-grpc")}), time.Second))
		equal(t, "what has happened", d.all(), "shutdown -grpc")
	}},
	{"a server that ends by itself is what it returns", func(t *testing.T, ctx context.Context) {
		shutdown := func(context.Context) error { t.Error("shut down"); return nil }
		err := newService(service.Config{}, service.Component{Name: "grpc", Run: service.Serve(func() error { return errDown }, shutdown)}).Run(ctx)
		wantErr(t, failureOf(t, err, "grpc", service.InRun), errDown)
		must(t, newService(service.Config{}, service.Component{Name: "grpc", Run: service.Serve(func() error { return nil }, shutdown)}).Run(ctx))
	}},
	{"a shutdown that takes too long is cancelled", func(t *testing.T, ctx context.Context) {
		down := make(chan struct{})
		run := service.Serve(func() error { <-down; return nil }, func(ctx context.Context) error {
			defer close(down)
			return untilDone(ctx)
		})
		err := restarted(t, ctx, newService(service.Config{}, service.Component{Name: "grpc", StopTimeout: 2 * time.Second, Run: run}), time.Second)
		if _, ok := errors.AsType[*braid.StuckError](err); !ok {
			t.Fatalf("error is %v", err)
		}
		contains(t, failureOf(t, err, "grpc", service.InStop).Error(), "shop/grpc/serve (3s old")
	}},
}
