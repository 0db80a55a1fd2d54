package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const dialTime = 5 * time.Second // for the first answer

// Dial connects to target, which is
//
//   - a PID: the process is looked for in the runtime directory and, where there is /proc, in that of its container;
//   - the path of a socket, with or without "unix:" in front;
//   - the URL of a console, http://127.0.0.1:8081/ for one. The token is what stands behind #token=, or in $BRAID_INSPECT_TOKEN,
//     or in the token file of the process of this user that serves there;
//   - the path of a file with a snapshot. If the file is damaged, Dial returns a client for what could be read beside the [*SnapshotError].
//
// It asks for v1/info once, so that what is no inspector is found here.
func Dial(ctx context.Context, target string) (*Client, error) {
	return dialWith(ctx, target, os.Getenv)
}

// EnvToken is the environment variable in which [Dial] looks for the token of a URL.
const EnvToken = "BRAID_INSPECT_TOKEN"

func dialWith(ctx context.Context, target string, getenv func(string) string) (*Client, error) {
	switch pid, err := strconv.Atoi(target); {
	case target == "":
		return nil, errors.New("inspect: nothing to dial: it must be a PID, the path of a socket or of a file, or a URL")
	case err == nil:
		return dialPID(ctx, pid, getenv)
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
		return dialURL(ctx, target, getenv)
	}
	path, isSocket := strings.CutPrefix(target, "unix:")
	info, err := os.Stat(path)
	switch {
	case err != nil && errors.Is(err, fs.ErrNotExist):
		hint := ""
		if _, _, err := net.SplitHostPort(target); err == nil {
			hint = "; if it is an address, it begins with http://"
		}
		return nil, fmt.Errorf("inspect: there is no process, socket or file %q%s", target, hint)
	case err != nil:
		return nil, fmt.Errorf("inspect: %w", err)
	case isSocket || info.Mode()&fs.ModeSocket != 0:
		return dialSocket(ctx, path, "the process at "+path, nil)
	}
	return openFile(path)
}

func newClient(name, root string, t http.RoundTripper) *Client {
	return &Client{name: name, root: root, http: &http.Client{
		Transport: t,
		// No inspector sends its clients elsewhere, and the token is for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// dialSocket makes a client for the process that listens on a socket.
func dialSocket(ctx context.Context, path, name string, gone func() bool) (*Client, error) {
	var d net.Dialer
	c := newClient(name, "http://braid"+prefix+"v1/", &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
		DisableCompression: true,
	})
	c.gone = gone
	if err := c.greet(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// greet checks who answers.
func (c *Client) greet(ctx context.Context) error {
	ctx, stop := context.WithTimeoutCause(ctx, dialTime, fmt.Errorf("inspect: %s does not answer within %v", c.name, dialTime))
	defer stop()
	i, err := c.Info(ctx)
	switch {
	case err != nil:
		return err
	case i.Process.FormatVersion == 0:
		return fmt.Errorf("inspect: %s is no braid inspector", c.name)
	case i.Process.FormatVersion > FormatVersion:
		return fmt.Errorf("inspect: %s has records of version %d, and this program reads version %d; use a newer one", c.name, i.Process.FormatVersion, FormatVersion)
	}
	return nil
}

func dialURL(ctx context.Context, target string, getenv func(string) string) (*Client, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("inspect: %.100q is no URL of an inspector", target)
	}
	if u.RawQuery != "" {
		return nil, errors.New("inspect: the URL of an inspector has no query; the token stands behind #token=")
	}
	token, _ := strings.CutPrefix(u.Fragment, "token=")
	u.Fragment = ""
	token = cmp.Or(token, getenv(EnvToken), tokenOf(u.Host, getenv))
	if path := strings.TrimSuffix(u.Path, "/"); path != "" && path+"/" != prefix {
		return nil, fmt.Errorf("inspect: the inspector of %s is at %s, not at %s", u.Host, prefix, u.Path)
	}
	u.Path = prefix + "v1/"
	c := newClient(u.Host, u.String(), &http.Transport{DisableCompression: true})
	c.token = token
	if err := c.greet(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// tokenOf returns the token of a process of this user that serves at host.
func tokenOf(host string, getenv func(string) string) string {
	dir, err := runtimeDir(getenv)
	if err != nil || checkRuntimeDir(dir) != nil {
		return ""
	}
	list, _ := bases(dir)
	for _, b := range list {
		e, err := b.read()
		if err != nil || e.URL == "" || !b.alive() {
			continue
		}
		if u, err := url.Parse(e.URL); err == nil && u.Host == host {
			if text, err := readSmall(b.path(".token")); err == nil {
				return strings.TrimSpace(string(text))
			}
		}
	}
	return ""
}

// dialPID makes a client for a process.
func dialPID(ctx context.Context, pid int, getenv func(string) string) (*Client, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("inspect: %d is no PID", pid)
	}
	dir, err := runtimeDir(getenv)
	if err != nil {
		return nil, err
	}
	err = checkRuntimeDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	reused := false
	if err == nil {
		list, err := bases(dir)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if b.pid != pid {
				continue
			}
			if !b.alive() && !answers(b.path(".sock")) {
				reused = reused || pidAlive(pid)
				b.remove()
				continue
			}
			return dialBase(ctx, b)
		}
	}
	for _, b := range containerBases(pid) {
		return dialSocket(ctx, b.path(".sock"), "process "+strconv.Itoa(pid)+" in its container", func() bool { return !pidAlive(pid) })
	}
	switch {
	case reused:
		return nil, fmt.Errorf("inspect: process %d is another one now: the one that was inspected under that PID has ended", pid)
	case !pidAlive(pid):
		return nil, fmt.Errorf("inspect: there is no process %d", pid)
	default:
		return nil, fmt.Errorf("inspect: process %d has no inspector in %s: it must call inspect.Serve, as the same user and with the same %s", pid, dir, EnvRuntimeDir)
	}
}

// dialBase makes a client for a process in the runtime directory.
func dialBase(ctx context.Context, b base) (*Client, error) {
	name := "process " + strconv.Itoa(b.pid)
	e, err := b.read()
	if err == nil && e.Name != "" {
		name += " (" + e.Name + ")"
	}
	gone := func() bool { return !b.alive() }
	if err == nil && e.Socket == "" {
		if e.URL == "" {
			return nil, fmt.Errorf("inspect: %s has neither a socket nor a URL", name)
		}
		token, err := readSmall(b.path(".token"))
		if err != nil {
			return nil, err
		}
		c, err := dialURL(ctx, e.URL+"#token="+strings.TrimSpace(string(token)), func(string) string { return "" })
		if err != nil {
			return nil, err
		}
		c.name, c.gone = name, gone
		return c, nil
	}
	c, err := dialSocket(ctx, b.path(".sock"), name, gone)
	if errors.Is(err, syscall.ECONNREFUSED) && b.alive() {
		return nil, fmt.Errorf("inspect: %s lives, but nobody listens on its socket: its inspector has been closed, or is being opened (%w)", name, err)
	}
	return c, err
}

// containerBases finds the inspectors of a process whose files are in a container, through /proc/PID/root. There it may have another PID.
func containerBases(pid int) []base {
	proc := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(proc + "/status") //nolint:gosec // of a PID
	if err != nil {
		return nil
	}
	inner, uid := pid, ""
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 1 && fields[0] == "NSpid:":
			inner, _ = strconv.Atoi(fields[len(fields)-1])
		case len(fields) > 2 && fields[0] == "Uid:":
			uid = fields[2]
		}
	}
	env := make(map[string]string)
	if text, err := os.ReadFile(proc + "/environ"); err == nil { //nolint:gosec // of a PID
		for kv := range strings.SplitSeq(string(text), "\x00") {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
	}
	var dirs []string
	if dir := env[EnvRuntimeDir]; dir != "" {
		dirs = append(dirs, dir)
	}
	if dir := env["XDG_RUNTIME_DIR"]; dir != "" {
		dirs = append(dirs, filepath.Join(dir, "braid"))
	}
	dirs = append(dirs, filepath.Join(cmp.Or(env["TMPDIR"], "/tmp"), "braid-"+uid))
	var found []base
	for _, dir := range dirs {
		list, err := bases(filepath.Join(proc, "root", dir))
		if err != nil {
			continue
		}
		for _, b := range list {
			if b.pid == inner && b.start == startOf(pid) {
				found = append(found, b)
			}
		}
	}
	return found
}

// openFile makes a client for a snapshot in a file.
func openFile(path string) (*Client, error) {
	f, err := os.Open(path) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer f.Close()
	s, err := ReadSnapshot(f)
	if s == nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c := s.Client()
	c.name = path
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Client returns a client that answers from s alone, with the same API as a process.
// It knows nothing that needs a living process: events, series, stacks, and it cancels nothing.
func (s *Snapshot) Client() *Client {
	a := &api{gate: newGate(), file: s}
	return newClient("the snapshot of process "+strconv.Itoa(s.Process.PID), "http://file"+prefix+"v1/", inside{a.handler()})
}

// inside asks a handler of this program.
type inside struct{ h http.Handler }

func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	body, w := io.Pipe()
	out := &pipeAnswer{w: w, header: make(http.Header), begun: make(chan struct{})}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	go func() {
		t.h.ServeHTTP(out, in)
		out.WriteHeader(http.StatusOK)
		_ = w.Close()
	}()
	<-out.begun // a handler for a file does not wait for anybody
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.sent, Body: body, ContentLength: -1, Request: r,
	}, nil
}

// pipeAnswer is a ResponseWriter whose reader is in the same program. It ends when the reader closes the body.
type pipeAnswer struct {
	w      *io.PipeWriter
	header http.Header
	once   sync.Once
	begun  chan struct{} // closed when status and sent are there
	status int
	sent   http.Header
}

func (p *pipeAnswer) Header() http.Header { return p.header }

func (p *pipeAnswer) WriteHeader(status int) {
	p.once.Do(func() {
		p.status, p.sent = status, p.header.Clone()
		close(p.begun)
	})
}

func (p *pipeAnswer) Write(b []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	return p.w.Write(b)
}

// Running is a process in the runtime directory.
type Running struct {
	PID      int       `json:"pid"`
	Name     string    `json:"name"`
	Exe      string    `json:"exe,omitempty"`
	Instance string    `json:"instance"`
	Started  time.Time `json:"started"`
	Socket   string    `json:"socket,omitempty"`
	URL      string    `json:"url,omitempty"`   // without the token
	Error    string    `json:"error,omitempty"` // why it does not answer; "" if it does
}

// Processes lists the processes of this user that can be asked, the one started last first. dir is the runtime directory; "" means the default.
// It tries whether their sockets answer, and takes away what processes have left that have died.
// If the directory is not there, there are none. It is an error if the directory is not this user's alone.
func Processes(ctx context.Context, dir string) ([]Running, error) {
	if dir == "" {
		var err error
		if dir, err = runtimeDir(os.Getenv); err != nil {
			return nil, err
		}
	}
	if err := checkRuntimeDir(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	sweep(dir)
	list, err := bases(dir)
	if err != nil {
		return nil, err
	}
	found := make([]Running, len(list))
	var asks sync.WaitGroup // at the same time: one that is stopped takes long
	for i, b := range list {
		asks.Go(func() { found[i] = running(ctx, b) })
	}
	asks.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.SortFunc(found, func(a, b Running) int { return b.Started.Compare(a.Started) })
	return found, nil
}

// running asks a process who it is.
func running(ctx context.Context, b base) Running {
	r := Running{PID: b.pid}
	e, err := b.read()
	if err != nil {
		r.Error = "it has not said yet who it is"
		return r
	}
	r.Name, r.Exe, r.Instance, r.Started, r.Socket, r.URL = e.Name, e.Exe, e.Instance, e.Started, e.Socket, e.URL
	c, err := dialBase(ctx, b)
	if err != nil {
		r.Error = strings.TrimPrefix(err.Error(), "inspect: ")
		return r
	}
	_ = c.Close()
	return r
}

// Await listens on a socket at path until a program that was started with BRAID_INSPECT=connect:path dials it, and returns a client for that program.
// Close closes the socket. The directory of path should be this user's alone.
// If a second program dials it, as one may that the first has started, calls that reach that one fail, and say so.
//
// # Cancellation
//
// If ctx is done first, Await returns its cause and leaves no socket.
func Await(ctx context.Context, path string) (*Client, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("inspect: the path %s has %d bytes, and that of a socket may have %d", path, len(path), maxSocketPath)
	}
	ln, err := listenSocket(path)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	conns := make(chan net.Conn)
	var works sync.WaitGroup
	works.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if u, ok := c.(*net.UnixConn); ok && checkPeer(u) != nil {
				_ = c.Close()
				continue
			}
			select {
			case conns <- c:
			case <-life.Done():
				_ = c.Close()
				return
			}
		}
	})
	c := newClient("the program at "+path, "http://braid"+prefix+"v1/", &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			select {
			case c := <-conns:
				return c, nil
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-life.Done():
				return nil, net.ErrClosed
			}
		},
		DisableCompression: true,
	})
	c.close = sync.OnceValue(func() error {
		stop()
		err := ln.Close()
		works.Wait()
		return err
	})
	i, err := c.Info(ctx) // waits for the first connection
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	if i.Process.FormatVersion == 0 || i.Process.FormatVersion > FormatVersion {
		_ = c.Close()
		return nil, fmt.Errorf("inspect: the program at %s has records of version %d, and this program reads version %d", path, i.Process.FormatVersion, FormatVersion)
	}
	c.name = fmt.Sprintf("process %d (%s)", i.Process.PID, i.Process.Name)
	return c, nil
}
