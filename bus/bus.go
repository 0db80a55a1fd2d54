package bus

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// Config says how a [Bus] works. Its zero value is a bus within the process.
type Config struct {
	// Name stands in errors and tools. It is "bus" if none is given.
	Name string

	// Drain is how long [Bus.Close] lets handlers work off what is queued, before their ctx ends.
	// 0 means [DefaultDrain]. If it is negative, Close does not wait for what is queued.
	Drain time.Duration

	// OnError hears of each failure of a handler of which no publisher is told, and of subscriptions that were disconnected.
	// It is called with no lock held, by the task that calls the handler, or by a publisher, perhaps by several at a time;
	// the handler's next event waits for it. So it must not wait for the end of handlers, as Close and Unsubscribe do; Subscription.Cancel does not.
	// If it panics, that is logged. nil means that failures are logged with log/slog.
	OnError func(*EventError)

	// Inject adds to the header of an event what its publisher's ctx has, such as a trace; Extract puts it into the ctx of each handler.
	// nil means that nothing is added. Extract must return a ctx that comes from the one it is given;
	// its panic is one of the handler. It is called for events that have a header.
	Inject  func(ctx context.Context, h Header)
	Extract func(ctx context.Context, h Header) context.Context

	// Strict makes a bus without an engine encode each event, and decode it for each subscription, as if there were one: handlers get
	// copies, and what cannot be encoded is an error. It is for tests of programs that may get an engine later.
	Strict bool

	// Engine carries the events between several buses. nil means that there is only this one.
	Engine Engine

	// Codec encodes events, if Strict or Engine is set. nil means JSON.
	Codec Codec
}

func (c Config) name() string {
	if c.Name == "" {
		return "bus"
	}
	return c.Name
}

// DefaultDrain is the Drain of a bus that is given none.
const DefaultDrain = 10 * time.Second

// Bus passes typed events from publishers to handlers. [Run] and [New] make one; [Publish] and [Subscribe] use it.
//
// All methods may be called at any time from any goroutine.
type Bus struct {
	config Config
	group  *braid.Group
	portal *braid.Portal
	sched  atomic.Pointer[sched.Scheduler] // that has used the bus last; nil for goroutines
	empty  braid.Event                     // closed, and no subscription is left

	closed    atomic.Bool // written with mu held
	routes    atomic.Pointer[map[reflect.Type]*route]
	published atomic.Uint64
	unheard   atomic.Uint64
	unknown   atomic.Uint64

	mu    sync.Mutex      // guards all below
	subs  []*Subscription // that take events, in their order
	live  []*Subscription // whose consumers have not ended
	names names
	left  []Left
}

// route is where events of one type go.
type route struct {
	event reflect.Type
	name  string
	subs  atomic.Pointer[[]*Subscription] // written with the bus' mu held. What is in the list is never changed; the list may be made longer.
}

// to returns the subscriptions that events go to.
func (r *route) to() []*Subscription { return *r.subs.Load() }

// add is called with the bus' mu held.
func (r *route) add(s *Subscription) {
	subs := append(r.to(), s) // perhaps in the same array, behind what publishers look at
	r.subs.Store(&subs)
}

// remove is called with the bus' mu held.
func (r *route) remove(s *Subscription) {
	old := r.to()
	if i := slices.Index(old, s); i >= 0 {
		subs := slices.Concat(old[:i], old[i+1:])
		r.subs.Store(&subs)
	}
}

// New returns a bus whose handlers run as tasks of g. It belongs to g: Run does not return before the bus has been closed,
// or the group has been cancelled, which ends the handlers at once. [Run] closes it for you.
//
// New panics if g is nil, or has a limit: a subscription is a task that lasts, and would keep its slot.
func New(g *braid.Group, config Config) *Bus {
	if g == nil {
		panic("bus: New needs a group; the one given is nil")
	}
	if g.Statistics().Limit > 0 {
		panic("bus: New in a group with a limit: each subscription is a task that lasts and would keep a slot; use a group without")
	}
	config.Name = config.name()
	if config.Drain == 0 {
		config.Drain = DefaultDrain
	}
	if config.Codec == nil {
		config.Codec = JSON{}
	}
	b := &Bus{config: config, group: g, portal: braid.NewPortal(g)}
	b.names.wire = config.Strict || config.Engine != nil
	b.empty.SetName("end of " + config.Name)
	b.routes.Store(&map[reflect.Type]*route{})
	return b
}

// Run runs body with a bus. When body has returned nil, Run closes the bus, as [Bus.Close] does, and returns when all handlers have ended.
// If body fails or panics, or the ctx ends, the handlers' ctx ends at once, as is the rule for scopes. The result is that of [braid.Run].
//
// # Cancellation
//
// If ctx is done already, Run returns its cause and does not call body. If ctx ends later, the ctx of body and of handlers ends with the same
// cause, and Run still waits for all of them. What is queued then is dropped.
func Run(ctx context.Context, config Config, body func(ctx context.Context, b *Bus) error) error {
	if body == nil {
		panic("bus: Run needs a body; the one given is nil")
	}
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		b := New(g, config)
		if err := body(ctx, b); err != nil {
			return err
		}
		return b.Close(ctx)
	}, braid.Name(config.name()))
}

// Close ends the bus: publishing and subscribing end with [ErrClosed] from now on, also for publishers that wait for room, and for handlers.
// These work off what is queued, for up to Config.Drain. Then their ctx ends, and what is still queued is dropped. Close returns when all handlers
// have returned; one that ignores its ctx holds Close for as long as it likes.
// The error is nil if everything that was accepted has been handled, or has failed, else a [*CloseError].
//
// Called by a handler of the bus, or by what it has started, Close does not wait, and returns an error that matches [ErrHandlerRunning]:
// the bus takes nothing any more, handlers work off what there is for as long as it takes. Closing again waits again.
//
// # Cancellation
//
// Close does its work even if ctx is done. The end of ctx ends the time to drain.
func (b *Bus) Close(ctx context.Context) error {
	b.announce(ctx, "bus.Close")
	b.refuse()
	for c := currentOf(ctx); c != nil; c = c.waiter() {
		if c.sub.bus == b {
			return ErrHandlerRunning
		}
	}
	if err := braid.Timeout(ctx, b.config.Drain, b.empty.Wait); err != nil {
		b.mu.Lock()
		live := slices.Clone(b.live)
		b.mu.Unlock()
		for _, s := range live {
			s.cancel(ErrClosed)
		}
		_ = b.empty.Wait(context.WithoutCancel(ctx))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.left) == 0 {
		return nil
	}
	return &CloseError{Bus: b.config.Name, Left: slices.Clone(b.left)}
}

// refuse makes the bus take nothing any more.
func (b *Bus) refuse() {
	b.mu.Lock()
	b.closed.Store(true)
	subs := b.subs
	b.subs = nil
	for _, r := range *b.routes.Load() {
		r.subs.Store(new([]*Subscription))
	}
	empty := len(b.live) == 0
	b.mu.Unlock()
	for _, s := range subs {
		s.drain()
	}
	if empty {
		b.empty.Set()
	}
}

// subscribe adds s and starts its consumer.
func (b *Bus) subscribe(ctx context.Context, s *Subscription) error {
	b.check()
	b.announce(ctx, "bus.Subscribe")
	if err := causeOf(ctx); err != nil {
		return err
	}
	t := s.settings.event
	name := t.String()
	if t.Kind() != reflect.Interface {
		var err error
		if name, err = b.nameOf(t); err != nil {
			return err
		}
	}
	if s.settings.name == "" {
		s.settings.name = name
	}
	s.queue.capacity = s.settings.capacity
	s.ready.SetName("events for " + s.settings.name)
	s.ended.SetName("end of " + s.settings.name)
	b.mu.Lock()
	if b.closed.Load() {
		b.mu.Unlock()
		return ErrClosed
	}
	b.live = append(b.live, s)
	b.mu.Unlock()
	s.start()
	if err := s.Err(); err != nil {
		return err
	}
	if b.config.Engine != nil {
		if err := b.connect(ctx, s, name); err != nil {
			s.stop(ErrUnsubscribed)
			return err
		}
	}
	b.mu.Lock()
	if b.closed.Load() {
		b.mu.Unlock()
		s.stop(ErrClosed)
		return ErrClosed
	}
	b.subs = append(b.subs, s)
	for r := range b.routesTo(s) {
		r.add(s)
	}
	b.mu.Unlock()
	if err := s.Err(); err != nil { // has ended meanwhile, perhaps too early to be taken out
		b.remove(s)
		return err
	}
	return nil
}

// connect subscribes s at the engine.
func (b *Bus) connect(ctx context.Context, s *Subscription, name string) error {
	pattern := ">"
	if s.settings.event.Kind() != reflect.Interface {
		pattern = name + ".>"
		if s.settings.topic != "" {
			pattern = name + "." + s.settings.topic
		}
	}
	stop, err := b.config.Engine.Subscribe(ctx, pattern, b.receiver(s))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.feed = stop
	over := s.state != open
	s.mu.Unlock()
	if over {
		s.stopFeed()
	}
	return nil
}

// remove takes s out of the routes.
func (b *Bus) remove(s *Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.subs, s); i >= 0 {
		b.subs = slices.Delete(b.subs, i, i+1)
		for r := range b.routesTo(s) {
			r.remove(s)
		}
	}
}

// gone says that the consumer of s has ended.
func (b *Bus) gone(s *Subscription) {
	b.remove(s)
	b.mu.Lock()
	if i := slices.Index(b.live, s); i >= 0 {
		b.live = slices.Delete(b.live, i, i+1)
	}
	empty := b.closed.Load() && len(b.live) == 0
	b.mu.Unlock()
	if empty {
		b.empty.Set()
	}
}

// leave keeps for the result of Close that s has not handled n events.
func (b *Bus) leave(s *Subscription, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = append(b.left, Left{Subscription: s.settings.name, Events: n})
}

// ifEnded returns ErrClosed if the bus has been closed, perhaps just now, or its scope has been cancelled.
func (b *Bus) ifEnded() error {
	if b.closed.Load() {
		return ErrClosed
	}
	if !b.group.Statistics().Cancelled {
		return nil
	}
	b.refuse()
	return ErrClosed
}

// route returns the route for events of type t, which had none.
func (b *Bus) route(t reflect.Type) (*route, error) {
	name, err := b.nameOf(t)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := *b.routes.Load()
	if r := old[t]; r != nil {
		return r, nil
	}
	routes := make(map[reflect.Type]*route, len(old)+1)
	maps.Copy(routes, old)
	r := b.newRoute(t, name)
	routes[t] = r
	b.routes.Store(&routes)
	return r, nil
}

// routesTo are the routes that lead to s, or should. mu is held.
func (b *Bus) routesTo(s *Subscription) iter.Seq[*route] {
	return func(yield func(*route) bool) {
		routes := *b.routes.Load()
		if r := routes[s.settings.event]; r != nil && !yield(r) {
			return
		}
		if s.settings.event.Kind() != reflect.Interface {
			return
		}
		for t, r := range routes {
			if takes(s.settings.event, t) && !yield(r) {
				return
			}
		}
	}
}

// newRoute returns the route of t. mu is held.
func (b *Bus) newRoute(t reflect.Type, name string) *route {
	r := &route{event: t, name: name}
	subs := make([]*Subscription, 0, len(b.subs))
	for _, s := range b.subs {
		if takes(s.settings.event, t) {
			subs = append(subs, s)
		}
	}
	r.subs.Store(&subs)
	return r
}

// takes reports whether a subscription to want gets events of type t.
func takes(want, t reflect.Type) bool {
	return want == t || want.Kind() == reflect.Interface && t.Implements(want)
}

// typeOf returns the type that m is decoded to for a subscription to want; nil if it is not for that.
func (b *Bus) typeOf(m *Message, want reflect.Type) reflect.Type {
	name := m.Header[HeaderEvent]
	if name == "" || !strings.HasPrefix(m.Subject, name+".") {
		b.unknown.Add(1)
		return nil
	}
	b.mu.Lock()
	t := b.names.byName[name]
	b.mu.Unlock()
	if t == nil {
		b.unknown.Add(1)
		return nil
	}
	if !takes(want, t) {
		return nil
	}
	return t
}

// Register makes a type of events known to b. Only subscriptions to an interface, on a bus with an [Engine], need it: they get events of
// the types that were registered, subscribed to, or published on this bus, for they could not decode others.
// The error says that the type's name cannot be used; see [Named].
func Register[E any](b *Bus) error {
	t := reflect.TypeFor[E]()
	if t.Kind() == reflect.Interface {
		panic("bus: Register needs a type that is no interface, for events to be decoded to; " + t.String() + " is one")
	}
	_, err := b.nameOf(t)
	return err
}

// nameOf returns the name of t, which the bus knows from now on.
func (b *Bus) nameOf(t reflect.Type) (string, error) {
	name := eventName(t) // calls a method of the user's
	b.mu.Lock()
	defer b.mu.Unlock()
	return name, b.names.add(t, name)
}

// tell tells whoever listens of a failure of which no publisher was told.
func (b *Bus) tell(e *EventError) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("bus: OnError panicked", "bus", b.config.Name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	if b.config.OnError != nil {
		b.config.OnError(e)
		return
	}
	attrs := []any{"bus", b.config.Name, "subscription", e.Subscription, "event", e.Type, "error", e.Err}
	if pe, ok := e.Err.(*braid.PanicError); ok { //nolint:errorlint // what the bus has caught itself
		attrs = append(attrs, "stack", string(pe.Stack))
	}
	slog.Error("bus: an event was not handled", attrs...)
}

// check panics if b was not made by New.
func (b *Bus) check() {
	if b == nil || b.group == nil {
		panic("bus: this Bus was not made by New or Run")
	}
}

// announce begins an operation that has a ctx.
func (b *Bus) announce(ctx context.Context, op string) {
	if s := sched.From(ctx); s != nil {
		if p := b.sched.Load(); p == nil || *p != s {
			last := s
			b.sched.Store(&last)
		}
		sched.Point(s, op, b)
	}
}

// point begins an operation that has no ctx.
func (b *Bus) point(op string) {
	if s := b.sched.Load(); s != nil {
		sched.Point(*s, op, b)
	}
}

// Name returns the name from the Config, or "bus".
func (b *Bus) Name() string { return b.config.Name }

// Statistics is a snapshot of a bus.
type Statistics struct {
	Name          string
	Closed        bool
	Published     uint64 // calls of Publish that were accepted
	Unheard       uint64 // of these, those whose event nobody had subscribed to; not known with an engine
	Unknown       uint64 // messages from an engine whose type the bus does not know
	Subscriptions []SubscriptionStatistics
}

// Statistics returns a snapshot. Subscriptions that have ended are not in it.
func (b *Bus) Statistics() Statistics {
	b.mu.Lock()
	live := slices.Clone(b.live)
	b.mu.Unlock()
	st := Statistics{
		Name: b.config.Name, Closed: b.closed.Load(),
		Published: b.published.Load(), Unheard: b.unheard.Load(), Unknown: b.unknown.Load(),
	}
	for _, s := range live {
		st.Subscriptions = append(st.Subscriptions, s.Statistics())
	}
	return st
}
