package bus

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"github.com/braid-go/braid"
)

// Subscription is one handler with its queue. [Subscribe] makes it.
//
// All methods may be called at any time from any goroutine.
type Subscription struct {
	bus      *Bus
	settings settings
	call     func(context.Context, any) error

	// Of the consumer alone: whether publishers waited for room when it took the last event, and when it did, if they had waited before.

	crowded bool
	took    time.Time

	ready braid.Event // wakes the consumer, which sleeps if asleep says so
	ended braid.Event // the consumer has ended, and so has the last handler

	mu     sync.Mutex // guards all below
	queue  queue
	state  state
	why    error // of the end, unless state is open
	asleep bool
	cut    error // the cause with which the consumer was cancelled
	task   *braid.Future[struct{}]
	feed   func() // ends the engine's subscription; nil if there is none, or it has been ended
	stats  SubscriptionStatistics
}

// state is how far a subscription has come.
type state uint8

const (
	open     state = iota
	draining       // takes no events; the consumer works off those that are queued, and ends
	stopped        // takes no events and has none; the consumer ends after the handler that runs
)

// Subscribe calls handler for each event of type E that is published from now on, in the order in which they come to its queue
// and one at a time. If E is an interface, it gets the events of all types that implement it; the events of any type if E is any.
//
// The handler runs in a task of the bus' group, which is named after the subscription. Its ctx ends when the bus is closed and its time
// to drain is over, when the group is cancelled, or when the subscription is disconnected. It has the values of the group's ctx and not those
// of the publisher's: what is to travel with an event travels in it, or in its [Header].
// If the handler fails, panics or calls runtime.Goexit, nobody else is touched, and it is called with the next event; see [EventError].
//
// Subscribe panics if handler is nil, or an option makes no sense. It returns an error that matches [ErrClosed] if the bus is closed,
// and an error if the type's name is also that of another type; see [Named].
//
// # Cancellation
//
// If ctx is done already, or ends while an [Engine] subscribes, Subscribe returns its cause, and there is no subscription.
// Afterwards the end of ctx changes nothing; see [Subscription.Unsubscribe].
func Subscribe[E any](ctx context.Context, b *Bus, handler func(ctx context.Context, event E) error, opts ...SubscribeOption) (*Subscription, error) {
	if handler == nil {
		panic(fmt.Sprintf("bus: Subscribe[%v] needs a handler; the one given is nil", reflect.TypeFor[E]()))
	}
	s := &Subscription{
		bus:      b,
		settings: settings{event: reflect.TypeFor[E](), capacity: DefaultCapacity},
		call:     func(ctx context.Context, event any) error { return handler(ctx, event.(E)) }, //nolint:forcetypeassert // the route is that of E
	}
	for _, o := range opts {
		o.subscribeOption(&s.settings)
	}
	if err := b.subscribe(ctx, s); err != nil {
		return nil, err
	}
	return s, nil
}

// start starts the consumer.
func (s *Subscription) start() {
	f := braid.Submit(s.bus.portal, s.consume, braid.Name(s.settings.name))
	s.mu.Lock()
	s.task = f
	cut := s.cut
	s.mu.Unlock()
	if cut != nil {
		f.Cancel(cut)
	}
	if _, err := f.Result(); err == braid.ErrNotStarted || err == braid.ErrClosed { //nolint:errorlint // as they are
		s.end()
	}
}

// consume is the task that calls the handler.
func (s *Subscription) consume(ctx context.Context) (struct{}, error) {
	defer func() {
		if ctx != nil { // a handler has called runtime.Goexit
			s.start()
		}
	}()
	plain := &current{Context: ctx, sub: s}
	for {
		e, ok := s.next(ctx)
		if !ok {
			break
		}
		s.handle(plain, &e)
	}
	ctx = nil
	s.end()
	return struct{}{}, nil
}

// slowHandler is how long a handler takes for which waking a publisher is cheap.
const slowHandler = 100 * time.Microsecond

// next waits for an event. It reports false if there will be none.
func (s *Subscription) next(ctx context.Context) (entry, bool) {
	for {
		cancelled := ctx.Err() != nil
		var now time.Time
		if s.crowded {
			now = braid.Time(ctx)
		}
		s.mu.Lock()
		switch {
		case cancelled || s.state == stopped:
			s.mu.Unlock()
			return entry{}, false
		case s.queue.ring.len > 0:
			e := s.queue.pop()
			s.stats.Running = true
			admitted, replaced := s.queue.admit(now.IsZero() || now.Sub(s.took) >= slowHandler)
			s.crowded, s.took = s.queue.blocked.Len() > 0, now
			s.stats.Coalesced += uint64(len(replaced))
			s.mu.Unlock()
			wake(admitted)
			settleAll(replaced, ErrDropped, s)
			return e, true
		case s.state == draining:
			s.mu.Unlock()
			return entry{}, false
		}
		s.asleep = true
		s.mu.Unlock()
		_ = s.ready.Wait(ctx) // if ctx has ended, so has the loop
		s.ready.Clear()
	}
}

// handle calls the handler, and survives it whatever it does.
func (s *Subscription) handle(plain *current, e *entry) {
	var err error
	returned := false
	defer func() {
		if !returned {
			err = braid.ErrGoexit
			if v := recover(); v != nil {
				err = panicError(plain, v)
			}
		}
		s.finish(plain, e, err)
	}()
	err = s.call(s.contextFor(plain, e), e.event)
	returned = true
}

// contextFor returns the ctx of the handler.
func (s *Subscription) contextFor(plain *current, e *entry) context.Context {
	if e.d == nil || e.d.meta == nil && e.d.from == nil {
		return plain
	}
	c := &current{Context: plain.Context, sub: s, meta: e.d.meta, from: e.d.from, wait: e.d.await}
	if extract := s.bus.config.Extract; extract != nil && c.meta != nil && c.meta.header != nil {
		return extract(c, HeaderOf(c))
	}
	return c
}

func panicError(ctx context.Context, v any) error {
	if pe, ok := v.(*braid.PanicError); ok {
		return pe // of a scope in the handler
	}
	pe := &braid.PanicError{Value: v, Stack: debug.Stack()}
	if t := braid.Current(ctx); t != nil {
		pe.Task = t.Path()
	}
	return pe
}

// finish counts an event whose handler has ended with err, and tells whoever should know.
func (s *Subscription) finish(ctx context.Context, e *entry, err error) {
	cut := err != nil && cutOff(ctx, err)
	s.mu.Lock()
	s.stats.Running = false
	switch {
	case err == nil:
		s.stats.Handled++
	case cut:
		s.stats.Discarded++
	default:
		s.stats.Failed++
	}
	s.mu.Unlock()
	if err == nil {
		e.settle(nil)
		return
	}
	if cut && context.Cause(ctx) != ErrDisconnected { //nolint:errorlint // as it is
		s.bus.leave(s, 1)
	}
	s.fail(e, err, !cut)
}

// cutOff reports whether err says no more than that ctx has ended.
func cutOff(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return false
	}
	cause := context.Cause(ctx)
	for err != nil {
		if same(err, cause) || same(err, ctx.Err()) { // walks the chain itself: a joined error says more
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// same reports whether a and b are the same error. It does not panic for errors that cannot be compared, which are never the same.
func same(a, b error) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b //nolint:errorlint // identity is meant
}

// fail tells the publisher of e that err has kept s from handling it, and somebody else if the publisher does not listen.
func (s *Subscription) fail(e *entry, err error, tell bool) {
	if e.d == nil && !tell {
		return
	}
	ee := &EventError{Subscription: s.settings.name, Type: typeName(e.event), Event: e.event, Err: err}
	if !e.settle(ee) && tell {
		s.bus.tell(ee)
	}
}

// failBefore counts an event that could not even be queued.
func (s *Subscription) failBefore(e *entry, err error) {
	s.mu.Lock()
	s.stats.Received++
	s.stats.Failed++
	s.mu.Unlock()
	s.fail(e, err, true)
}

func typeName(event any) string { return fmt.Sprintf("%T", event) }

// settleAll tells the publishers of entries that were not handled.
func settleAll(list []entry, why error, s *Subscription) {
	for i := range list {
		s.fail(&list[i], why, false)
	}
}

// wants reports whether e is for s, and finds its key. If not, e is settled. A filter that panics says no.
func (s *Subscription) wants(topic string, e *entry) bool {
	if s.settings.topic != "" {
		if topic == "" {
			topic = noTopic
		}
		if !Match(s.settings.topic, topic) {
			e.settle(nil)
			return false
		}
	}
	return s.settings.filter == nil && s.settings.key == nil || s.asks(e)
}

// asks is the part of wants that calls the user's functions. If they panic, s has failed to handle e.
func (s *Subscription) asks(e *entry) (wanted bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			return // runtime.Goexit: it is the publisher's own goroutine
		}
		s.failBefore(e, panicError(context.Background(), v))
	}()
	if s.settings.filter == nil || s.settings.filter(e.event) {
		if s.settings.key != nil {
			e.key = s.settings.key(e.event)
		}
		wanted = true
	} else {
		e.settle(nil)
	}
	returned = true
	return wanted
}

// offer puts e into the queue, or does what the policy says. If it returns a blocked, the caller must wait for that.
// It reports whether it came too late because the bus is closed; e is settled then.
func (s *Subscription) offer(e entry) (w *blocked, late bool) {
	s.mu.Lock()
	if s.state != open {
		closed := s.state == draining || s.why == ErrClosed //nolint:errorlint // as it is
		s.mu.Unlock()
		if closed {
			s.fail(&e, ErrClosed, false)
			return nil, true
		}
		e.settle(nil) // as if it had come a moment later
		return nil, false
	}
	s.stats.Received++
	if old, ok := s.queue.replace(e); ok {
		s.stats.Coalesced++
		s.mu.Unlock()
		s.fail(&old, ErrDropped, false)
		return nil, false
	}
	if s.queue.full() {
		return s.overflow(e), false
	}
	s.queue.push(e)
	asleep := s.asleep
	s.asleep = false
	s.mu.Unlock()
	if asleep {
		s.ready.Set()
	}
	return nil, false
}

// overflow is offer for a queue that is full. mu is held, and released.
func (s *Subscription) overflow(e entry) *blocked {
	switch s.settings.overflow {
	case DropOldest:
		old := s.queue.pop()
		s.queue.push(e)
		s.stats.Dropped++
		s.mu.Unlock()
		s.fail(&old, ErrDropped, false)
		return nil
	case DropNewest:
		s.stats.Dropped++
		s.mu.Unlock()
		s.fail(&e, ErrDropped, false)
		return nil
	case Disconnect:
		s.stats.Dropped++
		s.mu.Unlock()
		s.fail(&e, ErrDisconnected, false)
		if s.stop(ErrDisconnected) {
			s.cancel(ErrDisconnected)
			s.bus.tell(&EventError{Subscription: s.settings.name, Type: s.settings.event.String(), Err: ErrDisconnected})
		}
		return nil
	default:
		w := &blocked{e: e}
		w.done.SetName("room for " + s.settings.name)
		s.queue.block(w)
		s.mu.Unlock()
		return w
	}
}

// stopFeed ends the engine's subscription.
func (s *Subscription) stopFeed() {
	s.mu.Lock()
	feed := s.feed
	s.feed = nil
	s.mu.Unlock()
	if feed != nil {
		feed()
	}
}

// stop ends s for its owner: it takes no events any more, and drops those that it has. It reports whether it was the first.
func (s *Subscription) stop(why error) bool {
	s.bus.remove(s)
	s.mu.Lock()
	if s.state == stopped {
		s.mu.Unlock()
		return false
	}
	s.state, s.why = stopped, why
	left := s.queue.clear()
	s.stats.Discarded += uint64(len(left))
	refused := s.queue.refuse(nil)
	s.stats.Discarded += uint64(len(refused))
	s.asleep = false
	s.mu.Unlock()
	s.stopFeed()
	s.ready.Set()
	settleAll(left, why, s)
	for _, w := range refused {
		s.fail(&w.e, why, false)
	}
	wake(refused)
	return true
}

// drain lets s work off what it has, and end.
func (s *Subscription) drain() {
	s.mu.Lock()
	if s.state != open {
		s.mu.Unlock()
		return
	}
	s.state, s.why = draining, ErrClosed
	refused := s.queue.refuse(ErrClosed)
	s.stats.Received -= uint64(len(refused))
	s.asleep = false
	s.mu.Unlock()
	s.stopFeed()
	s.ready.Set()
	for _, w := range refused {
		s.fail(&w.e, ErrClosed, false)
	}
	wake(refused)
}

// cancel ends the ctx of the handler that runs, and the consumer.
func (s *Subscription) cancel(cause error) {
	s.mu.Lock()
	s.cut = cause
	f := s.task
	s.mu.Unlock()
	if f != nil {
		f.Cancel(cause)
	}
}

// end is the last step of the consumer.
func (s *Subscription) end() {
	s.mu.Lock()
	wasOpen := s.state == open
	draining := s.state == draining
	if s.state != stopped {
		s.state, s.why = stopped, ErrClosed
	}
	left := s.queue.clear()
	s.stats.Discarded += uint64(len(left))
	refused := s.queue.refuse(ErrClosed)
	s.stats.Received -= uint64(len(refused))
	s.stats.Ended = true
	s.mu.Unlock()
	s.stopFeed()
	if n := len(left); n > 0 && (wasOpen || draining) {
		s.bus.leave(s, n)
	}
	if wasOpen {
		s.bus.remove(s)
		_ = s.bus.ifEnded()
	}
	settleAll(left, ErrClosed, s)
	for _, w := range refused {
		s.fail(&w.e, ErrClosed, false)
	}
	wake(refused)
	s.bus.gone(s)
	s.ended.Set()
}

// Name returns the name of the subscription.
func (s *Subscription) Name() string { return s.settings.name }

// Cancel ends the subscription and does not wait: no call of the handler begins any more, events in the queue are dropped,
// a handler that runs goes on. A handler may end its own subscription with it. Cancelling again does nothing.
func (s *Subscription) Cancel() {
	s.bus.point("subscription.Cancel")
	s.stop(ErrUnsubscribed)
}

// Unsubscribe is [Subscription.Cancel] that waits: when it has returned nil, the handler does not run and will not be called again.
//
// Called by the handler itself, or by what it has started and waits for, Unsubscribe does not wait and returns an error
// that matches [ErrHandlerRunning].
//
// # Cancellation
//
// The subscription is ended in any case. If ctx ends before the handler has, or is done already, Unsubscribe returns an error that
// matches both its cause and [ErrHandlerRunning].
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	s.Cancel()
	if currentOf(ctx).holds(s) {
		return ErrHandlerRunning
	}
	if err := s.ended.Wait(ctx); err != nil && !s.ended.IsSet() {
		return fmt.Errorf("%w: %w", ErrHandlerRunning, err)
	}
	return nil
}

// Err returns nil while the subscription takes events; then [ErrClosed], [ErrUnsubscribed] or [ErrDisconnected].
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// SubscriptionStatistics is a snapshot of a subscription.
//
// Received is the sum of Handled, Failed, Dropped, Coalesced, Discarded, Queued, Blocked, and one if Running.
// What a [Filter] or a [Topic] keeps away is not counted.
type SubscriptionStatistics struct {
	Name     string
	Type     string // of the events
	Capacity int
	Overflow Overflow

	Received  uint64 // events that came for it
	Handled   uint64 // by a handler that returned nil
	Failed    uint64 // by a handler, a filter or a codec that failed, panicked or exited
	Dropped   uint64 // by the Overflow policy
	Coalesced uint64 // replaced by a newer event with the same key
	Discarded uint64 // because the subscription ended; those whose handler was cut off by that are among them

	Queued  int  // events that wait
	Blocked int  // publishers that wait for room
	Running bool // the handler runs
	Ended   bool
}

// Statistics returns a snapshot.
func (s *Subscription) Statistics() SubscriptionStatistics {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Name, st.Type, st.Capacity, st.Overflow = s.settings.name, s.settings.event.String(), s.settings.capacity, s.settings.overflow
	st.Queued, st.Blocked = s.queue.ring.len, s.queue.blocked.Len()
	return st
}
