package inspect

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options says what [Serve] opens, and what it lets clients do. The zero value opens the socket, read-only, and nothing else.
type Options struct {
	// Name of the program. "" means the name of its executable.
	Name string

	// Dir is the runtime directory. "" means the one that docs/inspector.md describes. It is made if it is not there, in a directory that is.
	Dir string

	// NoSocket keeps the socket closed: the inspector is then reached through TCP and Handler only, and Processes does not list it.
	NoSocket bool

	// TCP is an address to serve on as well, such as "127.0.0.1:8081". "" means none.
	// Clients then need the token that URL has, and that is in a file with mode 0600 in the runtime directory. There is no encryption.
	TCP string

	// Hosts are names that clients may call the TCP server by, beside 127.0.0.1, [::1] and localhost, without a port.
	// TCP may be an address other than a loopback one only if there are some.
	Hosts []string

	// Write lets clients cancel tasks. Each time it is told to Logger.
	Write bool

	// Holders notes who holds the permits of every semaphore and read lock, and who uses every queue. Without it this is noted of those
	// that have a name (SetName) only, for it costs as much as an uncontended semaphore itself. Other locks always know who holds them.
	// What began before is not known either way. It stays so for the life of the program.
	Holders bool

	// Labels gives each goroutine of a task the pprof label "task", with the task's name, so that profiles show tasks.
	// Labels of goroutines are inherited: they are on what a task starts with a plain go statement, too.
	Labels bool

	// LabelIDs is as Labels, and adds "task_id", so that v1/stacks knows which goroutine is whose. Profiles then have a row for each task.
	LabelIDs bool

	// Interval between two looks at the tasks. 0 means 500 ms. A look that takes long makes the interval longer:
	// looks take at most a hundredth of the time, or a tenth while somebody asks.
	Interval time.Duration

	// Rules say what becomes a finding.
	Rules Rules

	// Redact changes the names of tasks, scopes and primitives, the texts of causes and errors, and the values of pprof labels beside stacks
	// before anybody sees them, if it is not nil. What it is given may be a name, a path of names, or a text in which they stand.
	// It is called on the inspector's goroutines, by several at a time, at most once a snapshot or answer for each text, and must not wait.
	// It does not change functions and files, nor what Logger is told, nor the labels in profiles that package runtime/pprof writes.
	Redact func(string) string

	// Logger hears of cancellations by clients and of failures of the inspector. nil means slog.Default().
	Logger *slog.Logger
}

// Inspector looks at the tasks of this process, and answers questions about them. [Serve] makes one.
type Inspector struct {
	api    *api
	base   base // its files; without a dir if there are none
	socket string
	url    string

	servers []*http.Server
	works   sync.WaitGroup // goroutines and connections
	close   func()         // once
}

// Serve starts an inspector and returns when clients can connect.
// It lives until ctx is done or Close is called; whichever comes first, Close waits until all of it has ended.
//
// It opens a socket in the runtime directory, where [Processes] and the command find it, and looks at the tasks
// about twice a second, also while nobody asks, so that findings and charts are there when somebody does.
// It runs on goroutines of its own, which are no tasks: it answers while all tasks are stuck, and while the event loop is.
// It never takes a lock that a task holds while it waits, and what clients do costs the program no more than a bounded part of its time and memory.
//
// With BRAID_INSPECT=off in the environment it opens nothing, looks at nothing, and is not an error: Handler then says so to whoever asks.
// With BRAID_INSPECT=connect:/path.sock it dials that socket as well, where a tool waits with [Await].
//
// It is an error if the runtime directory is not this user's alone, if its path is too long for a socket, if TCP cannot listen,
// or is not a loopback address and has no Hosts, if the rules make no sense, and if this process already serves in the same directory.
func Serve(ctx context.Context, o Options) (*Inspector, error) {
	return serve(ctx, o, liveHooks())
}

func serve(ctx context.Context, o Options, h hooks) (_ *Inspector, err error) {
	mode := h.getenv(EnvInspect)
	dial, connects := strings.CutPrefix(mode, "connect:")
	switch {
	case mode == "off":
		off := "the inspector is switched off: the program runs with " + EnvInspect + "=off"
		return &Inspector{api: &api{log: o.Logger, gate: newGate(), off: off}, close: func() {}}, nil
	case mode != "" && !connects:
		return nil, fmt.Errorf(`inspect: %s is %q; it must be "off" or "connect:" and the path of a socket`, EnvInspect, mode)
	case connects && dial == "":
		return nil, fmt.Errorf("inspect: %s lacks the path of a socket after \"connect:\"", EnvInspect)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	l, err := newLooker(h, o)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	in := &Inspector{api: &api{
		log: o.Logger, gate: newGate(), closing: life.Done(),
		looker: l, write: o.Write, turns: make(chan struct{}, 1), purse: purse{share: answerShare},
	}}
	shut := func() {
		stop()
		for _, s := range in.servers {
			_ = s.Close()
		}
		if in.base.dir != "" {
			in.base.remove()
		}
	}
	defer func() {
		if err != nil {
			shut()
			in.works.Wait()
		}
	}()
	if err := in.open(life, o, h.getenv); err != nil {
		return nil, err
	}
	if connects {
		in.serve(life, newDialer(life, dial), in.api.handler())
	}
	leave := func() {}
	if h.inspect != nil {
		leave = h.inspect(o.Holders, o.Labels || o.LabelIDs, o.LabelIDs)
	}
	in.works.Go(func() {
		defer leave()
		l.run(life)
	})
	once := sync.OnceFunc(shut)
	unlink := context.AfterFunc(ctx, once)
	in.close = func() {
		unlink()
		once()
	}
	return in, nil
}

// open opens the socket and the TCP port, and says in the runtime directory that they are there.
func (in *Inspector) open(life context.Context, o Options, getenv func(string) string) error {
	if o.NoSocket && o.TCP == "" {
		return nil
	}
	b, err := claimPlace(o.Dir, getenv)
	if err != nil {
		return err
	}
	if err := b.claim(); err != nil {
		return err
	}
	in.base = b
	p := process()
	e := entry{
		PID: p.PID, Start: b.start, Instance: p.Instance, Name: cmp.Or(o.Name, p.Name), Exe: p.Exe, Started: p.Started,
		FormatVersion: FormatVersion,
	}
	if !o.NoSocket {
		ln, err := listenSocket(b.path(".sock"))
		if err != nil {
			return err
		}
		in.socket, e.Socket = b.path(".sock"), b.path(".sock")
		in.serve(life, ln, in.api.handler())
	}
	if o.TCP != "" {
		ln, url, err := listenTCP(o)
		if err != nil {
			return err
		}
		token := random()
		e.URL, e.TokenFile = url, b.path(".token")
		in.url = url + "#token=" + token
		in.serve(life, ln, guard(in.api, token, ln.Addr(), o.Hosts))
		if err := os.WriteFile(e.TokenFile, []byte(token+"\n"), 0o600); err != nil {
			return fmt.Errorf("inspect: write the token: %w", err)
		}
	}
	return b.write(e)
}

// claimPlace makes the runtime directory, takes away what processes that have died left in it, and returns the place of this one.
func claimPlace(dir string, getenv func(string) string) (base, error) {
	if dir == "" {
		var err error
		if dir, err = runtimeDir(getenv); err != nil {
			return base{}, err
		}
	}
	if err := makeRuntimeDir(dir); err != nil {
		return base{}, err
	}
	sweep(dir)
	b := newBase(dir, os.Getpid())
	if path := b.path(".sock"); len(path) > maxSocketPath {
		return base{}, fmt.Errorf("inspect: the path %s has %d bytes, and that of a socket may have %d; choose a shorter directory with %s", path, len(path), maxSocketPath, EnvRuntimeDir)
	}
	return b, nil
}

// serve answers on ln with h until the inspector is closed. The limits keep clients from holding on to it.
func (in *Inspector) serve(life context.Context, ln net.Listener, h http.Handler) {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return life },
		ErrorLog:          slog.NewLogLogger(in.api.logger().Handler(), slog.LevelDebug), // what clients do wrong is no news for the program
		ConnState: func(_ net.Conn, state http.ConnState) { // a connection's goroutine tells of its beginning and its end
			switch state {
			case http.StateNew:
				in.works.Add(1)
			case http.StateClosed, http.StateHijacked:
				in.works.Done()
			case http.StateActive, http.StateIdle:
			}
		},
	}
	in.servers = append(in.servers, s)
	in.works.Go(func() { _ = s.Serve(&limited{Listener: ln, works: &in.works}) })
}

// Close ends the inspector: it closes all connections, takes its files away and returns when nothing of it is left. It is no error to call it again.
func (in *Inspector) Close() error {
	in.close()
	in.works.Wait()
	return nil
}

// Handler returns the API and the console, to be mounted at /debug/tasks/ of a server of one's own.
// It asks nobody who they are: whoever can reach that server can see the tasks, and cancel them if Options.Write says so.
// It refuses only what a browser sends on behalf of another site. After Close it answers 503.
func (in *Inspector) Handler() http.Handler { return in.api.handler() }

// Socket returns the path of the socket, or "" if there is none.
func (in *Inspector) Socket() string { return in.socket }

// URL returns where a browser finds the console, with the token behind the #, or "" without TCP.
// Whoever knows it can see the tasks: it is for the terminal, not for logs.
func (in *Inspector) URL() string { return in.url }

// Findings returns what the last look has found. It does not look itself, and does not wait.
func (in *Inspector) Findings() []Finding {
	l := in.api.looker
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.findings)
}
