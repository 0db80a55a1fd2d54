package service_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

var stopCases = []testCase{
	{"the end of ctx is the order to stop: components do not see it, and it is no failure", func(t *testing.T, ctx context.Context) {
		gone := errors.New("gone")
		d := &diary{}
		slow := d.part("b")
		slow.Stop = func(ctx context.Context) error {
			if ctx.Err() != nil {
				t.Error("the ctx of Stop has ended")
			}
			return braid.Sleep(ctx, 5*time.Second)
		}
		first := d.part("a")
		first.Run = func(ctx context.Context) error {
			begin := braid.Time(ctx)
			equal(t, "cause", untilDone(ctx), gone)
			equal(t, "time of the cancel", braid.Time(ctx).Sub(begin), 6*time.Second)
			return context.Cause(ctx)
		}
		inner, cancel := context.WithCancelCause(ctx)
		s := newService(service.Config{}, first, slow)
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			task := braid.Go(g, func(context.Context) (error, error) { return s.Run(inner), nil })
			must(t, braid.Sleep(ctx, time.Second))
			cancel(gone)
			err, _ := task.Wait(ctx)
			must(t, err)
		})
	}},
	{"the values of ctx reach all functions, and each is a task of the service", func(t *testing.T, ctx context.Context) {
		type key struct{}
		d := &diary{}
		look := func(what string) func(context.Context) error {
			return func(ctx context.Context) error {
				d.add(what + ":" + ctx.Value(key{}).(string) + ":" + braid.Current(ctx).Path())
				return nil
			}
		}
		s := newService(service.Config{}, service.Component{Name: "db", Start: look("start"), Run: look("run"), Stop: look("stop")})
		must(t, braid.Run(context.WithValue(ctx, key{}, "v"), func(ctx context.Context, g *braid.Group) error {
			return g.Go(s.Run, braid.Name("main")).Wait(ctx)
		}, braid.Name("test")))
		for _, want := range []string{"start:v:", "main/shop/db/start run:v:", "main/shop/db stop:v:", "main/shop/db/stop"} {
			contains(t, d.all(), want)
		}
	}},
	{"cancellation with cleanup: a Run finishes in a Shield what it has in hand", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{Name: "worker", StopTimeout: 10 * time.Second, Stop: d.note("released"), Run: func(ctx context.Context) error {
			return service.Shield(ctx, func(ctx context.Context) error {
				err := braid.Sleep(ctx, 5*time.Second)
				d.add("finished")
				return err
			})
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() { must(t, u.end(t, ctx)) }), 4*time.Second)
		})
		equal(t, "what has happened", d.all(), "finished released")
	}},
	{"a Shield ends with the component's time to stop, and its error is that of the function", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{Name: "worker", StopTimeout: 3 * time.Second, Stop: d.note("released"), Run: func(ctx context.Context) error {
			_ = untilDone(ctx)
			return service.Shield(ctx, func(ctx context.Context) error {
				err := untilDone(ctx)
				d.add(err.Error())
				return err
			})
		}})
		var err error
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() { err = u.end(t, ctx) }), 3*time.Second)
		})
		equal(t, "what has happened", d.all(), "service: not stopped in time released")
		stuck, ok := errors.AsType[*braid.StuckError](failureOf(t, err, "worker", service.InStop))
		if !ok || len(stuck.Tasks) != 1 || stuck.Grace != 3*time.Second {
			t.Fatalf("error is %v", err)
		}
		equal(t, "state", stateOf(s, "worker"), service.Stopped)
	}},
	{"outside of a component a Shield has the default limit", func(t *testing.T, ctx context.Context) {
		inner, cancel := context.WithCancel(ctx)
		cancel()
		equal(t, "time", took(ctx, func() {
			wantErr(t, service.Shield(inner, untilDone), braid.ErrTimeout)
		}), service.DefaultStopTimeout)
		wantErr(t, service.Shield(ctx, fail), errDown)
		wantPanic(t, "needs a function", func() { _ = service.Shield(ctx, nil) })
	}},
	{"a failing component stops the service, and its failure comes first", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		last := d.part("c")
		last.Stop = func(context.Context) error { return errors.New("no goodbye") }
		s := newService(service.Config{}, d.part("a"), service.Component{Name: "b", Stop: d.note("-b"), Run: func(ctx context.Context) error {
			_ = braid.Sleep(ctx, time.Second)
			return errDown
		}}, last)
		err := s.Run(ctx)
		list := listOf(err)
		equal(t, "errors", len(list), 2)
		contains(t, list[0].Error(), "component b failed: task ", "shop/b: down")
		contains(t, list[1].Error(), "component c did not stop: task ", "shop/c/stop: no goodbye")
		contains(t, err.Error(), "shop: 2 failures: component b failed")
		contains(t, d.all(), "c. -b a. -a")
	}},
	{"safe release: Stop is called whatever Run has done, and not before it has returned", func(t *testing.T, ctx context.Context) {
		for name, fn := range map[string]func(context.Context) error{"error": fail, "panic": explode, "goexit": goexit, "nil": func(context.Context) error { return nil }} {
			d := &diary{}
			err := newService(service.Config{}, service.Component{Name: "a", Start: d.note("+a"), Stop: d.note("-a"), Run: func(ctx context.Context) error {
				defer d.add("ran")
				return fn(ctx)
			}}).Run(ctx)
			equal(t, name, d.all(), "+a ran -a")
			equal(t, name+" is an error", err != nil, name != "nil")
		}
	}},
	{"a panic or Goexit in a Stop keeps no other from being stopped", func(t *testing.T, ctx context.Context) {
		for name, fn := range map[string]func(context.Context) error{"panic": explode, "goexit": goexit} {
			d := &diary{}
			broken := d.part("b")
			broken.Stop = fn
			s := newService(service.Config{}, d.part("a"), broken, d.part("c"))
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				u := begin(g, s)
				must(t, braid.Sleep(ctx, time.Second))
				s.Stop(nil)
				e := failureOf(t, u.end(t, ctx), "b", service.InStop)
				if p, ok := errors.AsType[*braid.PanicError](e); ok != (name == "panic") || ok && len(p.Stack) == 0 {
					t.Fatalf("%s: error is %v", name, e)
				}
			})
			contains(t, d.all(), "c. -c b. a. -a")
		}
	}},
	{"a failure while it stops is reported", func(t *testing.T, ctx context.Context) {
		s := newService(service.Config{}, service.Component{Name: "a", Run: func(ctx context.Context) error {
			return errors.Join(untilDone(ctx), errDown)
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			wantErr(t, failureOf(t, u.end(t, ctx), "a", service.InRun), errDown)
		})
	}},
	{"a context error of somebody else is a failure", func(t *testing.T, ctx context.Context) {
		err := newService(service.Config{}, service.Component{Name: "a", Run: func(context.Context) error { return context.Canceled }}).Run(ctx)
		wantErr(t, failureOf(t, err, "a", service.InRun), context.Canceled)
	}},
	{"what is reported too late fails its component", func(t *testing.T, ctx context.Context) {
		err := newService(service.Config{}, service.Component{Name: "a", Run: func(ctx context.Context) error {
			braid.Report(ctx, errDown)
			return nil
		}}).Run(ctx)
		wantErr(t, failureOf(t, err, "a", service.InRun), errDown)
	}},
	{"readiness ends before the first component is stopped, and a drain delay earlier", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{Drain: 5 * time.Second}, d.part("a"))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			until(t, ctx, "it is ready", func() bool { return s.Ready() == nil })
			s.Stop(nil)
			contains(t, s.Ready().Error(), "shop is not ready: it stops")
			must(t, braid.Sleep(ctx, 4*time.Second))
			equal(t, "what has happened", d.all(), "+a a")
			equal(t, "time", took(ctx, func() { must(t, u.end(t, ctx)) }), time.Second)
		})
	}},
	{"a service that was never ready does not drain", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{Drain: time.Hour}, d.part("a"), service.Component{Name: "b", Start: untilDone})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() { must(t, u.end(t, ctx)) }), 0)
		})
		contains(t, d.all(), "a. -a")
	}},
	{"StopWithin bounds the stop of all", func(t *testing.T, ctx context.Context) {
		var parts []service.Component
		d := &diary{}
		for _, name := range []string{"a", "b", "c"} {
			parts = append(parts, service.Component{Name: name, Stop: func(ctx context.Context) error {
				err := braid.Sleep(ctx, 4*time.Second)
				d.add(name)
				return err
			}})
		}
		s := newService(service.Config{StopWithin: 6 * time.Second}, parts...)
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() {
				err := u.end(t, ctx)
				equal(t, "errors", len(listOf(err)), 2)
				failureOf(t, err, "b", service.InStop)
				failureOf(t, err, "a", service.InStop)
			}), 7*time.Second) // c 4 s, b 2 s, a its last moment
		})
		equal(t, "what has happened", d.all(), "c b a")
	}},
	{"the log says live who is waited for", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		var leave braid.Event
		leave.SetName("leave")
		log := slog.New(&lines{d: d})
		s := newService(service.Config{Log: log, ReportEvery: time.Second}, service.Component{Name: "mule", StopTimeout: 10 * time.Second, Run: never(&leave)})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			must(t, braid.Sleep(ctx, 3500*time.Millisecond))
			equal(t, "lines", d.count("still stopping mule"), 3)
			leave.Set()
			must(t, u.end(t, ctx))
		})
	}},
	{"a Shield has no limit while nobody stops the component, and afterwards that of the stop", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{Name: "a", StopTimeout: 3 * time.Second, Run: func(ctx context.Context) error {
			err := service.Shield(ctx, func(ctx context.Context) error {
				defer d.add("long")
				return braid.Sleep(ctx, time.Hour)
			})
			return errors.Join(err, service.Shield(ctx, func(ctx context.Context) error {
				defer d.add("longer")
				return untilDone(ctx)
			}))
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 2*time.Hour))
			equal(t, "what has happened", d.all(), "long")
			s.Stop(nil)
			var err error
			equal(t, "time", took(ctx, func() { err = u.end(t, ctx) }), 3*time.Second)
			wantErr(t, failureOf(t, err, "a", service.InRun), service.ErrStopTimeout)
		})
	}},
	{"the longest durations are no limits", func(t *testing.T, ctx context.Context) {
		const most = math.MaxInt64
		inner := newService(service.Config{Name: "inner", StopTimeout: most, StartTimeout: most, LastMoment: most, Drain: most - 1},
			service.Component{Name: "a", Run: func(ctx context.Context) error {
				return service.Shield(ctx, func(ctx context.Context) error { return braid.Sleep(ctx, time.Hour) })
			}}, service.Component{Name: "b", Start: fail})
		wantErr(t, newService(service.Config{}, inner.Component()).Run(ctx), errDown)
	}},
	{"a panic in what is no component, as the log, is one of Run, and what was started is released", func(t *testing.T, ctx context.Context) {
		for _, on := range []string{"running", "restarting", "stopping", "stopped"} {
			d := &diary{}
			s := newService(service.Config{Log: slog.New(&lines{d: &diary{}, bad: on})}, d.part("a"), d.crashing("b", 1, time.Second, fail))
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				task := braid.Go(g, func(ctx context.Context) (p any, _ error) {
					defer func() { p = recover() }()
					return nil, s.Run(ctx)
				})
				must(t, braid.Sleep(ctx, 5*time.Second))
				s.Stop(nil)
				p, err := task.Wait(ctx)
				must(t, err)
				if e, ok := p.(*braid.PanicError); !ok || e.Value != "a bad log" {
					t.Fatalf("%s: panicked with %v", on, p)
				}
			})
			for _, name := range []string{"a", "b"} {
				equal(t, on+": stops of "+name, d.count("-"+name), d.count("+"+name))
			}
		}
	}},
}

// lines writes the message and the component of each record.
type lines struct {
	slog.Handler
	d   *diary
	bad string // the message with which it panics
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	if l.bad == r.Message {
		panic("a bad log")
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "component":
			line += " " + a.Value.String()
		case "stack":
			line += " with a stack"
		}
		return true
	})
	l.d.add(line)
	return nil
}

// long keeps the lists of tasks in the log.
type long struct {
	slog.Handler
	lists [][]string
}

func (l *long) Enabled(context.Context, slog.Level) bool { return true }

func (l *long) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if list, ok := a.Value.Any().([]string); ok {
			l.lists = append(l.lists, list)
		}
		return true
	})
	return nil
}

// A component that fails to stop.
var stuckCases = []testCase{
	{"a component that does not stop in time is named, with its tasks, ages and waits; the others are stopped, and Run returns", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		leave.SetName("leave")
		d := &diary{}
		s := newService(service.Config{}, d.part("a"), service.Component{Name: "mule", StopTimeout: 2 * time.Second, Run: func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				g.Go(never(&leave), braid.Name("kick"))
				return nil
			})
		}, Stop: d.note("never")}, d.part("c"))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			var err error
			equal(t, "time", took(ctx, func() { err = u.end(t, ctx) }).Round(time.Second), 3*time.Second)
			e := failureOf(t, err, "mule", service.InStop)
			contains(t, e.Error(), "component mule did not stop: ", "shop/mule (3s old, waits in run.Join", "shop/mule/kick (3s old, waits in event.Wait leave)")
			equal(t, "errors", len(listOf(err)), 1)
			contains(t, d.all(), "c. -c a. -a")
			equal(t, "stops under a task that still runs", d.count("never"), 0)
			equal(t, "state", stateOf(s, "mule"), service.Stuck)
			equal(t, "state of the service", s.Status().State, service.Stopped)
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"a Stop that does not end is named, and the others are stopped", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		d := &diary{}
		s := newService(service.Config{}, d.part("a"), service.Component{Name: "mule", StopTimeout: 2 * time.Second, Stop: never(&leave)})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			e := failureOf(t, u.end(t, ctx), "mule", service.InStop)
			contains(t, e.Error(), "shop/mule/stop (2s old, waits in event.Wait")
			contains(t, d.all(), "a. -a")
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"what ends in its last moment was late, but is released and has ended", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{}, service.Component{Name: "late", StopTimeout: 2 * time.Second, Stop: d.note("released"), Run: func(ctx context.Context) error {
			_ = untilDone(ctx)
			return braid.Sleep(context.WithoutCancel(ctx), 2500*time.Millisecond)
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() { failureOf(t, u.end(t, ctx), "late", service.InStop) }), 2500*time.Millisecond)
		})
		equal(t, "what has happened", d.all(), "released")
		equal(t, "state", stateOf(s, "late"), service.Stopped)
	}},
	{"a check that hangs is a part of the component", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		s := newService(service.Config{}, service.Component{Name: "a", StopTimeout: time.Second, Run: untilDone, Alive: never(&leave)})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			contains(t, failureOf(t, u.end(t, ctx), "a", service.InStop).Error(), "shop/a/alive (2s old")
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"a line of the log lists no more than some of the tasks, the error lists all", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		log := &long{}
		s := newService(service.Config{Log: slog.New(log), StopTimeout: 1500 * time.Millisecond}, service.Component{Name: "mule", Run: func(ctx context.Context) error {
			return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
				for range 1000 {
					g.Go(never(&leave))
				}
				return nil
			})
		}})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			stuck, ok := errors.AsType[*braid.StuckError](u.end(t, ctx))
			equal(t, "it is an error that lists all", ok && len(stuck.Tasks) == 1001, true)
			equal(t, "lines with a list", len(log.lists), 2)
			for _, list := range log.lists {
				equal(t, "listed", len(list), 11)
				equal(t, "the last", list[10], "and 991 more")
			}
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
}

var abortCases = []testCase{
	{"an abort says what ran and cancels it, shields included; what ends is released, and what does not is left", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		leave.SetName("leave")
		d := &diary{}
		s := newService(service.Config{}, d.part("a"), service.Component{Name: "shielded", Run: func(ctx context.Context) error {
			return service.Shield(ctx, func(ctx context.Context) error {
				err := untilDone(ctx)
				d.add("shield over")
				return err
			})
		}}, service.Component{Name: "mule", StopTimeout: time.Hour, Run: never(&leave), Stop: d.note("never")})
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Stop(nil)
			must(t, braid.Sleep(ctx, time.Second))
			s.Abort(errDown)
			s.Abort(nil)
			var err error
			equal(t, "it took longer than the last moment", took(ctx, func() { err = u.end(t, ctx) }) > service.DefaultLastMoment, false)
			wantErr(t, err, service.ErrAborted)
			wantErr(t, err, errDown)
			stuck, ok := errors.AsType[*braid.StuckError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			contains(t, stuck.Error(), "shop/mule (2s old, waits in event.Wait leave)", "shop/shielded", "shop/a (2s old")
			contains(t, d.all(), "shield over", "a.", "-a")
			equal(t, "stops under a task that still runs", d.count("never"), 0)
			equal(t, "states", stateOf(s, "a") == service.Stopped && stateOf(s, "mule") == service.Stuck, true)
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"an abort during a start, a drain or a restart is as quick", func(t *testing.T, ctx context.Context) {
		for name, s := range map[string]*service.Service{
			"start":   newService(service.Config{}, service.Component{Name: "a", Start: untilDone, StartTimeout: time.Hour}),
			"ready":   newService(service.Config{}, service.Component{Name: "a", Ready: untilDone, StartTimeout: time.Hour}),
			"drain":   newService(service.Config{Drain: time.Hour}, service.Component{Name: "a", Run: untilDone}),
			"restart": newService(service.Config{RestartDelay: time.Hour}, service.Component{Name: "a", Run: fail, Restart: service.OnFailure}),
		} {
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				u := begin(g, s)
				must(t, braid.Sleep(ctx, time.Second))
				if name == "drain" {
					s.Stop(nil)
					must(t, braid.Sleep(ctx, time.Second))
				}
				s.Abort(nil)
				equal(t, name+": time", took(ctx, func() { wantErr(t, u.end(t, ctx), service.ErrAborted) }), 0)
			})
		}
	}},
	{"an abort is not held up by a Stop that hangs, and others are released", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		d := &diary{}
		first := d.part("a")
		first.Stop = func(ctx context.Context) error {
			defer d.add("-a")
			return braid.Sleep(ctx, 100*time.Millisecond)
		}
		s := newService(service.Config{}, first, service.Component{Name: "mule", Stop: never(&leave)}, d.part("c"))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, time.Second))
			s.Abort(nil)
			var err error
			equal(t, "it took longer than the last moment", took(ctx, func() { err = u.end(t, ctx) }) > service.DefaultLastMoment, false)
			wantErr(t, err, service.ErrAborted)
			equal(t, "errors: that it was aborted, and what ran", len(listOf(err)), 2)
			equal(t, "releases", d.count("-a")+d.count("-c"), 2)
			equal(t, "one that takes its time has some", stateOf(s, "a"), service.Stopped)
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"an abort of a service that does not run does nothing", func(t *testing.T, ctx context.Context) {
		s := newService(service.Config{}, service.Component{Name: "job", Run: func(context.Context) error { return nil }})
		s.Abort(nil)
		must(t, s.Run(ctx))
		s.Abort(nil)
		must(t, s.Run(ctx))
	}},
}
