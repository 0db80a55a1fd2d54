package service_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// crashing returns a component whose Run fails after d, the first n times, and then goes on until it is told to stop.
func (d *diary) crashing(name string, n int, after time.Duration, how func(context.Context) error) service.Component {
	c := d.part(name)
	c.Restart = service.OnFailure
	c.Run = func(ctx context.Context) error {
		d.add(name)
		if d.count(name) > n {
			return untilDone(ctx)
		}
		if err := braid.Sleep(ctx, after); err != nil {
			return err
		}
		return how(ctx)
	}
	return c
}

// most is a Rand that draws the longest wait.
func most() float64 { return 1 }

// least is a Rand that draws the shortest wait.
func least() float64 { return 0 }

// restarted runs s for d and stops it, and returns what Run returns.
func restarted(t *testing.T, ctx context.Context, s *service.Service, d time.Duration) (err error) {
	t.Helper()
	with(t, ctx, func(ctx context.Context, g *braid.Group) {
		u := begin(g, s)
		must(t, braid.Sleep(ctx, d))
		s.Stop(nil)
		err = u.end(t, ctx)
	})
	return err
}

var restartCases = []testCase{
	{"one for one: a component that fails goes through all of its life again, and nobody else", func(t *testing.T, ctx context.Context) {
		for name, how := range map[string]func(context.Context) error{"error": fail, "panic": explode, "goexit": goexit} {
			d := &diary{}
			s := newService(service.Config{}, d.part("a"), d.crashing("b", 2, time.Second, how), d.part("c"))
			must(t, restarted(t, ctx, s, 10*time.Second))
			equal(t, name+": starts of a", d.count("+a"), 1)
			equal(t, name+": starts of b", d.count("+b"), 3)
			equal(t, name+": stops of b", d.count("-b"), 3)
			equal(t, name+": starts of c", d.count("+c"), 1)
			equal(t, name+": restarts", s.Status().Components[1].Restarts, 2)
			equal(t, name+": is kept as the last failure", s.Status().Components[1].Err != nil, true)
		}
	}},
	{"one for all: all are stopped in reverse order and started again in order", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		b := d.crashing("b", 1, time.Second, fail)
		a, c := d.part("a"), d.part("c")
		a.Ready, b.Ready, c.Ready = ok, ok, ok
		must(t, restarted(t, ctx, newService(service.Config{Strategy: service.OneForAll}, a, b, c), 10*time.Second))
		contains(t, d.all(), "+a", "c. -c -b a. -a +a", "c. -c -b a. -a")
		for _, name := range []string{"+a", "+b", "+c", "-a", "-b", "-c"} {
			equal(t, name, d.count(name), 2)
		}
	}},
	{"rest for one: those that were started later are restarted too", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{Strategy: service.RestForOne}, d.part("a"), d.crashing("b", 1, time.Second, fail), d.part("c"))
		must(t, restarted(t, ctx, s, 10*time.Second))
		equal(t, "starts of a", d.count("+a"), 1)
		equal(t, "starts of b", d.count("+b"), 2)
		equal(t, "starts of c", d.count("+c"), 2)
		contains(t, d.all(), "c. -c -b +b")
	}},
	{"the service is not ready while a component waits to be restarted", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{RestartDelay: 10 * time.Second, Rand: most}, d.crashing("b", 1, time.Second, fail))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 500*time.Millisecond))
			must(t, s.Ready())
			must(t, braid.Sleep(ctx, 5*time.Second))
			contains(t, s.Ready().Error(), "b is waiting")
			equal(t, "state", stateOf(s, "b"), service.Waiting)
			must(t, braid.Sleep(ctx, 6*time.Second))
			must(t, s.Ready())
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"the wait doubles up to a limit, with jitter, and begins anew after a good while", func(t *testing.T, ctx context.Context) {
		for name, c := range map[string]struct {
			rand func() float64
			part int // of the whole wait: half or all
		}{"most": {most, 1}, "least": {least, 2}} {
			var starts []time.Time
			runs := 0
			s := newService(service.Config{
				MaxRestarts: 100, RestartWindow: time.Minute, RestartDelay: time.Second, RestartMax: 3 * time.Second, Rand: c.rand,
			}, service.Component{Name: "a", Restart: service.OnFailure, Run: func(ctx context.Context) error {
				starts = append(starts, braid.Time(ctx))
				if runs++; runs == 5 {
					return errors.Join(braid.Sleep(ctx, time.Minute), errDown)
				}
				if runs == 6 {
					return untilDone(ctx)
				}
				return errDown
			}})
			must(t, restarted(t, ctx, s, 2*time.Minute))
			want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second, time.Minute + time.Second}
			for i, w := range want {
				if i == 4 {
					w -= time.Second / time.Duration(c.part) * time.Duration(c.part-1)
				} else {
					w /= time.Duration(c.part)
				}
				equal(t, name+": wait", starts[i+1].Sub(starts[i]), w)
			}
		}
	}},
	{"a crash loop hits the limit: the service stops, and says how often and why", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{MaxRestarts: 3, RestartWindow: time.Minute}, d.part("a"), d.crashing("b", 1000, time.Second, explode))
		err := s.Run(ctx)
		equal(t, "starts", d.count("+b"), 4)
		equal(t, "stops", d.count("-b"), 4)
		equal(t, "errors", len(listOf(err)), 1)
		e, ok := errors.AsType[*service.RestartError](err)
		if !ok || e.Component != "b" || e.Max != 3 || e.Window != time.Minute {
			t.Fatalf("error is %v", err)
		}
		contains(t, e.Error(), "component b would have to be restarted again, after 3 restarts within 1m0s: component b failed: task ", "panicked: boom")
		if p, ok := errors.AsType[*braid.PanicError](err); !ok || len(p.Stack) == 0 {
			t.Fatalf("the stack is lost in %v", err)
		}
		contains(t, d.all(), "-b a. -a")
	}},
	{"restarts that are further apart do not count", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{MaxRestarts: 1, RestartWindow: 5 * time.Second}, d.crashing("b", 5, 10*time.Second, fail))
		must(t, restarted(t, ctx, s, 2*time.Minute))
		equal(t, "starts", d.count("+b"), 6)
	}},
	{"the limit is for all components together", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{MaxRestarts: 3}, d.crashing("a", 2, time.Second, fail), d.crashing("b", 2, time.Second, fail))
		_, tooMany := errors.AsType[*service.RestartError](s.Run(ctx))
		equal(t, "it is too many", tooMany, true)
	}},
	{"the line that tells of a restart has the stack of the panic", func(t *testing.T, ctx context.Context) {
		d, log := &diary{}, &diary{}
		s := newService(service.Config{Log: slog.New(&lines{d: log})}, d.crashing("b", 1, time.Second, explode))
		must(t, restarted(t, ctx, s, 5*time.Second))
		equal(t, "lines", log.count("restarting b with a stack"), 1)
	}},
	{"OnFailure leaves alone what has done its work, Always does not", func(t *testing.T, ctx context.Context) {
		for _, c := range []struct {
			restart service.Restart
			runs    int
		}{{service.Never, 1}, {service.OnFailure, 1}, {service.Always, 3}} {
			d := &diary{}
			job := service.Component{Name: "job", Restart: c.restart, Stop: d.note("-job"), Run: func(ctx context.Context) error {
				if d.add("job"); d.count("job") < 3 {
					return nil
				}
				return untilDone(ctx)
			}}
			s := newService(service.Config{}, d.part("a"), job)
			with(t, ctx, func(ctx context.Context, g *braid.Group) {
				u := begin(g, s)
				must(t, braid.Sleep(ctx, time.Minute))
				equal(t, "runs", d.count("job"), c.runs)
				must(t, s.Ready())
				equal(t, "stops", d.count("-job"), c.runs-1)
				s.Stop(nil)
				must(t, u.end(t, ctx))
			})
			equal(t, "stops", d.count("-job"), c.runs)
		}
	}},
	{"a start that fails in a restart counts as another failure", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		part := d.crashing("b", 1, time.Second, fail)
		part.Start = func(context.Context) error {
			if d.add("+b"); d.count("+b") == 2 {
				return errDown
			}
			return nil
		}
		s := newService(service.Config{}, part)
		must(t, restarted(t, ctx, s, 10*time.Second))
		equal(t, "starts", d.count("+b"), 3)
		equal(t, "stops", d.count("-b"), 2)
		equal(t, "restarts", s.Status().Components[0].Restarts, 2)
	}},
	{"a start that always fails in a restart hits the limit", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		part := d.crashing("b", 1, time.Second, fail)
		part.Start = func(context.Context) error {
			if d.add("+b"); d.count("+b") > 1 {
				return errDown
			}
			return nil
		}
		err := newService(service.Config{MaxRestarts: 3}, d.part("a"), part).Run(ctx)
		e, ok := errors.AsType[*service.RestartError](err)
		if !ok || len(listOf(err)) != 1 {
			t.Fatalf("error is %v", err)
		}
		contains(t, e.Error(), "component b did not start")
		contains(t, d.all(), "a. -a")
	}},
	{"what does not stop is not started a second time beside itself", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		d := &diary{}
		mule := service.Component{Name: "mule", Start: d.note("+mule"), StopTimeout: time.Second, Run: never(&leave)}
		s := newService(service.Config{Strategy: service.OneForAll}, d.part("a"), mule, d.crashing("b", 10, time.Second, fail))
		err := s.Run(ctx)
		failureOf(t, err, "mule", service.InStop)
		equal(t, "starts", d.count("+mule"), 1)
		contains(t, d.all(), "a. -a")
		leave.Set()
		must(t, braid.Sleep(ctx, time.Second))
	}},
	{"a component that is restarted along with others, and fails to start, ends the service if it is not to be restarted itself", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		once := d.part("a")
		once.Start = func(context.Context) error {
			if d.add("+a"); d.count("+a") > 1 {
				return errDown
			}
			return nil
		}
		err := newService(service.Config{Strategy: service.OneForAll}, once, d.crashing("b", 1, time.Second, fail)).Run(ctx)
		failureOf(t, err, "a", service.InStart)
		equal(t, "errors", len(listOf(err)), 1)
		equal(t, "starts and stops of b", d.count("+b")+d.count("-b"), 2)
	}},
	{"a stop during a backoff does not wait for it", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{RestartDelay: time.Hour}, d.crashing("b", 1, time.Second, fail))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 2*time.Second))
			s.Stop(nil)
			equal(t, "time", took(ctx, func() { must(t, u.end(t, ctx)) }), 0)
		})
		equal(t, "starts", d.count("+b"), 1)
	}},
	{"a backoff of one holds up no other", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		s := newService(service.Config{RestartDelay: 10 * time.Second, RestartMax: 10 * time.Second, Rand: most},
			d.crashing("a", 1, time.Second, fail), d.crashing("b", 1, 5*time.Second, fail))
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, s)
			must(t, braid.Sleep(ctx, 12*time.Second))
			equal(t, "a runs again", d.count("+a"), 2)
			equal(t, "b waits", stateOf(s, "b"), service.Waiting)
			must(t, braid.Sleep(ctx, 4*time.Second))
			equal(t, "b runs again", d.count("+b"), 2)
			s.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"a failure to release in a restart is logged and does not end the service", func(t *testing.T, ctx context.Context) {
		d, log := &diary{}, &diary{}
		part := d.crashing("b", 1, time.Second, fail)
		part.Stop = func(context.Context) error {
			if d.add("-b"); d.count("-b") == 1 {
				return errDown
			}
			return nil
		}
		must(t, restarted(t, ctx, newService(service.Config{Log: slog.New(&lines{d: log})}, part), 10*time.Second))
		equal(t, "lines", log.count("failed to stop b"), 1)
	}},
	{"a failure of one that is stopped for the restart of another is logged", func(t *testing.T, ctx context.Context) {
		d, log := &diary{}, &diary{}
		first := true
		a := service.Component{Name: "a", Run: func(ctx context.Context) error {
			err := untilDone(ctx)
			if first {
				first, err = false, errDown
			}
			return err
		}}
		must(t, restarted(t, ctx, newService(service.Config{Log: slogTo(log), Strategy: service.OneForAll}, a, d.crashing("b", 1, time.Second, fail)), 10*time.Second))
		equal(t, "lines", log.count("failed while stopping a"), 1)
	}},
	{"if what has to stop for a restart does not, the failure that the restart was for comes first in the error", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		d := &diary{}
		s := newService(service.Config{Strategy: service.OneForAll}, service.Component{Name: "mule", StopTimeout: time.Second, Run: never(&leave)},
			d.crashing("b", 1, time.Second, fail))
		err := s.Run(ctx)
		equal(t, "errors", len(listOf(err)), 2)
		wantErr(t, listOf(err)[0], errDown)
		failureOf(t, err, "b", service.InRun)
		failureOf(t, err, "mule", service.InStop)
		leave.Set()
		must(t, braid.Sleep(ctx, time.Second))
	}},
}

func ok(context.Context) error { return nil }

// Services in services.
var treeCases = []testCase{
	{"a service is a component of another one, which restarts all of it", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		inner := newService(service.Config{Name: "inner", MaxRestarts: 1}, d.part("x"), d.crashing("y", 2, time.Second, fail))
		part := inner.Component()
		part.Restart = service.OnFailure
		outer := newService(service.Config{Name: "outer"}, d.part("a"), part)
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, 500*time.Millisecond))
			must(t, outer.Ready())
			must(t, braid.Sleep(ctx, 10*time.Second))
			equal(t, "starts of x", d.count("+x"), 2)
			equal(t, "starts of y", d.count("+y"), 3)
			equal(t, "starts of a", d.count("+a"), 1)
			must(t, outer.Ready())
			contains(t, outer.Status().Components[1].Tasks[1].Path, "outer/inner/x")
			outer.Stop(nil)
			must(t, u.end(t, ctx))
		})
		contains(t, d.all(), "x. -x a. -a")
	}},
	{"the inner service's components have their time to stop", func(t *testing.T, ctx context.Context) {
		slow := func(ctx context.Context) error { return braid.Sleep(ctx, 9*time.Second) }
		inner := newService(service.Config{Name: "inner"}, service.Component{Name: "x", Stop: slow}, service.Component{Name: "y", Stop: slow})
		outer := newService(service.Config{Name: "outer"}, inner.Component())
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, time.Second))
			outer.Stop(nil)
			equal(t, "time", took(ctx, func() { must(t, u.end(t, ctx)) }), 18*time.Second)
		})
	}},
	{"who is stuck in an inner service is named by its path", func(t *testing.T, ctx context.Context) {
		var leave braid.Event
		inner := newService(service.Config{Name: "inner"}, service.Component{Name: "mule", StopTimeout: time.Second, Run: never(&leave)})
		outer := newService(service.Config{Name: "outer"}, inner.Component())
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, time.Second))
			outer.Stop(nil)
			err := u.end(t, ctx)
			stuck, ok := errors.AsType[*braid.StuckError](err)
			if !ok || len(stuck.Tasks) != 1 {
				t.Fatalf("error is %v", err)
			}
			contains(t, stuck.Tasks[0].Path, "outer/inner/mule")
			leave.Set()
			must(t, braid.Sleep(ctx, time.Second))
		})
	}},
	{"the outer service sees whether the inner one is alive and ready", func(t *testing.T, ctx context.Context) {
		sick := errors.New("sick")
		inner := newService(service.Config{Name: "inner"}, service.Component{Name: "x", Run: untilDone, Alive: func(context.Context) error { return sick }})
		outer := newService(service.Config{Name: "outer"}, inner.Component())
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, 10*time.Second))
			must(t, outer.Ready())
			contains(t, outer.Alive().Error(), "outer is not alive: inner: inner is not alive: x: sick")
			outer.Stop(nil)
			must(t, u.end(t, ctx))
		})
	}},
	{"an abort of the outer service is one of the inner one, and leaves time for it", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		part := d.part("x")
		part.Run = func(ctx context.Context) error {
			return service.Shield(ctx, func(ctx context.Context) error {
				err := untilDone(ctx)
				d.add("shield over")
				return errors.Join(err, braid.Sleep(context.WithoutCancel(ctx), 100*time.Millisecond))
			})
		}
		part.Stop = func(ctx context.Context) error {
			defer d.add("-x")
			return braid.Sleep(ctx, 100*time.Millisecond)
		}
		inmost := newService(service.Config{Name: "inmost"}, service.Component{Name: "y", Run: untilDone, Stop: d.note("-y")})
		inner := newService(service.Config{Name: "inner"}, part, inmost.Component())
		outer := newService(service.Config{Name: "outer"}, d.part("a"), inner.Component())
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, time.Second))
			outer.Abort(nil)
			equal(t, "it took longer than the last moment", took(ctx, func() { wantErr(t, u.end(t, ctx), service.ErrAborted) }) > service.DefaultLastMoment, false)
		})
		equal(t, "releases", d.count("-x")+d.count("-y")+d.count("-a"), 3)
		equal(t, "shields", d.count("shield over"), 1)
		equal(t, "state", stateOf(outer, "inner"), service.Stopped)
	}},
	{"the end of its time is an abort of the inner service", func(t *testing.T, ctx context.Context) {
		d := &diary{}
		inner := newService(service.Config{Name: "inner"}, service.Component{Name: "x", Stop: d.note("-x"), Run: func(ctx context.Context) error {
			return service.Shield(ctx, untilDone)
		}})
		part := inner.Component()
		part.StopTimeout = 3 * time.Second
		outer := newService(service.Config{Name: "outer"}, part)
		with(t, ctx, func(ctx context.Context, g *braid.Group) {
			u := begin(g, outer)
			must(t, braid.Sleep(ctx, time.Second))
			outer.Stop(nil)
			var err error
			equal(t, "time", took(ctx, func() { err = u.end(t, ctx) }), 3*time.Second)
			contains(t, failureOf(t, err, "inner", service.InStop).Error(), "outer/inner/x (4s old")
			wantErr(t, failureOf(t, err, "inner", service.InRun), service.ErrAborted)
		})
		equal(t, "what has happened", d.all(), "-x")
		equal(t, "state", stateOf(outer, "inner"), service.Stopped)
	}},
	{"what is added after Component was called would have no time", func(t *testing.T, ctx context.Context) {
		inner := newService(service.Config{Name: "inner"})
		_ = inner.Component()
		wantPanic(t, "Add after Component", func() { inner.Add(service.Component{Name: "x", Run: untilDone}) })
	}},
}
