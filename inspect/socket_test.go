package inspect_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/inspect"
)

func TestServe_pathTooLong(t *testing.T) {
	dir := filepath.Join(shortDir(t), strings.Repeat("x", 90))
	_, err := inspect.Serve(background, inspect.Options{Dir: dir})
	wantError(t, err, "bytes", "shorter", "BRAID_RUNTIME_DIR")
	if left := files(t, dir); left != "" {
		t.Errorf("files are left: %s", left)
	}
}

// The files are there while it serves, closed to others, and gone afterwards. One process serves once in a directory.
func TestServe_files(t *testing.T) {
	braidtest.CheckLeaks(t)
	dir := filepath.Join(shortDir(t), "new")
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	in, err := inspect.Serve(ctx, inspect.Options{Dir: dir, Name: "shop", TCP: "127.0.0.1:0"})
	must(t, err)
	name := strings.TrimSuffix(filepath.Base(in.Socket()), ".sock")
	if !strings.HasPrefix(name, strconv.Itoa(os.Getpid())+"-") {
		t.Errorf("socket %s", in.Socket())
	}
	if got, want := files(t, dir), name+".json "+name+".sock "+name+".token"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	if runtime.GOOS != "windows" {
		for _, ext := range []string{".json", ".sock", ".token"} {
			if info, err := os.Stat(filepath.Join(dir, name+ext)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", ext, info.Mode(), err)
			}
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the directory: %v, %v", info.Mode(), err)
		}
	}
	_, err = inspect.Serve(ctx, inspect.Options{Dir: dir})
	wantError(t, err, "already", dir)
	if got := files(t, dir); strings.Count(got, " ") != 2 {
		t.Errorf("after a second Serve: %s", got)
	}
	list, err := inspect.Processes(ctx, dir)
	if err != nil || len(list) != 1 || list[0].PID != os.Getpid() || list[0].Name != "shop" || list[0].Error != "" || list[0].Instance == "" || !strings.HasPrefix(in.URL(), list[0].URL+"#token=") {
		t.Errorf("processes: %+v, %v", list, err)
	}
	cancel() // as Close does
	must(t, in.Close())
	if got := files(t, dir); got != "" {
		t.Errorf("files are left: %s", got)
	}
	if _, err := net.Dial("tcp", strings.Split(in.URL(), "/")[2]); err == nil {
		t.Error("the port is still open")
	}
	in, err = inspect.Serve(background, inspect.Options{Dir: dir})
	must(t, err)
	must(t, in.Close())
}

// What processes that have died left behind is taken away; what answers stays, whatever its PID seems to say, and so do files of others.
func TestServe_sweeps(t *testing.T) {
	dir := shortDir(t)
	dead := deadPID(t)
	stale := fmt.Sprintf("%d-1", dead)
	for _, ext := range []string{".sock", ".json", ".token", ".new"} {
		write(t, filepath.Join(dir, stale+ext), "{}")
	}
	reused := fmt.Sprintf("%d-1", os.Getpid()) // this PID, but an earlier process
	if inspect.StartOf(os.Getpid()) != "" {
		write(t, filepath.Join(dir, reused+".json"), "{}")
	}
	other := fmt.Sprintf("%d-2", dead) // of another container, where that PID is alive
	ln, err := net.Listen("unix", filepath.Join(dir, other+".sock"))
	must(t, err)
	defer ln.Close()
	write(t, filepath.Join(dir, "notes.json"), "mine")
	write(t, filepath.Join(dir, "1-1.txt"), "mine")
	list, err := inspect.Processes(background, dir)
	must(t, err)
	if len(list) != 1 || list[0].PID != dead || list[0].Error == "" {
		t.Errorf("processes: %+v", list)
	}
	if got, want := files(t, dir), "1-1.txt "+other+".sock notes.json"; got != want {
		t.Errorf("files %q, want %q", got, want)
	}
	write(t, filepath.Join(dir, stale+".json"), "{}")
	in, err := inspect.Serve(background, inspect.Options{Dir: dir})
	must(t, err)
	defer in.Close()
	if got := files(t, dir); strings.Contains(got, stale) {
		t.Errorf("after Serve: %s", got)
	}
}

// A process that has replaced its program with exec still has its PID and its start. What the program before has left is no other inspector's.
func TestServe_afterExec(t *testing.T) {
	starts := inspect.StartOf(os.Getpid())
	if starts == "" {
		if runtime.GOOS == "linux" {
			t.Fatal("Linux says when a process was started")
		}
		t.Skip("the system does not say when a process was started")
	}
	dir := shortDir(t)
	left := filepath.Join(dir, fmt.Sprintf("%d-%s", os.Getpid(), starts))
	write(t, left+".json", `{"pid":1,"instance":"0123"}`)
	write(t, left+".token", "old")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: left + ".sock", Net: "unix"})
	must(t, err)
	_, err = inspect.Serve(background, inspect.Options{Dir: dir})
	wantError(t, err, "already") // somebody answers
	ln.SetUnlinkOnClose(false)
	must(t, ln.Close())
	in, err := inspect.Serve(background, inspect.Options{Dir: dir})
	must(t, err)
	if got := files(t, dir); strings.Contains(got, ".token") {
		t.Errorf("files %q", got)
	}
	_, err = inspect.Serve(background, inspect.Options{Dir: dir})
	wantError(t, err, "already", "close that one first")
	must(t, in.Close())
	if got := files(t, dir); got != "" {
		t.Errorf("files %q after Close", got)
	}
}

// deadPID returns a PID that a process had that has ended.
func deadPID(t testing.TB) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	must(t, cmd.Run())
	pid := cmd.Process.Pid
	if inspect.PIDAlive(pid) {
		t.Fatalf("process %d has ended, and is said to live", pid)
	}
	return pid
}

func TestDial_noSuchProcess(t *testing.T) {
	dir := shortDir(t)
	env := map[string]string{"BRAID_RUNTIME_DIR": dir}
	dead := deadPID(t)
	write(t, filepath.Join(dir, fmt.Sprintf("%d-1.json", dead)), "{}")
	foreign := write(t, filepath.Join(dir, "foreign.txt"), "hello\n")
	cut := ndjsonText(t, demoShop())
	damaged := write(t, filepath.Join(dir, "damaged.ndjson"), cut[:len(cut)/2])
	for _, c := range []struct {
		target string
		want   []string
	}{
		{"", []string{"nothing to dial"}},
		{"0", []string{"no PID"}},
		{"-4", []string{"no PID"}},
		{strconv.Itoa(dead), []string{"no process " + strconv.Itoa(dead)}},
		{strconv.Itoa(os.Getpid()), []string{"has no inspector", dir, "inspect.Serve"}},
		{dir + "/nothing", []string{"no process, socket or file"}},
		{"127.0.0.1:8081", []string{"no process, socket or file", "begins with http://"}},
		{dir, []string{"is a directory"}},
		{foreign, []string{foreign, "line 1", "no snapshot"}},
		{damaged, []string{damaged, "truncated"}},
		{"unix:" + dir + "/nothing.sock", []string{"no process, socket or file"}},
		{"http://", []string{"no URL"}},
		{"http://127.0.0.1:1/debug/tasks/?token=x", []string{"#token="}},
		{"http://127.0.0.1:1/other/", []string{"/debug/tasks/"}},
		{"http://127.0.0.1:1/", []string{"127.0.0.1:1", "refused"}},
	} {
		cl, err := inspect.DialEnv(background, c.target, env)
		wantError(t, err, c.want...)
		if (cl != nil) != (c.target == damaged) {
			t.Errorf("%q: client %v", c.target, cl)
		}
		if cl != nil {
			p, err := cl.Tasks(background, nil)
			if err != nil || p.Total == 0 {
				t.Errorf("what could be read: %+v, %v", p, err)
			}
			cl.Close()
		}
	}
	if start := inspect.StartOf(os.Getpid()); start != "" {
		write(t, filepath.Join(dir, fmt.Sprintf("%d-1.json", os.Getpid())), "{}")
		_, err := inspect.DialEnv(background, strconv.Itoa(os.Getpid()), env)
		wantError(t, err, "is another one now")
		write(t, filepath.Join(dir, fmt.Sprintf("%d-%s.json", os.Getpid(), start)), "{}")
		_, err = inspect.DialEnv(background, strconv.Itoa(os.Getpid()), env)
		wantError(t, err, "neither a socket nor")
	}
}

// What listens there may be anything.
func TestDial_foreignServers(t *testing.T) {
	braidtest.CheckLeaks(t)
	for _, c := range []struct {
		name, answer, want string
	}{
		{"garbage", "\x00\x01garbage\r\n\r\n", "malformed"},
		{"silence", "", "EOF"},
		{"a page", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "no braid inspector"},
		{"other JSON", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "no braid inspector"},
		{"bad JSON", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{!", "invalid"},
		{"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "no answer of a braid inspector"},
		{"newer", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n" + `{"process":{"format_version":9}}`, "use a newer one"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "302"},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{", "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(shortDir(t), "s")
			ln, err := net.Listen("unix", path)
			must(t, err)
			var works sync.WaitGroup
			works.Go(func() {
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					http.ReadRequest(bufio.NewReader(conn))
					io.WriteString(conn, c.answer)
					conn.Close()
				}
			})
			_, err = inspect.Dial(background, path)
			wantError(t, err, c.want)
			ln.Close()
			works.Wait()
		})
	}
}

// All clients give the same answers: the socket, the URL, the PID, and a file with the same snapshot.
func TestDial_all(t *testing.T) {
	braidtest.CheckLeaks(t)
	dir := shortDir(t)
	env := map[string]string{"BRAID_RUNTIME_DIR": dir}
	in := start(t, inspect.Options{Dir: dir, TCP: "127.0.0.1:0"}, inspect.Fake{Take: demoShop})
	file := write(t, filepath.Join(shortDir(t), "shop.ndjson"), ndjsonText(t, demoShop()))
	pid := strconv.Itoa(os.Getpid())
	bare, _, _ := strings.Cut(in.URL(), "#")
	for _, target := range []string{in.Socket(), "unix:" + in.Socket(), in.URL(), bare, strings.TrimSuffix(bare, "debug/tasks/"), pid, file} {
		t.Run(target, func(t *testing.T) {
			c, err := inspect.DialEnv(background, target, env)
			must(t, err)
			defer c.Close()
			info, err := c.Info(background)
			must(t, err)
			if info.Process.Name != "shop" || info.Live != (target != file) || c.Name() == "" {
				t.Errorf("%s: %+v", c.Name(), info)
			}
			page, err := c.Tasks(background, map[string][]string{"name": {"audit"}})
			if err != nil || page.Total != 1 || page.Items[0].Path != "shop/audit" || page.Items[0].WaitText == "" {
				t.Errorf("tasks: %+v, %v", page, err)
			}
			groups, err := c.Groups(background, map[string][]string{"group": {"state"}})
			if err != nil || groups.Total != 2 {
				t.Errorf("groups: %+v, %v", groups, err)
			}
			if _, err := c.Groups(background, nil); err == nil {
				t.Error("groups of nothing")
			}
			task, err := c.Task(background, 4)
			if err != nil || task.Path != "shop/audit" {
				t.Errorf("task: %+v, %v", task, err)
			}
			tree, err := c.Tree(background, nil)
			if err != nil || tree.Tasks != 4 {
				t.Errorf("tree: %+v, %v", tree, err)
			}
			graph, err := c.Graph(background, nil)
			if err != nil || len(graph.Edges) == 0 {
				t.Errorf("graph: %+v, %v", graph, err)
			}
			why, err := c.Why(background, 4)
			if err != nil || why.Path != "shop/audit" || len(why.Chains) != 1 {
				t.Errorf("why: %+v, %v", why, err)
			}
			if why, err = c.WhyShutdown(background); err != nil || !why.Shutdown {
				t.Errorf("why shutdown: %+v, %v", why, err)
			}
			found, err := c.Findings(background)
			if err != nil || found.Items == nil {
				t.Errorf("findings: %+v, %v", found, err)
			}
			snap, err := c.Snapshot(background)
			if err != nil || ndjsonText(t, snap) == "" || len(snap.Tasks) != 4 {
				t.Errorf("snapshot: %+v, %v", snap, err)
			}
			var b strings.Builder
			if err := c.Get(background, "graph", map[string][]string{"format": {"dot"}}, false, &b); err != nil || !strings.HasPrefix(b.String(), "digraph") {
				t.Errorf("dot: %s, %v", b.String(), err)
			}
			var p *inspect.Problem
			if _, err := c.Task(background, 99); !errors.As(err, &p) || p.Status != 404 {
				t.Errorf("task 99: %v", err)
			}
			_, serr := c.Series(background, 0)
			_, terr := c.Stacks(background, 0)
			_, kerr := c.Stacks(background, 4)
			var eerr error
			for _, eerr = range c.Events(background, 0) {
				break
			}
			for what, err := range map[string]error{"series": serr, "stacks": terr, "stacks of 4": kerr, "events": eerr} {
				if target != file && err != nil {
					t.Errorf("%s: %v", what, err)
				}
				if target == file && (!errors.As(err, &p) || p.Status != 501) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := c.Cancel(background, 4, ""); !errors.As(err, &p) || (target == file) != (p.Status == 501) {
				t.Errorf("cancel: %v", err)
			}
			done, cancel := context.WithCancelCause(background)
			over := errors.New("over")
			cancel(over)
			if _, err := c.Info(done); !errors.Is(err, over) {
				t.Errorf("with a ctx that is done: %v", err)
			}
		})
	}
	// The answer of a file does not have to be read to its end.
	c := dial(t, file)
	must(t, c.Get(background, "snapshot.ndjson", nil, false, io.Discard))
	if err := c.Get(background, "tasks", nil, true, failing{io.ErrShortWrite}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that fails: %v", err)
	}
}

// A process that dies while it is watched is said to have died.
func TestClient_processDies(t *testing.T) {
	braidtest.CheckLeaks(t)
	dir := shortDir(t)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	wantText(t, line, dir)
	pid := strconv.Itoa(cmd.Process.Pid)
	env := map[string]string{"BRAID_RUNTIME_DIR": dir}
	c, err := inspect.DialEnv(background, pid, env)
	must(t, err)
	defer c.Close()
	if c.Name() != "process "+pid+" (child)" {
		t.Errorf("it is called %q", c.Name())
	}
	s := follow(t, c, 0)
	s.want("hello")
	must(t, cmd.Process.Kill())
	cmd.Wait()
	for {
		if _, err, ok := s.next(); err != nil {
			wantText(t, err.Error(), "process "+pid+" (child) has ended")
			break
		} else if !ok {
			t.Fatal("the stream ends without an error")
		}
	}
	_, err = c.Info(background)
	wantError(t, err, "has ended")
	if !strings.Contains(files(t, dir), pid) {
		t.Fatalf("it has left no files: %s", files(t, dir))
	}
	_, err = inspect.DialEnv(background, pid, env)
	wantError(t, err, "no process "+pid)
	if left := files(t, dir); left != "" {
		t.Errorf("files are left: %s", left)
	}
}

// A program that was told to dials the tool, and goes on to do so when the tool comes back.
func TestAwait(t *testing.T) {
	braidtest.CheckLeaks(t)
	path := filepath.Join(shortDir(t), "tool.sock")
	in := start(t, inspect.Options{NoSocket: true}, inspect.Fake{Env: map[string]string{"BRAID_INSPECT": "connect:" + path}})
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	defer cancel()
	for range 2 {
		c, err := inspect.Await(ctx, path)
		must(t, err)
		wantText(t, c.Name(), "process 4711 (shop)")
		s := follow(t, c, 0)
		s.want("hello")
		for range 20 { // more than one connection
			_, err := c.Tasks(ctx, nil)
			must(t, err)
		}
		s.stop()
		must(t, c.Close())
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket: %v", err)
		}
	}
	must(t, in.Close())
}

// A second program that dials the same tool, as one that was started by the first may, is not taken for it.
func TestAwait_twoPrograms(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "tool.sock")
	start(t, inspect.Options{NoSocket: true}, inspect.Fake{Env: map[string]string{"BRAID_INSPECT": "connect:" + path}})
	c, err := inspect.Await(background, path)
	must(t, err)
	defer c.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+dir, "BRAID_INSPECT=connect:"+path)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer stdin.Close()
	var streams []*stream
	defer func() {
		for _, s := range streams {
			s.stop()
		}
	}()
	for begun := time.Now(); ; {
		s := follow(t, c, 0) // keeps its connection, so that others are needed
		if len(streams) > 5 {
			streams[0].stop()
			streams = streams[1:]
		}
		streams = append(streams, s)
		e, err, _ := s.next()
		if err != nil && strings.Contains(err.Error(), "another program answers than process 4711 (shop)") {
			break
		}
		if err == nil && decode[inspect.Info](t, string(e.Data)).Process.Name != "shop" {
			t.Fatalf("the other program: %s", e.Data)
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("nothing is said of the other program; the last error is %v", err)
		}
	}
}

func TestAwait_cancel(t *testing.T) {
	braidtest.CheckLeaks(t)
	path := filepath.Join(shortDir(t), "tool.sock")
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(background)
	done := make(chan error)
	go func() {
		_, err := inspect.Await(ctx, path)
		done <- err
	}()
	for {
		if _, err := os.Stat(path); err == nil {
			break
		}
		runtime.Gosched()
	}
	cancel(over)
	if err := <-done; !errors.Is(err, over) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
	_, err := inspect.Await(background, filepath.Join(shortDir(t), strings.Repeat("x", 120)))
	wantError(t, err, "bytes")
}
