package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

// ownDir is a runtime directory for an example. Programs leave Options.Dir empty, and the command finds them.
func ownDir() string {
	dir, err := os.MkdirTemp("", "braid")
	if err != nil {
		panic(err)
	}
	return dir
}

// dump is the snapshot of a small program in which audit waits for the semaphore that writer holds.
func dump() *inspect.Snapshot { return demoShop() }

// A program serves for as long as it runs. Here a client in the same program asks who waits; usually that is the command.
func ExampleServe() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()

	in, err := inspect.Serve(ctx, inspect.Options{Name: "shop", Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()

	_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		var ready braid.Event
		ready.SetName("ready")
		g.Go(func(ctx context.Context) error { return ready.Wait(ctx) }, braid.Name("server"))

		c, err := inspect.Dial(ctx, in.Socket())
		if err != nil {
			return err
		}
		defer c.Close()
		for {
			page, err := c.Tasks(ctx, url.Values{"state": {"blocked"}, "fresh": {"1"}})
			if err != nil {
				return err
			}
			if len(page.Items) > 0 {
				fmt.Println(page.Items[0].Path, "waits on", page.Items[0].WaitText)
				ready.Set()
				return nil
			}
		}
	}, braid.Name("shop"))
	// Output: shop/server waits on event.Wait ready
}

// With TCP, a browser sees the console. The token is in the part of the URL that browsers do not send.
func ExampleOptions() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	in, err := inspect.Serve(context.Background(), inspect.Options{
		Dir:   dir,
		TCP:   "127.0.0.1:0",
		Write: true, // let clients cancel tasks
		Rules: inspect.Rules{Wait: time.Minute, Allow: []string{"H3 shop/poller"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	u, _ := url.Parse(in.URL())
	fmt.Println(u.Hostname(), u.Path, strings.HasPrefix(u.Fragment, "token="))
	// Output: 127.0.0.1 /debug/tasks/ true
}

// A program that has a server of its own, with its own rules for who may ask what, mounts the handler there.
func ExampleInspector_Handler() {
	in, err := inspect.Serve(context.Background(), inspect.Options{NoSocket: true, Name: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	mux := http.NewServeMux()
	mux.Handle("/debug/tasks/", in.Handler())

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/tasks/v1/info", nil))
	var info inspect.Info
	if err := json.Unmarshal(w.Body.Bytes(), &info); err != nil {
		fmt.Println(err)
	}
	fmt.Println(w.Code, info.Process.Name)
	// Output: 200 shop
}

// A health check can look at what the inspector has found. Warnings and hints are for people.
func ExampleInspector_Findings() {
	in, err := inspect.Serve(context.Background(), inspect.Options{NoSocket: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	healthy := true
	for _, f := range in.Findings() {
		if f.Severity == "error" {
			fmt.Println(f.Code, f.Text)
			healthy = false
		}
	}
	fmt.Println("healthy:", healthy)
	// Output: healthy: true
}

// The numbers can stand beside a program's others: expvar.Publish("braid", in.Vars()).
func ExampleInspector_Vars() {
	in, err := inspect.Serve(context.Background(), inspect.Options{NoSocket: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	fmt.Println(strings.Contains(in.Vars().String(), `"tasks":`))
	// Output: true
}

// Each line of the log says which task has written it.
func ExampleLogHandler() {
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "task_id" {
			return slog.Attr{} // they differ from run to run
		}
		return a
	}})
	log := slog.New(inspect.LogHandler(plain))
	_ = braid.Run(context.Background(), func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			log.InfoContext(ctx, "vacuumed")
			return nil
		}, braid.Name("vacuum"))
		return nil
	}, braid.Name("store"))
	// Output: level=INFO msg=vacuumed task=store/vacuum
}

// A tool lists what can be asked, and asks it.
func ExampleProcesses() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	in, err := inspect.Serve(ctx, inspect.Options{Name: "shop", Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	list, err := inspect.Processes(ctx, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range list {
		fmt.Println(p.Name, p.PID == os.Getpid(), p.Error == "")
	}
	// Output: shop true true
}

// A file stands wherever a process can.
func ExampleDial() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "shop.ndjson")
	f, err := os.Create(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := errors.Join(inspect.WriteSnapshot(f, dump()), f.Close()); err != nil {
		fmt.Println(err)
		return
	}
	c, err := inspect.Dial(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	info, err := c.Info(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(info.Process.Name, info.Counts.Tasks, info.Live)
	// Output: shop 4 false
}

// A test, or a tool that starts a short program, waits for that program to come.
func ExampleAwait() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "tool.sock")
	os.Setenv(inspect.EnvInspect, "connect:"+path) // for the program, which is this one here
	defer os.Unsetenv(inspect.EnvInspect)
	in, err := inspect.Serve(context.Background(), inspect.Options{Name: "shop", NoSocket: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()

	c, err := inspect.Await(context.Background(), path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(strings.HasSuffix(c.Name(), "(shop)"))
	// Output: true
}

// The client of a snapshot gives the answers of the API without a process: as text for people, or as JSON.
func ExampleSnapshot_Client() {
	c := dump().Client()
	defer c.Close()
	if err := c.Get(context.Background(), "resources", nil, true, os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ID  KIND       NAME  IN USE  CAPACITY  HOLDERS  WAITING
	// 9   semaphore  db    1       1         1        2
}

// Get copies an answer as it is.
func ExampleClient_Get() {
	c := dump().Client()
	defer c.Close()
	if err := c.Get(context.Background(), "tasks", url.Values{"name": {"audit"}}, true, os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ID  STATE    FOR  TASK        WAITS ON
	// 4   blocked  2s   shop/audit  semaphore.Acquire db, 1st of 2
}

// Why goes from a task to what keeps it.
func ExampleClient_Why() {
	c := dump().Client()
	defer c.Close()
	why, err := c.Why(context.Background(), 4)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range why.Chains[0].Steps {
		fmt.Println(step.Path, step.Op)
	}
	// Output:
	// shop/audit semaphore.Acquire
	// shop/writer sleep
}

// Equal tasks are counted together.
func ExampleClient_Groups() {
	c := dump().Client()
	defer c.Close()
	page, err := c.Groups(context.Background(), url.Values{"group": {"wait"}, "state": {"blocked"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, g := range page.Items {
		fmt.Println(g.Count, g.Key["wait"])
	}
	// Output:
	// 2 semaphore.Acquire db
	// 1 sleep
}

// One task, with what it holds and what it waits for.
func ExampleClient_Task() {
	c := dump().Client()
	defer c.Close()
	d, err := c.Task(context.Background(), 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Path, "holds", d.Holds[0].Name)
	// Output: shop/writer holds db
}

// Events follow what happens, until the ctx ends or the process does.
func ExampleClient_Events() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	in, err := inspect.Serve(ctx, inspect.Options{Dir: dir, Interval: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	c, err := inspect.Dial(ctx, in.Socket())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	n := 0
	for e, err := range c.Events(ctx, 0, "point") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Type)
		if n++; n == 3 {
			break
		}
	}
	// Output:
	// hello
	// point
	// point
}

// A task that does not end is asked to from outside, if the program allows that.
func ExampleClient_Cancel() {
	dir := ownDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	in, err := inspect.Serve(ctx, inspect.Options{Dir: dir, Write: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	c, err := inspect.Dial(ctx, in.Socket())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_ = braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		job := g.Go(func(ctx context.Context) error {
			err := braid.Sleep(ctx, time.Hour)
			fmt.Println(err)
			return err
		}, braid.Name("import"))
		page, err := c.Tasks(ctx, url.Values{"name": {"nightly/import"}, "fresh": {"1"}})
		if err != nil {
			return err
		}
		if err := c.Cancel(ctx, page.Items[0].ID, "wrong file"); err != nil {
			return err
		}
		_ = job.Wait(ctx)
		return nil
	}, braid.Name("nightly"))
	// Output: cancelled through the inspector: wrong file
}

// What a file cannot tell is a Problem with a status.
func ExampleProblem() {
	c := dump().Client()
	defer c.Close()
	_, err := c.Series(context.Background(), 0)
	if p, ok := errors.AsType[*inspect.Problem](err); ok {
		fmt.Println(p.Status, p.Detail)
	}
	// Output: 501 a file cannot tell what has happened over time; ask a process
}

// A file that was cut off still tells what it has.
func ExampleReadSnapshot() {
	var b strings.Builder
	if err := inspect.WriteSnapshot(&b, dump()); err != nil {
		fmt.Println(err)
		return
	}
	whole, _, _ := strings.Cut(b.String(), `{"type":"resource"`)
	s, err := inspect.ReadSnapshot(strings.NewReader(whole))
	fmt.Println(len(s.Tasks), "tasks")
	fmt.Println(err)
	var e *inspect.SnapshotError
	fmt.Println(errors.As(err, &e) && e.Truncated)
	// Output:
	// 4 tasks
	// inspect: line 9 of the snapshot: it ends before its end record: it is truncated (7 records before it were read)
	// true
}

// A program writes its own snapshot, for instance when its shutdown takes too long.
func ExampleWriteSnapshot() {
	s := inspect.Take()
	var b strings.Builder
	if err := inspect.WriteSnapshot(&b, s); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.HasPrefix(b.String(), `{"type":"snapshot","format":"braid-snapshot","format_version":1`))
	// Output: true
}
