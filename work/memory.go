package work

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/sched"
)

// What a [MemoryConfig] means by 0.
const (
	DefaultWindow    = 2 * time.Minute
	DefaultWindowMax = 100_000
	DefaultDeadMax   = 10_000
)

// MemoryConfig says what a [Memory] holds.
type MemoryConfig[T any] struct {
	// Name stands in tools: it is what a task waits on. It may be empty.
	Name string

	// Capacity bounds the jobs inside: ready, delayed, waiting for their next attempt, and in hand. Dead letters do not count.
	// Beyond it Enqueue waits. It must be positive; for a queue without bound, say braid.Unbounded.
	Capacity int

	// PerKey is how many jobs of one Key may be in hand at a time. Others wait and keep nobody waiting; they take turns
	// in the order of their arrival. 0 means that keys have no effect.
	PerKey int

	// Window is how long a Unique id is remembered, counted from when the job was taken; 0 means DefaultWindow.
	// The end of the job does not end it, and a job that takes longer than the window can be enqueued again.
	Window time.Duration

	// WindowMax bounds the ids that are remembered; beyond it the oldest is forgotten early, and counted. 0 means DefaultWindowMax.
	WindowMax int

	// DeadMax bounds the dead letters; beyond it the oldest is dropped, counted, and given to OnDrop. 0 means DefaultDeadMax.
	DeadMax int

	// OnDrop, if not nil, is given each dead letter that is dropped because of DeadMax. It must not wait.
	OnDrop func(DeadLetter[T])

	// Codec, if not nil, makes the memory strict: it stores the payload encoded and decodes it for each attempt, as an engine elsewhere would.
	// What such an engine would lose – pointers that are shared, fields that are not exported – is lost here too.
	Codec *Codec[T]
}

func (c *MemoryConfig[T]) check() string {
	switch {
	case c.Capacity < 1:
		return fmt.Sprintf("MemoryConfig.Capacity is %d: it must be positive; say braid.Unbounded for no bound", c.Capacity)
	case c.PerKey < 0:
		return fmt.Sprintf("MemoryConfig.PerKey is %d: it must be positive, or 0 for no limit", c.PerKey)
	case c.Window < 0:
		return fmt.Sprintf("MemoryConfig.Window is %v: it must be positive, or 0 for the default", c.Window)
	case c.WindowMax < 0:
		return fmt.Sprintf("MemoryConfig.WindowMax is %d: it must be positive, or 0 for the default", c.WindowMax)
	case c.DeadMax < 0:
		return fmt.Sprintf("MemoryConfig.DeadMax is %d: it must be positive, or 0 for the default", c.DeadMax)
	case c.Codec != nil && (c.Codec.Encode == nil || c.Codec.Decode == nil):
		return "MemoryConfig.Codec needs both functions"
	}
	return ""
}

// Memory is an [Engine] in memory. It has no goroutine and no timer at rest: what is due is looked for by those who wait for it.
// What is inside is lost with the process. Make one with [NewMemory].
type Memory[T any] struct {
	config MemoryConfig[T]
	names  names

	// mu guards all below. No operation of package braid is made with it held: a scheduler may switch tasks there.
	mu     sync.Mutex
	stage  stage
	by     time.Time // draining: nothing is delivered from then on
	over   bool      // draining: that time has passed
	last   uint64    // id
	free   int       // places
	ready  [3]level[T]
	nready int
	keys   map[string]*keyState[T]

	spare  *record[T] // linked by next
	nspare int

	blocked int // jobs that wait for others of their key
	delayed dueHeap[T]
	leased  dueHeap[T] // in hand; due is when the lease runs out

	unique window
	dead   deadLetters[T]
	count  counters

	entering  line // who waits for a place
	receiving line // who waits for a job
	draining  line // who waits for the end
	waking    *waiter
	timed     *waiter   // the one of receiving that has a timer
	timer     time.Time // of timed
	rung      *waiter   // those to be woken when mu is released
	dropped   []*deadLetter[T]
}

type stage int

const (
	open stage = iota
	draining
	closed
)

// NewMemory returns an engine in memory. It panics if the config makes no sense; see there.
func NewMemory[T any](config MemoryConfig[T]) *Memory[T] {
	if wrong := config.check(); wrong != "" {
		panic("work: " + wrong)
	}
	m := &Memory[T]{config: config, free: config.Capacity, keys: make(map[string]*keyState[T])}
	name := named(config.Name)
	m.names = names{enqueue: name + "enqueue", receive: name + "receive", drain: name + "drain"}
	m.unique.max = or(config.WindowMax, DefaultWindowMax)
	m.dead.max = or(config.DeadMax, DefaultDeadMax)
	return m
}

// or returns v, or the default if v is zero.
func or[V comparable](v, byDefault V) V {
	var zero V
	if v == zero {
		return byDefault
	}
	return v
}

// enter begins an operation: a scheduler that wants to may switch tasks, and a ctx that is done ends it.
func (m *Memory[T]) enter(ctx context.Context, op string) error {
	sched.Point(sched.From(ctx), op, m)
	return causeOf(ctx)
}

// causeOf returns why ctx is done, or nil.
func causeOf(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// unlock wakes whom what has happened concerns, and releases mu.
func (m *Memory[T]) unlock() {
	m.wakeReceiver()
	if m.finished() {
		m.ringAll(&m.receiving)
		m.ringAll(&m.draining)
	}
	w := m.rung
	m.rung = nil
	dropped := m.dropped
	m.dropped = nil
	m.mu.Unlock()
	for w != nil {
		next := w.rung
		w.rung = nil
		w.bell.Set()
		w = next
	}
	for _, l := range dropped {
		letter, _ := l.letter(m.config.Codec) // one that cannot be decoded is given without its payload
		tell("OnDrop", func() { m.config.OnDrop(letter) })
	}
}

// Enqueue implements [Engine].
//
// # Cancellation
//
// If ctx ends before there is room, or is done already, Enqueue returns its cause and the job is not inside.
func (m *Memory[T]) Enqueue(ctx context.Context, job Job[T]) (Receipt, error) {
	if err := m.enter(ctx, "work.Enqueue"); err != nil {
		return Receipt{}, err
	}
	if err := job.check(); err != nil {
		return Receipt{}, err
	}
	var data []byte
	if c := m.config.Codec; c != nil {
		var err error
		if data, err = c.encode(job.Payload); err != nil {
			return Receipt{}, err
		}
		var zero T
		job.Payload = zero
	}
	now := braid.Time(ctx)
	m.mu.Lock()
	if id, ok := m.duplicate(job.Unique, now); ok {
		m.unlock()
		return Receipt{ID: id, Duplicate: true}, nil
	}
	if m.free == 0 || m.stage != open { // else there is room, and nobody is ahead
		if err := m.room(ctx); err != nil {
			return Receipt{}, err
		}
		now = braid.Time(ctx)
		if id, ok := m.duplicate(job.Unique, now); ok {
			m.leave()
			m.unlock()
			return Receipt{ID: id, Duplicate: true}, nil
		}
	} else {
		m.free--
	}
	m.last++
	job.ID, job.Enqueued, job.hold = m.last, now, nil
	if job.Unique != "" {
		m.count.Forgotten += m.unique.add(job.Unique, m.last, now.Add(or(m.config.Window, DefaultWindow)))
	}
	m.count.Enqueued++
	r := m.newRecord()
	r.job, r.data = job, data
	m.admit(r, job.RunAt, now)
	m.unlock()
	return Receipt{ID: job.ID}, nil
}

// duplicate looks for a job with the same Unique. mu is held.
func (m *Memory[T]) duplicate(unique string, now time.Time) (id uint64, ok bool) {
	if unique == "" || m.stage != open {
		return 0, false
	}
	if id, ok = m.unique.find(unique, now); ok {
		m.count.Duplicates++
	}
	return id, ok
}

// room takes a place, waiting for one if need be. mu is held, and released if there is an error.
func (m *Memory[T]) room(ctx context.Context) error {
	if m.stage != open {
		m.unlock()
		return braid.ErrShutdown
	}
	if m.free > 0 {
		m.free--
		return nil
	}
	w := newWaiter(m.names.enqueue)
	m.entering.push(w)
	m.unlock()
	err := w.bell.Wait(ctx)
	m.mu.Lock()
	switch {
	case err != nil && w.granted:
		m.leave() // to the next in line
	case err != nil:
		m.entering.remove(w)
	case !w.granted || m.stage != open:
		if w.granted {
			m.leave()
		}
		err = braid.ErrShutdown
	default:
		return nil
	}
	m.unlock()
	return err
}

// leave gives a place back, or to the first who waits for one. mu is held.
func (m *Memory[T]) leave() {
	if w := m.entering.pop(); w != nil {
		w.granted = true
		m.ring(w)
		return
	}
	m.free++
}

// admit makes r wait for its time, or ready. mu is held.
func (m *Memory[T]) admit(r *record[T], at, now time.Time) {
	if at.After(now) {
		r.due = at
		m.delayed.push(r)
		return
	}
	m.push(r, false)
}

// Receive implements [Engine].
//
// # Cancellation
//
// If ctx ends first, or is done already, Receive returns its cause and has taken nothing.
func (m *Memory[T]) Receive(ctx context.Context, lease time.Duration) (*Delivery[T], error) {
	if err := m.enter(ctx, "work.Receive"); err != nil {
		return nil, err
	}
	if lease <= 0 {
		return nil, fmt.Errorf("work: Receive with a lease of %v: it must be positive", lease)
	}
	for {
		now := braid.Time(ctx)
		m.mu.Lock()
		m.advance(now)
		if m.stage == closed || m.over || m.finished() {
			m.unlock()
			return nil, braid.ErrShutdown
		}
		if r := m.take(); r != nil {
			d := &Delivery[T]{Token: r}
			r.current, r.due = d, now.Add(lease)
			r.job.Attempts++
			m.leased.push(r)
			d.Job, d.At, d.Until = r.job, now, r.due
			data := r.data
			m.unlock()
			if c := m.config.Codec; c != nil {
				d.Job.Payload, d.Err = c.decode(data)
			}
			return d, nil
		}
		if err := m.await(ctx, now); err != nil {
			return nil, err
		}
	}
}

// advance makes ready what is due by now. mu is held.
func (m *Memory[T]) advance(now time.Time) {
	for r := m.delayed.first(); r != nil && !r.due.After(now); r = m.delayed.first() {
		m.delayed.remove(r)
		m.push(r, false)
	}
	for r := m.leased.first(); r != nil && !r.due.After(now); r = m.leased.first() {
		m.count.Expired++
		m.drop(r)
		m.push(r, false)
	}
	if m.stage == draining && !m.over && !now.Before(m.by) {
		m.over = true
		m.ringAll(&m.receiving)
		m.ringAll(&m.draining)
	}
}

// drop takes r out of the hand that has it. mu is held.
func (m *Memory[T]) drop(r *record[T]) {
	m.leased.remove(r)
	r.current = nil
	m.releaseKey(r)
}

// hold returns the record of d if that is still in hand. mu is held.
func (m *Memory[T]) inHand(d *Delivery[T]) (*record[T], error) {
	r, ok := d.Token.(*record[T])
	if !ok {
		return nil, fmt.Errorf("work: a delivery that this engine has not made: %w", ErrLeaseLost)
	}
	if r.current != d {
		return nil, ErrLeaseLost
	}
	return r, nil
}

// Extend implements [Engine]. It does not wait.
func (m *Memory[T]) Extend(ctx context.Context, d *Delivery[T], lease time.Duration) (time.Time, error) {
	if err := m.enter(ctx, "work.Extend"); err != nil {
		return time.Time{}, err
	}
	if lease <= 0 {
		return time.Time{}, fmt.Errorf("work: Extend by %v: a lease must be positive", lease)
	}
	until := braid.Time(ctx).Add(lease)
	m.mu.Lock()
	defer m.unlock()
	r, err := m.inHand(d)
	if err != nil {
		return time.Time{}, err
	}
	r.due = until
	m.leased.fix(r)
	return until, nil
}

// Settle implements [Engine]. It does not wait, and settles under a ctx that is done, too.
func (m *Memory[T]) Settle(ctx context.Context, d *Delivery[T], o Outcome) error {
	sched.Point(sched.From(ctx), "work.Settle", m)
	if o.Verdict < Ack || o.Verdict > Release {
		return fmt.Errorf("work: Settle with verdict %d: use Ack, Retry, Bury or Release", int(o.Verdict))
	}
	var now time.Time
	if o.Verdict != Ack {
		now = braid.Time(ctx)
	}
	m.mu.Lock()
	defer m.unlock()
	r, err := m.inHand(d)
	if err != nil {
		return err
	}
	m.drop(r)
	switch o.Verdict {
	case Ack:
		m.count.Done++
		m.recycle(r)
		m.leave()
	case Retry:
		m.count.Retried++
		r.job.Err = o.Err
		m.admit(r, now.Add(o.After), now)
	case Bury:
		m.count.Buried++
		r.job.Err = o.Err
		m.bury(r, o.Err, now)
		m.leave()
	case Release:
		m.count.Released++
		r.job.Attempts--
		m.push(r, true)
	}
	return nil
}

// Drain implements [Engine].
//
// # Cancellation
//
// If ctx ends first, or is done already, Drain returns its cause. If it was done already nothing has happened;
// else the intake has ended, and delivery ends at the time that was given.
func (m *Memory[T]) Drain(ctx context.Context, by time.Time) error {
	if err := m.enter(ctx, "work.Drain"); err != nil {
		return err
	}
	m.mu.Lock()
	if m.stage == closed {
		m.unlock()
		return nil
	}
	m.stage, m.by, m.over = draining, by, false
	m.ringAll(&m.entering)
	for {
		now := braid.Time(ctx)
		m.advance(now)
		if m.stage == closed || m.finished() {
			m.unlock()
			return nil
		}
		w := newWaiter(m.names.drain)
		m.draining.push(w)
		patience := time.Duration(-1)
		if !m.over {
			patience = m.by.Sub(now)
		}
		m.unlock()
		err := w.wait(ctx, patience)
		m.mu.Lock()
		m.draining.remove(w)
		if err != nil {
			m.unlock()
			return err
		}
	}
}

// finished reports whether nothing is in hand and nothing will be delivered any more. mu is held.
func (m *Memory[T]) finished() bool {
	if m.stage == open || m.leased.len() > 0 && m.stage != closed {
		return false
	}
	next := m.delayed.first()
	return m.stage == closed || m.over || m.nready == 0 && (next == nil || next.due.After(m.by))
}

// Close implements [Engine]. It does not wait. What it returns has the payload that was enqueued, unless there is a codec that fails.
func (m *Memory[T]) Close(ctx context.Context) ([]Job[T], error) {
	sched.Point(sched.From(ctx), "work.Close", m)
	m.mu.Lock()
	m.stage = closed
	left := m.takeAll()
	m.count.Returned += uint64(len(left))
	m.ringAll(&m.entering)
	m.unlock()
	jobs := make([]Job[T], len(left))
	var failed error
	for i, r := range left {
		jobs[i] = r.job
		if c := m.config.Codec; c != nil {
			var err error
			if jobs[i].Payload, err = c.decode(r.data); err != nil && failed == nil {
				failed = fmt.Errorf("job %d: %w", r.job.ID, err)
			}
		}
	}
	return jobs, failed
}
