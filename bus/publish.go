package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/braid-go/braid"
)

// ErrNoEvent is returned when the event is nil, and so has no type.
var ErrNoEvent = errors.New("bus: the event is nil, and has no type")

// Publish gives event to the queue of each subscription to its type, to interfaces that the type implements, and to any.
// It counts as the type that it has, not as that of the variable. If nobody has subscribed, nothing happens.
//
// Events that one task publishes come to each subscription in this order. All queues with room have the event before Publish begins
// to wait for room in those that [Block]. With [WaitAll] and [WaitFirstError] it waits for the handlers, too, and returns their failures as
// [*EventError]; several are joined, in the order of the subscriptions. With [NoWait] failures of handlers go to Config.OnError.
//
// Publish may be called by a handler. Where that would wait for itself the error is [braid.ErrSelfDeadlock]. If it would wait for the end of the
// handler that calls, or of one that waits for that, nobody gets the event; if it would wait for room in the queue of one of these,
// this subscription does not get it. All of this is known by ctx: a handler must pass on its own, or one made from it.
// Handlers that fill each other's queues with Block are not found out, nor are handlers that wait for each other through an [Engine]:
// they wait until their ctx ends.
//
// After the bus has been closed the error matches [ErrClosed].
//
// # Cancellation
//
// If ctx is done already, Publish returns its cause and nobody gets the event. If ctx ends while Publish waits, it returns the cause,
// joined with the failures so far: subscriptions that have the event keep it, those that it still waited to give it to do not get it,
// and failures that come later go to Config.OnError.
func Publish[E any](ctx context.Context, b *Bus, event E, opts ...PublishOption) error {
	var p publication
	for _, o := range opts {
		switch o := o.(type) {
		case Wait:
			p.wait = o
		case Topic:
			p.topic = string(o)
		case Header:
			p.header = o
		}
	}
	t := reflect.TypeFor[E]()
	if t.Kind() == reflect.Interface {
		if t = reflect.TypeOf(event); t == nil {
			return ErrNoEvent
		}
	}
	r, subs, err := b.enter(ctx, t, &p)
	if err != nil || r == nil {
		return err
	}
	return b.send(ctx, r, subs, event, &p)
}

// publication is what the options of Publish make up.
type publication struct {
	wait   Wait
	topic  string
	header Header
}

// enter looks whether an event of type t can be published, and returns where it goes; no route if nobody wants it.
func (b *Bus) enter(ctx context.Context, t reflect.Type, p *publication) (*route, []*Subscription, error) {
	b.check()
	if p.wait > WaitFirstError {
		panic(fmt.Sprintf("bus: Publish with Wait(%d): use NoWait, WaitAll or WaitFirstError", int(p.wait)))
	}
	b.announce(ctx, "bus.Publish")
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if b.closed.Load() {
		return nil, nil, ErrClosed
	}
	if p.topic != "" {
		if wrong := Topic(p.topic).check(false); wrong != "" {
			return nil, nil, errors.New("bus: " + wrong)
		}
	}
	r := (*b.routes.Load())[t]
	if r == nil {
		var err error
		if r, err = b.route(t); err != nil {
			return nil, nil, err
		}
	}
	b.published.Add(1)
	subs := r.to()
	if len(subs) == 0 && b.config.Engine == nil {
		b.unheard.Add(1)
		return nil, nil, b.ifEnded()
	}
	return r, subs, nil
}

// send gives event to subs, all subscriptions of r.
func (b *Bus) send(ctx context.Context, r *route, subs []*Subscription, event any, p *publication) error {
	if p.wait != NoWait {
		if err := circle(ctx, subs, event, p.topic); err != nil {
			return err
		}
	}
	header := b.headerFor(ctx, p.header)
	if b.config.Engine != nil {
		return b.sendOut(ctx, r, event, p, header)
	}
	var data []byte
	if b.config.Strict {
		var err error
		if data, err = b.encode(event); err != nil {
			return err
		}
	}
	f := fanout{b: b, a: newAwait(p.wait, len(subs)), topic: p.topic}
	if p.topic != "" || header != nil {
		f.d = &dispatch{meta: &meta{topic: p.topic, header: header}}
	}
	if f.a != nil {
		if f.d == nil {
			f.d = &dispatch{}
		}
		f.a.done.SetName("handlers of " + r.name)
		f.d.await, f.d.from = f.a, currentOf(ctx)
	}
	for i, s := range subs {
		e := entry{event: event, d: f.d, index: i}
		if data != nil {
			var err error
			if e.event, err = b.decode(data, r.event); err != nil {
				s.failBefore(&e, err)
				continue
			}
		}
		f.give(ctx, s, e)
	}
	return f.wait(ctx)
}

// circle returns an error if a publisher that waits for the handlers of event would wait for itself.
func circle(ctx context.Context, subs []*Subscription, event any, topic string) error {
	from := currentOf(ctx)
	if from == nil {
		return nil
	}
	for _, s := range subs {
		e := entry{event: event, d: &dispatch{settle: func(error) bool { return true }}}
		if from.holds(s) && s.wants(topic, &e) {
			return &EventError{Subscription: s.settings.name, Type: typeName(event), Event: event, Err: braid.ErrSelfDeadlock}
		}
	}
	return nil
}

// fanout is one event on its way to several subscriptions.
type fanout struct {
	b       *Bus
	a       *await
	d       *dispatch
	topic   string
	blocked []place
	errs    []error // of a publisher that does not wait for handlers
}

// place is one in a queue that has no room yet.
type place struct {
	s *Subscription
	w *blocked
}

// give offers e to s.
func (f *fanout) give(ctx context.Context, s *Subscription, e entry) {
	if !s.wants(f.topic, &e) {
		return
	}
	w, late := s.offer(e)
	switch {
	case late:
		f.refused(s, &e, ErrClosed)
	case w == nil:
	case currentOf(ctx).holds(s):
		if s.withdraw(w) {
			s.fail(&e, braid.ErrSelfDeadlock, false)
			f.refused(s, &e, braid.ErrSelfDeadlock)
		}
	default:
		f.blocked = append(f.blocked, place{s, w})
	}
}

// refused keeps an error for a publisher that does not wait. One that does has been told.
func (f *fanout) refused(s *Subscription, e *entry, err error) {
	if f.a == nil {
		f.errs = append(f.errs, &EventError{Subscription: s.settings.name, Type: typeName(e.event), Event: e.event, Err: err})
	}
}

// wait waits for room where there was none, and for handlers.
func (f *fanout) wait(ctx context.Context) error {
	for _, p := range f.blocked {
		if _, err := p.w.wait(ctx, p.s); err != nil {
			f.refused(p.s, &p.w.e, err)
		}
	}
	if f.a == nil {
		return join(f.errs)
	}
	return f.a.wait(ctx)
}

// headerFor returns the header of an event.
func (b *Bus) headerFor(ctx context.Context, given Header) Header {
	if b.config.Inject == nil {
		if len(given) == 0 {
			return nil
		}
		return maps.Clone(given)
	}
	h := make(Header, len(given)+2)
	maps.Copy(h, given)
	b.config.Inject(ctx, h)
	if len(h) == 0 {
		return nil
	}
	return h
}

// sendOut gives event to the engine.
func (b *Bus) sendOut(ctx context.Context, r *route, event any, p *publication, header Header) error {
	data, err := b.encode(event)
	if err != nil {
		return err
	}
	if header == nil {
		header = make(Header, 1)
	}
	header[HeaderEvent] = r.name
	topic := p.topic
	if topic == "" {
		topic = noTopic
	}
	return b.config.Engine.Publish(ctx, &Message{Subject: r.name + "." + topic, Header: header, Data: data}, p.wait)
}

// receiver returns what an engine gives messages for s to.
func (b *Bus) receiver(s *Subscription) Receiver {
	return func(ctx context.Context, m *Message, settle func(error) bool) error {
		e := entry{d: &dispatch{settle: settle}}
		t := b.typeOf(m, s.settings.event)
		if t == nil {
			settle(nil) // of a type that this bus does not know, or that is not for s
			return nil
		}
		event, err := b.decode(m.Data, t)
		if err != nil {
			s.failBefore(&e, err)
			return nil
		}
		e.event = event
		topic := m.Subject[len(m.Header[HeaderEvent])+1:]
		header := maps.Clone(m.Header)
		delete(header, HeaderEvent)
		if topic == noTopic {
			topic = ""
		}
		if topic != "" || len(header) > 0 {
			e.d.meta = &meta{topic: topic, header: header}
			if len(header) == 0 {
				e.d.meta.header = nil
			}
		}
		if !s.wants(topic, &e) {
			return nil
		}
		w, late := s.offer(e)
		switch {
		case late:
			return ErrClosed
		case w == nil:
			return nil
		}
		if currentOf(ctx).holds(s) { // an engine that calls in the publisher's own task
			if s.withdraw(w) {
				s.fail(&e, braid.ErrSelfDeadlock, false)
				return braid.ErrSelfDeadlock
			}
			return nil
		}
		withdrawn, err := w.wait(ctx, s)
		if withdrawn {
			s.fail(&e, err, false)
		}
		return err
	}
}

func (b *Bus) encode(event any) ([]byte, error) {
	data, err := b.config.Codec.Encode(event)
	if err != nil {
		return nil, fmt.Errorf("bus: cannot encode %T: %w", event, err)
	}
	return data, nil
}

// decode returns an event of type t. A panic of the codec, or of a method that it calls, is an error: the caller may be an engine.
func (b *Bus) decode(data []byte, t reflect.Type) (event any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("bus: cannot decode %v: %w", t, panicError(context.Background(), v))
		}
	}()
	p := reflect.New(t)
	if err := b.config.Codec.Decode(data, p.Interface()); err != nil {
		return nil, fmt.Errorf("bus: cannot decode %v: %w", t, err)
	}
	return p.Elem().Interface(), nil
}
