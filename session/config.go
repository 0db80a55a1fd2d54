package session

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/braid-go/braid/resilience"
)

// What a [Config] means by 0.
const (
	DefaultTotal    = 5 * time.Minute
	DefaultConnect  = 10 * time.Second
	DefaultHeader   = 30 * time.Second
	DefaultIdleRead = time.Minute

	DefaultIdleConns   = 10
	DefaultIdleTime    = 90 * time.Second
	DefaultQueue       = 1000
	DefaultHosts       = 1000
	DefaultBody        = 64 << 20
	DefaultHeaderBytes = 1 << 20
	DefaultDrain       = 64 << 10
	DefaultRedirects   = 10
)

// Config says what a [Session] does. Its zero value is usable: time limits and bounded bodies, and neither retries, breakers nor hedges.
type Config struct {
	// Name stands in errors and tools; "" means "session".
	Name string

	// BaseURL is what the URLs of requests are relative to, as links are to a page (RFC 3986). It must be absolute. Its path must
	// end in a slash, for a link replaces what comes after the last one.
	BaseURL string

	// Header is added to each request, except for fields that the request has itself. With a BaseURL, requests to other
	// origins get only those fields that tell nobody's secrets: Accept and its like, User-Agent. Without one, that holds for redirects to
	// another origin than that of the first request. Host and Content-Length are not set here, but in the request.
	Header http.Header

	// Jar keeps cookies; nil means that they are not kept. Only [Session.Do], what is built on it, and [Session.Client] use it.
	Jar http.CookieJar

	Timeouts Timeouts
	Limits   Limits

	// Retry repeats requests that may be repeated; nil means that none are. Its field Idempotent has no meaning here: the request
	// says whether it may be repeated, by its method (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), by a header Idempotency-Key, or by
	// [Options]. Any other is repeated only if no connection could be made for it. A request with a body needs a GetBody,
	// which http.NewRequest sets for bodies that are in memory. Its field If is asked about a status as a [*StatusError], without the Body.
	Retry *resilience.Retry

	// RetryStatus are the status codes that are retried; nil means 408, 429, 502, 503 and 504.
	// If the last try has one of them, its response is the result.
	RetryStatus []int

	// Expect is the least time that is of use to a try. With it, nothing is started that cannot finish: neither a try, nor
	// a wait that would leave less than that before the deadline, nor a hedge.
	Expect time.Duration

	// Breaker is the config of the breakers, one for each host; nil means that there are none. Their Name is
	// that of the origin, such as https://api.example:443.
	// Failures are requests that got no response, and responses with a status of 500 and more, except for 501.
	Breaker *resilience.BreakerConfig

	// Hedge starts safe requests – GET, HEAD, OPTIONS, TRACE – a second time if they are slow; nil means that none are.
	Hedge *Hedge

	// StatusErrors makes a status of 400 and more an error, a [*StatusError], of [Session.Do] and what is built on it.
	StatusErrors bool

	// TLS is the config of connections with TLS; nil means the defaults of package tls.
	TLS *tls.Config

	// Protocols are those of http.Transport; nil means HTTP/1 and, with TLS, HTTP/2.
	Protocols *http.Protocols

	// Proxy chooses a proxy for a request; nil means that there is none. http.ProxyFromEnvironment is one.
	Proxy func(*http.Request) (*url.URL, error)

	// Dial connects to an address; nil means that of a net.Dialer. One that does not return when its ctx ends holds up Close.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Wrap, if not nil, stands around the transport of each try: to sign a request, or to take its time. Its ctx is that of the try.
	Wrap func(http.RoundTripper) http.RoundTripper

	// OnEvent, if not nil, hears of what goes on; see [Event]. It is called by whoever makes it go on, possibly by several
	// at a time, and holds that up. A panic in it is logged and goes no further.
	OnEvent func(context.Context, Event)
}

// Timeouts bound the phases of a request. 0 means the default, a negative number that there is no limit.
type Timeouts struct {
	// Total is for all of a request: redirects, retries and the waits between them, until its body has ended.
	// Through a plain http.Client around the session, it is for each redirect by itself.
	Total time.Duration

	// Connect is for making a connection: name lookup, TCP, TLS. A connection is made for whoever needs it first, so it goes on
	// if the request that asked for it is cancelled.
	Connect time.Duration

	// Header is for the time from when a request has been written to when all of the response's header is there.
	Header time.Duration

	// IdleRead is for each Read of a body. What the reader does between two reads is not counted.
	IdleRead time.Duration

	// Try is for one try, connecting and reading the body included. There is no default.
	Try time.Duration
}

// Limits bound what a session takes. 0 means the default, a negative number that there is no limit, unless said otherwise.
type Limits struct {
	// Conns is how many connections there may be to one host, idle ones included. A request that needs one waits for its turn. No limit by default.
	Conns int

	// IdleConns is how many connections are kept open to one host when they are not used, and IdleTime for how long.
	// Negative IdleConns means none.
	IdleConns int
	IdleTime  time.Duration

	// Requests is how many tries to one host may be under way, from before they connect until their bodies have ended.
	// Others wait, first come, first served. No limit by default.
	Requests int

	// Queue is how many may wait for that; the next one gets a [*resilience.FullError]. Negative means that none may.
	Queue int

	// Hosts is for how many hosts there may be a breaker and a queue; see [resilience.Keyed]. It must not be negative.
	Hosts int

	// Body is how many bytes of a response's body can be read, after decompression. The next one fails with [ErrTooLarge].
	Body int64

	// HeaderBytes bounds the header of a response. It must not be negative.
	HeaderBytes int64

	// Drain is how much of a body that was not read to its end is read when it is closed, so that the connection can be used again,
	// and not for longer than 50 ms. If there is more, the connection is closed. Negative means nothing.
	Drain int64

	// Redirects is how many are followed. Negative means none: the redirect is the response.
	Redirects int
}

// Hedge starts a request again while it is slow; see [resilience.Hedge]. Any response wins, whatever its status.
// A hedge needs a place in Limits.Requests that is free: it does not wait for one.
type Hedge struct {
	// Delay is how long a try may take to get its response before the next one is started. It must be positive.
	Delay time.Duration

	// Max is how many tries are added; 0 means 1.
	Max int

	// Budget, if not nil, bounds the hedges of all that share it. It should not be that of Retry: both would pay into it.
	Budget *resilience.Budget
}

// ofRequest are fields that a request has in a field of its own.
var ofRequest = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"}

// filled returns c with its defaults, and the BaseURL parsed.
// It panics if numbers make no sense; what may come from a user's settings is an error.
func (c Config) filled() (Config, *url.URL, error) {
	base, err := parseBase(c.BaseURL)
	if err != nil {
		return c, nil, err
	}
	if c.Name == "" {
		c.Name = "session"
	}
	c.Header = c.Header.Clone()
	for name := range c.Header {
		if name != http.CanonicalHeaderKey(name) {
			panic(fmt.Sprintf("session: Config.Header has the field %q: its name must be in canonical form, %q; use Header.Set", name, http.CanonicalHeaderKey(name)))
		}
		if slices.Contains(ofRequest, name) {
			panic(fmt.Sprintf("session: Config.Header has the field %q, which net/http takes from the http.Request and never from its Header", name))
		}
	}
	if c.RetryStatus == nil {
		c.RetryStatus = []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	}
	c.Timeouts = c.Timeouts.filled(Timeouts{Total: DefaultTotal, Connect: DefaultConnect, Header: DefaultHeader, IdleRead: DefaultIdleRead})
	c.Limits = c.Limits.filled()
	c.check()
	return c, base, nil
}

// filled returns t with its zeros replaced by those of def. Its negative numbers stay.
func (t Timeouts) filled(def Timeouts) Timeouts {
	for _, f := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&t.Total, def.Total},
		{&t.Connect, def.Connect},
		{&t.Header, def.Header},
		{&t.IdleRead, def.IdleRead},
		{&t.Try, def.Try},
	} {
		*f.v = or(*f.v, f.def)
	}
	return t
}

func (l Limits) filled() Limits {
	l.IdleConns = or(l.IdleConns, DefaultIdleConns)
	l.IdleTime = or(l.IdleTime, DefaultIdleTime)
	l.Queue = or(l.Queue, DefaultQueue)
	l.Hosts = or(l.Hosts, DefaultHosts)
	l.Body = or(l.Body, DefaultBody)
	l.HeaderBytes = or(l.HeaderBytes, DefaultHeaderBytes)
	l.Drain = or(l.Drain, DefaultDrain)
	l.Redirects = or(l.Redirects, DefaultRedirects)
	return l
}

// check panics if something makes no sense.
func (c Config) check() {
	switch {
	case c.Limits.Hosts < 0:
		panic(fmt.Sprintf("session: Limits.Hosts is %d: it must be positive, or 0 for the default", c.Limits.Hosts))
	case c.Limits.HeaderBytes < 0:
		panic(fmt.Sprintf("session: Limits.HeaderBytes is %d: it must be positive, or 0 for the default", c.Limits.HeaderBytes))
	case c.Expect > 0 && c.Timeouts.Total > 0 && c.Expect > c.Timeouts.Total:
		panic(fmt.Sprintf("session: Config.Expect is %v and Timeouts.Total %v: no request would ever be made", c.Expect, c.Timeouts.Total))
	}
	for _, code := range c.RetryStatus {
		if code < 100 || code > 999 {
			panic(fmt.Sprintf("session: Config.RetryStatus has %d, which is no status code", code))
		}
	}
	// The policies know best what is wrong with them.
	parts := resilience.Parts[int]{Retry: c.Retry, Expect: c.Expect}
	if c.Breaker != nil {
		parts.Breaker = resilience.NewBreaker(*c.Breaker)
	}
	if c.Hedge != nil {
		parts.Hedge = &resilience.Hedge[int]{Delay: c.Hedge.Delay, Max: c.Hedge.Max, Budget: c.Hedge.Budget}
	}
	resilience.Compose(parts)
}

func parseBase(base string) (*url.URL, error) {
	if base == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("session: BaseURL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("session: BaseURL %q must be absolute, such as https://api.example/v1/", u.Redacted())
	case u.Path != "" && !strings.HasSuffix(u.Path, "/"):
		return nil, fmt.Errorf("session: BaseURL %q must end in a slash: a relative URL replaces what comes after the last one", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("session: BaseURL %q must have neither query nor fragment: a relative URL does not keep them", u.Redacted())
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// or returns v, or instead of zero the default.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Options change what a session does with the requests of one ctx; see [WithOptions].
type Options struct {
	// Timeouts replace those of the session where they are not 0. Connect has no effect, since connections are made for all.
	Timeouts Timeouts

	// Body replaces Limits.Body if it is not 0; negative means no limit.
	Body int64

	// Idempotent says that the request may be executed more than once, whatever its method.
	Idempotent bool
}

type optionsKey struct{}

// WithOptions returns a ctx whose requests have these options, instead of others that ctx may have.
func WithOptions(ctx context.Context, o Options) context.Context {
	return context.WithValue(ctx, optionsKey{}, o)
}

func optionsOf(ctx context.Context) Options {
	o, _ := ctx.Value(optionsKey{}).(Options)
	return o
}
