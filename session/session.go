package session

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
	"github.com/braid-go/braid/resilience"
)

// Session makes HTTP requests. Make one with [Run] or [Open]. All methods may be called from any goroutine.
type Session struct {
	config   Config
	base     *url.URL     // nil if there is none
	client   *http.Client // around s
	tries    http.RoundTripper
	direct   *http.Transport
	breakers *resilience.Keyed[string, *resilience.Breaker]  // nil if there are none
	slots    *resilience.Keyed[string, *resilience.Bulkhead] // nil if there are none
	outside  *braid.Limiter                                  // for tasks of other schedulers

	portal  *braid.Portal // into the scope of the session
	keeper  *braid.Handle // the task that the session is
	closing braid.Event   // somebody wants it closed

	mu     sync.Mutex
	closed bool                   // nothing new may begin
	open   map[*exchange]struct{} // tries under way
	conns  map[*conn]struct{}     // connections that net/http has not done with
	gone   braid.Event            // closed, and conns is empty
	leak   *LeakError             // what close found

	requests, attempts, retries, hedges, opened atomic.Uint64
	running                                     atomic.Int64
}

// Run opens a session, calls fn with it, and closes it when fn has returned: it is a scope, and when Run returns nothing is left of it.
// The result is fn's error, joined with the [*LeakError] of [Session.Close] if there is one.
// A BaseURL that is none is an error; Run panics if numbers in the config make no sense, or if fn is nil. A panic of fn passes through as a [*braid.PanicError].
//
// # Cancellation
//
// If ctx is done already, Run returns its cause and does not call fn. If ctx ends later, all requests are cancelled,
// and Run returns what fn returns.
func Run(ctx context.Context, config Config, fn func(context.Context, *Session) error) error {
	if fn == nil {
		panic("session: Run needs a function; the one given is nil")
	}
	var err error
	var opts []braid.RunOption
	if braid.Current(ctx) == nil {
		opts = append(opts, braid.Name("session.Run")) // it is a task of its own then
	}
	entered := false
	scope := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		entered = true
		err = within(ctx, g, config, fn) // not as the error of a scope: it should come back as it is
		return nil
	}, opts...)
	if !entered {
		return scope
	}
	return err
}

// within opens a session in g, calls fn, and closes it.
func within(ctx context.Context, g *braid.Group, config Config, fn func(context.Context, *Session) error) error {
	s, err := Open(ctx, g, config)
	if err != nil {
		return err
	}
	err = fn(ctx, s)
	if ctx.Err() != nil { // it ends with the scope, and reports nothing: whoever has a body has been told to stop, too
		return err
	}
	if leak := s.Close(ctx); leak != nil {
		return errors.Join(err, leak)
	}
	return err
}

// Open puts a session into g, as a task that has the name of the config. The session ends with [Session.Close] or with g's scope:
// g's Run waits for it, so the session of a scope that is not cancelled must be closed. In a limited group it takes a slot for as long.
// A BaseURL that is none is an error; Open panics if numbers in the config make no sense.
//
// # Cancellation
//
// If ctx is done already, Open returns its cause, and there is no session.
func Open(ctx context.Context, g *braid.Group, config Config) (*Session, error) {
	config, base, err := config.filled()
	if err != nil {
		return nil, err
	}
	s := newSession(config, base)
	return braid.Start(ctx, g, func(ctx context.Context, ready func(*Session)) error {
		s.keeper = braid.Current(ctx)
		_, err := inGoroutines(ctx, s.outside, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, s.live(ctx, ready)
		})
		return err
	}, braid.Name(config.Name))
}

func newSession(config Config, base *url.URL) *Session {
	s := &Session{
		config: config, base: base,
		open: make(map[*exchange]struct{}), conns: make(map[*conn]struct{}),
		outside: braid.NewLimiter(config.Name, 1<<20),
	}
	s.closing.SetName(config.Name)
	s.gone.SetName("connections of " + config.Name)
	s.client = s.Client()
	s.direct = s.transport()
	s.tries = s.direct
	if config.Wrap != nil {
		if s.tries = config.Wrap(s.tries); s.tries == nil {
			panic("session: Config.Wrap returned nil: it must return a RoundTripper")
		}
	}
	if config.Breaker != nil {
		s.breakers = resilience.NewKeyed(config.Limits.Hosts, func(host string) *resilience.Breaker {
			c := *config.Breaker
			c.Name = host
			return resilience.NewBreaker(c)
		})
	}
	if n := min(config.Limits.Requests, math.MaxInt32); n > 0 { // more are as good as no limit
		s.slots = resilience.NewKeyed(config.Limits.Hosts, func(host string) *resilience.Bulkhead {
			return resilience.NewBulkhead(resilience.BulkheadConfig{Name: host, Slots: n, Queue: max(0, config.Limits.Queue)})
		})
	}
	return s
}

// transport returns the http.Transport of s. All of its connections are made by s.dial and counted.
func (s *Session) transport() *http.Transport {
	c := s.config
	t := &http.Transport{
		Proxy:       c.Proxy,
		DialContext: s.dial,
		// With a custom dialer, net/http leaves HTTP/2 out unless it is told otherwise.
		ForceAttemptHTTP2:      c.Protocols == nil,
		Protocols:              c.Protocols,
		MaxConnsPerHost:        max(0, c.Limits.Conns),
		MaxIdleConnsPerHost:    c.Limits.IdleConns, // negative means none here, too
		IdleConnTimeout:        max(0, c.Limits.IdleTime),
		TLSHandshakeTimeout:    max(0, c.Timeouts.Connect), // through a proxy; else s.dialTLS has it
		MaxResponseHeaderBytes: c.Limits.HeaderBytes,
	}
	t.TLSClientConfig = c.TLS.Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.DialTLSContext = s.dialTLS
	return t
}

// inGoroutines calls fn where it may block a goroutine.
func inGoroutines[T any](ctx context.Context, lim *braid.Limiter, fn func(context.Context) (T, error)) (T, error) {
	if sched.From(ctx) == nil {
		return fn(ctx)
	}
	return braid.Offload(ctx, lim, fn)
}

// live is the life of the session, a scope in which its requests are tasks.
func (s *Session) live(ctx context.Context, ready func(*Session)) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		s.portal = braid.NewPortal(g)
		ready(s)
		err := s.closing.Wait(ctx)
		s.shut(ctx, g, err == nil)
		return err // of the scope around, if it has ended; that is no failure
	}, braid.KeepGoing())
}

// closeGrace bounds the wait for net/http to let go of its connections, which it does as soon as they are closed.
const closeGrace = 10 * time.Second

// shut ends all that there is, and waits for the connections. The requests, which are tasks of g, are joined by its Run.
func (s *Session) shut(ctx context.Context, g *braid.Group, wanted bool) {
	s.mu.Lock()
	s.closed = true
	leak := &LeakError{Session: s.config.Name}
	open := make([]*exchange, 0, len(s.open))
	for x := range s.open {
		open = append(open, x)
		if b, ok := x.leaked(); ok && wanted {
			leak.Bodies = append(leak.Bodies, b)
		}
	}
	if len(s.conns) == 0 {
		s.gone.Set()
	}
	s.mu.Unlock()

	g.Cancel(ErrClosed)
	for _, x := range open {
		x.breakOff(ErrClosed)
	}
	s.direct.CloseIdleConnections()
	s.mu.Lock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.Conn.Close() // not c.Close, by which net/http says that it is done with it
	}
	err := braid.Shield(ctx, closeGrace, s.gone.Wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		leak.Conns = len(s.conns)
	}
	if leak.Conns > 0 || len(leak.Bodies) > 0 {
		s.leak = leak
	}
}

// Close ends the session, and returns when nothing is left of it: requests under way fail with [ErrClosed], waiting ones too,
// bodies break off with it, connections are closed, tasks are joined.
// If a body was neither closed nor read to its end, the error is a [*LeakError] that lists it.
// Closing again waits, too, and returns the same.
//
// Whatever Close waits for has been told to stop. What can hold it up is code of the caller that does not: a Dial, a Wrap, a request body.
// What runs in a request, such as Wrap and OnEvent, must not wait for it.
//
// # Cancellation
//
// If ctx ends first, or is done already, Close returns its cause. The session goes on closing.
func (s *Session) Close(ctx context.Context) error {
	s.closing.Set()
	if err := s.keeper.Wait(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leak == nil {
		return nil
	}
	return s.leak
}

// Statistics is a snapshot of a session.
type Statistics struct {
	Requests uint64 // so far; a redirect is one more
	Attempts uint64 // tries that were sent
	Retries  uint64 // tries that were retries
	Hedges   uint64 // tries that were hedges
	Running  int    // requests that wait for their response
	Bodies   int    // responses whose bodies have not ended
	Conns    int    // connections that are open
	Opened   uint64 // connections so far
	Breakers resilience.KeyedStatistics
	Limits   resilience.KeyedStatistics // of the queues for Limits.Requests
}

// Statistics returns a snapshot.
func (s *Session) Statistics() Statistics {
	st := Statistics{
		Requests: s.requests.Load(), Attempts: s.attempts.Load(), Retries: s.retries.Load(), Hedges: s.hedges.Load(),
		Opened: s.opened.Load(), Running: int(s.running.Load()),
	}
	if s.breakers != nil {
		st.Breakers = s.breakers.Statistics()
	}
	if s.slots != nil {
		st.Limits = s.slots.Statistics()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Conns = len(s.conns)
	for x := range s.open {
		if x.body.Load() != nil {
			st.Bodies++
		}
	}
	return st
}

// Breaker returns the breaker of the host of a URL, to look at it or to isolate it. It returns nil if the session has none,
// or if the URL has no host, even with the BaseURL.
func (s *Session) Breaker(rawURL string) *resilience.Breaker {
	u, err := url.Parse(rawURL)
	if err != nil || s.breakers == nil {
		return nil
	}
	if u, err = s.resolve(u); err != nil {
		return nil
	}
	return s.breakers.Get(originOf(u))
}
