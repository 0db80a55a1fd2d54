package braid

import "context"

// Portal lets code that has no task run tasks in a group: a callback of another library, an HTTP handler, a plain goroutine.
// Make one with [NewPortal]; it may be used from any goroutine, for as long as the group's Run goes on.
//
// What is called through a portal reports to its caller alone: a failure or panic does not touch the group.
// It is cancelled with the group, and Run waits for it.
type Portal struct {
	group *Group
}

// NewPortal returns a portal into g.
// It panics if g is nil.
func NewPortal(g *Group) *Portal {
	if g == nil {
		panic("braid: NewPortal(nil): a portal needs the group into which it leads")
	}
	g.node.mu.Lock()
	g.portal = true
	g.node.mu.Unlock()
	return &Portal{group: g}
}

// Submit starts fn as a task of the portal's group and returns a future of its result. It never blocks;
// in a limited group the task waits for a slot. [Future.Cancel] cancels it.
//
// If fn fails, the future has its error; if it panics, a [*PanicError], and the group's [PanicHook] hears of it too.
// If the group is cancelled before fn starts, the error is [ErrNotStarted]; if its Run has returned, [ErrClosed].
func Submit[T any](p *Portal, fn func(context.Context) (T, error), opts ...TaskOption) *Future[T] {
	if fn == nil {
		panic("braid: Submit needs a function; the one given is nil")
	}
	promise := &Promise[T]{}
	f := promise.Future()
	var value T
	h := &Handle{group: p.group, entry: entryOf(fn)}
	h.fn = func(ctx context.Context) (err error) {
		value, err = fn(ctx)
		return err
	}
	h.ask().apart = true
	h.extra.report = func(err error) bool {
		f.bring(p.group, value, err)
		return true
	}
	for _, o := range opts {
		o.applyTask(h)
	}
	f.task = h
	if p.group.spawn(h, mayQueue) == runIsOver {
		promise.future.settle(value, ErrClosed)
	}
	return f
}

// Do runs fn as a task of the portal's group on the calling goroutine and returns what fn returns;
// a panic comes back as a [*PanicError], and the [PanicHook] is not told, since the caller is. On schedulers that have no use for foreign goroutines fn runs as any other task,
// and Do waits for it.
//
// fn's ctx has the values of ctx, and ends when ctx does or when the group is cancelled, whichever is first.
// In a limited group Do waits for a slot. It returns [ErrNotStarted] if the group is cancelled before fn has started,
// and [ErrClosed] if its Run has returned.
//
// # Cancellation
//
// If ctx is done before fn has started, Do returns its cause and fn is never called.
// Afterwards Do returns when fn does.
func (p *Portal) Do(ctx context.Context, fn func(context.Context) error, opts ...TaskOption) error {
	g := p.group
	t := &visitor{}
	h := &t.Handle
	g.prepare(h, fn, opts)
	if err := enter(ctx, "portal.Do", p); err != nil {
		return err
	}
	h.node.inline = g.node.link.sched == nil
	if g.limit > 0 || !h.node.inline {
		h.fn = unlessDone(ctx, h.fn) // some time may pass
	}
	lender := g.lend(Current(ctx)) // for all of the call: fn needs the slot if me is in the same group
	defer g.restore(ctx, lender)

	t.below(ctx, g)
	if err := g.enlist(ctx, h); err != nil {
		return err
	}
	if h.node.inline {
		return h.runHere()
	}
	return h.runThere(ctx)
}

// unlessDone is fn that does not run if ctx is done.
func unlessDone(ctx context.Context, fn func(context.Context) error) func(context.Context) error {
	return func(task context.Context) error {
		if err := causeOf(ctx); err != nil {
			return err
		}
		return fn(task)
	}
}

// visitor is a task that came through Do, in one piece with the link to its caller's ctx.
type visitor struct {
	Handle
	link link
	ear  ear
}

// below gives v, a task of g, the values and the end of ctx besides those of g.
func (v *visitor) below(ctx context.Context, g *Group) {
	up := g.node.link
	v.link = link{ctx: ctx, node: &v.node, up: up, ear: &v.ear, sched: up.sched, live: true, limit: up.limit, until: up.until, hook: up.hook}
	if when, ok := ctx.Deadline(); ok && (up.limit.IsZero() || when.Before(up.limit)) {
		v.link.limit = when
	}
	v.node.link = &v.link
}

// enlist makes h a member of its group, waiting for a slot if need be.
func (g *Group) enlist(ctx context.Context, h *Handle) error {
	if !h.node.inline {
		h.ask().report = func(error) bool { return true }
		h.extra.apart, h.extra.quiet = true, true
	}
	if g.limit > 0 {
		return g.admit(ctx, h)
	}
	switch g.spawn(h, mayQueue) {
	case runIsOver:
		return ErrClosed
	case notStarted:
		return ErrNotStarted
	default:
		return nil
	}
}

// runHere runs an admitted task on the calling goroutine.
func (h *Handle) runHere() (err error) {
	g := h.group
	state := Failed
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				state = h.panicked(v)
				err = h.err
			} else {
				state = h.failed(ErrGoexit)
			}
		}
		h.node.link.hangUp(&h.node)
		g.retire(h, state)
		g.dispatch()
	}()
	h.start.Store(sinceEpoch(nil))
	err = h.fn(&h.node)
	returned = true
	state = h.returned(err)
	return err
}

// runThere waits for a task that another scheduler runs, and cancels it when ctx ends.
func (h *Handle) runThere(ctx context.Context) error {
	h.node.link.listen()
	defer h.node.link.hangUp(&h.node)
	_ = h.await(context.WithoutCancel(ctx))
	if te, ok := h.err.(*TaskError); ok && te.Task == h.Path() {
		return te.Err
	}
	return h.err
}
