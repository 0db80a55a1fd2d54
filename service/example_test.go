package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// silent keeps the log out of the examples' output.
var silent = slog.New(slog.DiscardHandler)

// say returns a function of a component that says what it does.
func say(what string) func(context.Context) error {
	return func(context.Context) error { fmt.Println(what); return nil }
}

// Components start in order, each when the one before is ready, and stop in reverse order.
func Example() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(
		service.Component{Name: "db", Start: say("open the database"), Stop: say("close the database")},
		service.Component{Name: "orders", Start: say("subscribe"), Stop: say("unsubscribe"), Run: func(ctx context.Context) error {
			return new(braid.Event).Wait(ctx) // until it is told to stop
		}},
		service.Component{Name: "job", Run: func(context.Context) error {
			fmt.Println("sell")
			svc.Stop(nil) // as a signal or the end of ctx would
			return nil
		}},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// open the database
	// subscribe
	// sell
	// unsubscribe
	// close the database
	// <nil>
}

// In a main function: os.Exit(svc.Main(context.Background())).
func ExampleService_Main() {
	svc := service.New(service.Config{Name: "migrate", Log: silent})
	svc.Add(service.Component{Name: "tables", Run: func(context.Context) error { return errors.New("no such column") }})
	fmt.Println("exit status", svc.Main(context.Background()))
	// Output: exit status 1
}

// A start that fails releases what was started before, and nothing else.
func ExampleService_Run_startFails() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(
		service.Component{Name: "db", Start: say("open"), Stop: say("close")},
		service.Component{Name: "queue", Start: func(context.Context) error { return errors.New("connection refused") }, Stop: say("never said")},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// open
	// close
	// shop: component queue did not start: task shop/queue/start: connection refused
}

// The end of ctx is the order to stop. Nobody's work is cut off by it, and a service that stops as it was told has not failed.
func ExampleService_Run_cancelled() {
	ctx, cancel := context.WithCancel(context.Background())
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{Name: "worker", Stop: say("released"), Run: func(ctx context.Context) error {
		cancel()
		err := new(braid.Event).Wait(ctx)
		fmt.Println("told to stop:", err)
		return err
	}})
	fmt.Println(svc.Run(ctx))
	// Output:
	// told to stop: context canceled
	// released
	// <nil>
}

// Safe release: whatever becomes of Run, Stop is called once for each Start that has succeeded, and not under a task that still uses it.
func ExampleComponent_release() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{
		Name:  "db",
		Start: say("acquired"),
		Run:   func(context.Context) error { panic("index out of range") },
		Stop:  say("released"),
	})
	err := svc.Run(context.Background())
	p, ok := errors.AsType[*braid.PanicError](err)
	fmt.Println(err)
	fmt.Println("with its stack:", ok && len(p.Stack) > 0)
	// Output:
	// acquired
	// released
	// shop: component db failed: task shop/db panicked: index out of range
	// with its stack: true
}

// Cancellation with cleanup: a worker that is told to stop finishes the item that it has in hand, within the component's time.
func ExampleShield() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{Name: "worker", StopTimeout: 5 * time.Second, Run: func(ctx context.Context) error {
		svc.Stop(nil)
		err := new(braid.Event).Wait(ctx) // cancelled in the middle
		return errors.Join(err, service.Shield(ctx, func(ctx context.Context) error {
			defer fmt.Println("the item is done")
			return braid.Sleep(ctx, time.Millisecond)
		}))
	}})
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// the item is done
	// <nil>
}

// A component that does not get ready is named, with what its tasks were waiting on.
func ExampleComponentError() {
	pool := braid.NewSemaphore(1)
	pool.SetName("connections")
	_ = pool.Acquire(context.Background(), 1)

	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{Name: "db", StartTimeout: 10 * time.Millisecond, Start: func(ctx context.Context) error {
		return pool.Acquire(ctx, 1)
	}})
	err := svc.Run(context.Background())
	if e, ok := errors.AsType[*service.ComponentError](err); ok {
		fmt.Println(e.Component, "in its", e.Phase, "after", e.Within)
		fmt.Println(e.Tasks[0].Path, "waits in", e.Tasks[0].Waiting)
		fmt.Println(errors.Is(err, service.ErrStartTimeout))
	}
	// Output:
	// db in its start after 10ms
	// shop/db/start waits in semaphore.Acquire connections
	// true
}

// A component that ignores the end of its ctx is listed when its time is over; the others are stopped, and Run returns.
func ExampleService_Run_stuck() {
	var leave braid.Event
	leave.SetName("a lock that nobody gives back")
	svc := service.New(service.Config{Name: "shop", Log: silent, StopTimeout: 10 * time.Millisecond, LastMoment: time.Millisecond})
	svc.Add(
		service.Component{Name: "db", Stop: say("close the database")},
		service.Component{Name: "mule", Run: func(ctx context.Context) error {
			svc.Stop(nil)
			return leave.Wait(context.WithoutCancel(ctx))
		}},
	)
	err := svc.Run(context.Background())
	if stuck, ok := errors.AsType[*braid.StuckError](err); ok {
		fmt.Println(stuck.Tasks[0].Path, "waits in", stuck.Tasks[0].Waiting)
	}
	leave.Set()
	// Output:
	// close the database
	// shop/mule waits in event.Wait a lock that nobody gives back
}

// A second signal aborts: everything is cancelled at once, shields included.
func ExampleService_Abort() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{Name: "import", StopTimeout: time.Hour, Stop: say("released"), Run: func(ctx context.Context) error {
		return service.Shield(ctx, func(ctx context.Context) error {
			svc.Stop(nil)
			svc.Abort(errors.New("a second Ctrl-C"))
			return braid.Sleep(ctx, time.Hour)
		})
	}})
	err := svc.Run(context.Background())
	fmt.Println(errors.Is(err, service.ErrAborted))
	if stuck, ok := errors.AsType[*braid.StuckError](err); ok {
		fmt.Println(stuck.Tasks[0].Path)
	}
	// Output:
	// released
	// true
	// shop/import
}

// A component that crashes is restarted after a wait, with all of its life; the others do not notice.
func ExampleRestart() {
	svc := service.New(service.Config{Name: "shop", Log: silent, RestartDelay: time.Millisecond})
	runs := 0
	svc.Add(
		service.Component{Name: "db", Start: say("open"), Stop: say("close")},
		service.Component{Name: "feed", Start: say("connect"), Stop: say("disconnect"), Restart: service.OnFailure, Run: func(context.Context) error {
			if runs++; runs < 3 {
				panic("unexpected message")
			}
			return nil // its work is done
		}},
	)
	fmt.Println(svc.Run(context.Background()), "after", svc.Status().Components[1].Restarts, "restarts")
	// Output:
	// open
	// connect
	// disconnect
	// connect
	// disconnect
	// connect
	// disconnect
	// close
	// <nil> after 2 restarts
}

// RestForOne restarts what was started after the component too, because it may depend on it.
func ExampleStrategy() {
	svc := service.New(service.Config{Name: "shop", Log: silent, Strategy: service.RestForOne, RestartDelay: time.Millisecond})
	runs := 0
	svc.Add(
		service.Component{Name: "db", Start: say("db starts")},
		service.Component{Name: "session", Start: say("session starts"), Restart: service.OnFailure, Run: func(ctx context.Context) error {
			if runs++; runs > 1 {
				return nil
			}
			for svc.Ready() != nil { // until the cache has started too
				_ = braid.Sleep(ctx, time.Millisecond)
			}
			return errors.New("session lost")
		}},
		service.Component{Name: "cache", Start: say("cache starts"), Stop: say("cache stops")},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// db starts
	// session starts
	// cache starts
	// cache stops
	// session starts
	// cache starts
	// cache stops
	// <nil>
}

// A crash loop ends: more than so many restarts within a window are too many.
func ExampleRestartError() {
	svc := service.New(service.Config{Name: "shop", Log: silent, MaxRestarts: 3, RestartWindow: time.Minute, RestartDelay: time.Millisecond})
	runs := 0
	svc.Add(service.Component{Name: "feed", Restart: service.Always, Run: func(context.Context) error {
		runs++
		return errors.New("bad credentials")
	}})
	err := svc.Run(context.Background())
	fmt.Println(runs, "runs")
	fmt.Println(err)
	// Output:
	// 4 runs
	// shop: component feed would have to be restarted again, after 3 restarts within 1m0s: component feed failed: task shop/feed: bad credentials
}

// Health is answered from what the last checks said, at once, whatever the components do.
func ExampleService_ReadyHandler() {
	svc := service.New(service.Config{Name: "shop", Log: silent, CheckEvery: time.Millisecond})
	get := func(h http.Handler) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Printf("%d %q\n", w.Code, w.Body)
	}
	checks := 0
	failed := make(chan struct{})
	svc.Add(service.Component{
		Name: "db",
		Ready: func(context.Context) error {
			if checks++; checks == 1 {
				return nil // it has started
			}
			if checks == 3 {
				close(failed)
			}
			return errors.New("too many connections")
		},
		Run: func(context.Context) error {
			<-failed
			get(svc.ReadyHandler())
			get(svc.AliveHandler())
			svc.Stop(nil)
			get(svc.ReadyHandler())
			return nil
		},
	})
	get(svc.ReadyHandler())
	_ = svc.Run(context.Background())
	// Output:
	// 503 "not ready\nit does not run\n"
	// 503 "not ready\ndb: too many connections\n"
	// 200 "alive\n"
	// 503 "not ready\nit stops\n"
}

// A background task that is done again and again. A failure of one run is a line in the log.
func ExamplePeriodic() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	runs := 0
	svc.Add(service.Periodic(service.PeriodicConfig{
		Name: "cleanup", Every: time.Millisecond, AtOnce: true, Jitter: 0.1, Timeout: time.Second, KeepGoing: true, Log: silent,
		Do: func(context.Context) error {
			if runs++; runs == 3 {
				svc.Stop(nil)
			}
			return errors.New("disk full")
		},
	}))
	fmt.Println(svc.Run(context.Background()), runs >= 3)
	// Output: <nil> true
}

// A server of another package: one function that serves, and one that makes it return.
func ExampleServe() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := &http.Server{ReadHeaderTimeout: time.Second}
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(
		service.Component{Name: "admin", Run: service.Serve(func() error { return srv.Serve(listener) }, func(ctx context.Context) error {
			defer fmt.Println("shut down")
			return srv.Shutdown(ctx)
		})},
		service.Component{Name: "job", Run: func(context.Context) error { svc.Stop(nil); return nil }},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// shut down
	// <nil>
}

// An HTTP server whose requests are tasks, with health beside them.
func ExampleHTTP() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s from %s\n", r.PathValue("name"), braid.Current(r.Context()).Path())
	})
	svc := service.New(service.Config{Name: "shop", Log: silent})
	var url string
	svc.Add(
		service.HTTP(service.HTTPConfig{
			Addr: "127.0.0.1:0", Handler: mux, Log: silent,
			Always:   map[string]http.Handler{"GET /readyz": svc.ReadyHandler(), "GET /livez": svc.AliveHandler()},
			OnListen: func(addr net.Addr) { url = service.URL(addr) },
		}),
		service.Component{Name: "client", Run: func(ctx context.Context) error {
			defer svc.Stop(nil)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/hello/Ada", http.NoBody)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(os.Stdout, resp.Body)
			return err
		}},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// hello Ada from shop/http/GET /hello/{name}
	// <nil>
}

// A tree of supervisors: when the inner service gives up, the outer one restarts it with all that is in it.
func ExampleService_Component() {
	var outer *service.Service
	ready := func(ctx context.Context) { // waits until all has started
		for outer.Ready() != nil && braid.Sleep(ctx, time.Millisecond) == nil {
		}
	}
	inner := service.New(service.Config{Name: "feeds", Log: silent})
	runs := 0
	inner.Add(
		service.Component{Name: "login", Start: say("log in"), Stop: say("log out")},
		service.Component{Name: "prices", Run: func(ctx context.Context) error {
			if runs++; runs == 1 {
				ready(ctx)
				return errors.New("session expired")
			}
			fmt.Println(braid.Current(ctx).Path(), "runs again")
			outer.Stop(nil)
			return nil
		}},
	)
	feeds := inner.Component()
	feeds.Restart = service.OnFailure

	outer = service.New(service.Config{Name: "shop", Log: silent, RestartDelay: time.Millisecond})
	outer.Add(feeds)
	fmt.Println(outer.Run(context.Background()))
	// Output:
	// log in
	// log out
	// log in
	// shop/feeds/prices runs again
	// log out
	// <nil>
}

// Status says who is in which state, and what runs there.
func ExampleService_Status() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(
		service.Component{Name: "db", Stop: say("closed")},
		service.Component{Name: "report", Run: func(context.Context) error {
			for _, c := range svc.Status().Components[:1] {
				fmt.Println(c.Name, c.State, c.Restarts, c.Err)
			}
			return nil
		}},
	)
	_ = svc.Run(context.Background())
	fmt.Println(svc.Status().State)
	// Output:
	// db running 0 <nil>
	// closed
	// stopped
}

// With a drain delay, the service says that it is not ready for a while before it stops anything.
func ExampleConfig_drain() {
	svc := service.New(service.Config{Name: "shop", Log: silent, Drain: 10 * time.Millisecond, StopWithin: 25 * time.Second})
	svc.Add(service.Component{Name: "http", Run: func(ctx context.Context) error {
		for svc.Ready() != nil {
			_ = braid.Sleep(ctx, time.Millisecond)
		}
		begin := braid.Time(ctx)
		svc.Stop(nil)
		fmt.Println(svc.Ready(), ctx.Err())
		err := new(braid.Event).Wait(ctx)
		fmt.Println(braid.Time(ctx).Sub(begin) >= 10*time.Millisecond)
		return err
	}})
	_ = svc.Run(context.Background())
	// Output:
	// shop is not ready: it stops <nil>
	// true
}

// Alive is for the platform: it should replace the process.
func ExampleService_Alive() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(service.Component{
		Name:  "worker",
		Alive: func(context.Context) error { return errors.New("no progress for an hour") },
		Run: func(ctx context.Context) error {
			for svc.Alive() == nil { // until the check has been made
				_ = braid.Sleep(ctx, time.Millisecond)
			}
			fmt.Println(svc.Alive())
			svc.Stop(nil)
			return nil
		},
	})
	_ = svc.Run(context.Background())
	// Output: shop is not alive: worker: no progress for an hour
}

// The reasons of a HealthError are for a page, one line each.
func ExampleHealthError() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	svc.Add(
		service.Component{Name: "first", Start: func(context.Context) error {
			if e, ok := errors.AsType[*service.HealthError](svc.Ready()); ok {
				for _, reason := range e.Reasons {
					fmt.Println(reason)
				}
			}
			return nil
		}},
		service.Component{Name: "second", Run: func(context.Context) error { return nil }},
	)
	_ = svc.Run(context.Background())
	// Output:
	// first is starting
	// second is idle
}

// A handler that makes its requests tasks by itself: those in Work are waited for when the server stops, those in Always are not.
func ExampleHTTPScope() {
	svc := service.New(service.Config{Name: "shop", Log: silent})
	var url string
	svc.Add(
		service.HTTP(service.HTTPConfig{
			Addr: "127.0.0.1:0", Log: silent,
			OnListen: func(addr net.Addr) { url = service.URL(addr) },
			Routes: func(s service.HTTPScope) http.Handler {
				work := braid.NewPortal(s.Work)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if s.Stopping.IsSet() {
						http.Error(w, "stopping", http.StatusServiceUnavailable)
						return
					}
					_ = work.Do(r.Context(), func(ctx context.Context) error {
						_, err := fmt.Fprintln(w, braid.Current(ctx).Path())
						return err
					}, braid.Name("order"))
				})
			},
		}),
		service.Component{Name: "client", Run: func(context.Context) error {
			defer svc.Stop(nil)
			resp, err := http.Get(url)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(os.Stdout, resp.Body)
			return err
		}},
	)
	fmt.Println(svc.Run(context.Background()))
	// Output:
	// shop/http/order
	// <nil>
}

// What a component's ctx has ended with says why the service stops.
func ExampleSignalError() {
	var err error = &service.SignalError{Signal: os.Interrupt}
	if e, ok := errors.AsType[*service.SignalError](err); ok {
		fmt.Println(e, e.Signal == os.Interrupt)
	}
	// Output: service: signal: interrupt true
}
