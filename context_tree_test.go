package braid_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
)

// Contexts of scopes beside the same tree made of standard contexts, which is the slow and trusted one.

// errScopeOver stands in the reference for what a context says whose scope has ended.
var errScopeOver = errors.New("braid: the scope of this context has ended")

// expired stands in the reference for a *braid.TimeoutError.
type expired struct {
	op    string
	after time.Duration
}

func (e expired) Error() string { return fmt.Sprintf("%s of %v is over", e.op, e.after) }

// plain makes causes of both trees comparable.
func plain(err error) string {
	var te *braid.TimeoutError
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &te):
		return expired{te.Op, te.After}.Error()
	}
	return err.Error()
}

type ctxKey int

const ctxKeys = 4

// pair is a context of braid's tree, or a standard one in it, and its equal in the reference.
type pair struct {
	id   int
	kind string
	up   *pair

	got, want context.Context

	cancelGot  func(error) // nil: cannot be cancelled
	cancelWant func(error)

	// Of scopes that are open.
	end    chan struct{} // closed to let the scope's function return
	ended  chan struct{} // closed when the scope's call has returned
	open   bool
	scopes int          // open scopes below
	group  *braid.Group // of a Run
	until  time.Time    // the limit of the shield around

	// late: a standard context above hears of the end through a goroutine of its own, and so is no measure until that
	// has run. The context package starts one to listen to a context that is not its own behind a WithValue.
	late bool

	shy    bool       // nobody asks for its Done channel
	waiter chan error // what a call gives that waits with got; nil if there is none
	waited error
	isBack bool // the call has returned

	// Of context.AfterFunc.
	callsGot, callsWant atomic.Int32
	stopGot, stopWant   func() bool
}

func (p *pair) String() string {
	if p.up == nil {
		return fmt.Sprintf("%s#%d", p.kind, p.id)
	}
	return p.up.String() + "/" + fmt.Sprintf("%s#%d", p.kind, p.id)
}

// ours reports whether the context is a scope's.
func (p *pair) ours() bool { return p.end != nil }

// prompt reports whether what ended above shows in the context at once.
func (p *pair) prompt() bool { return p.ours() && !p.late }

// belowOurs reports whether p only adds values to a scope's context.
func (p *pair) belowOurs() bool {
	for p.kind == "value" {
		p = p.up
	}
	return p.ours()
}

type forest struct {
	t     *testing.T
	rng   *rand.Rand
	pairs []*pair
	never braid.Event // what waiters wait for
	ids   int
	log   []string
}

func (f *forest) logf(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *forest) errorf(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("%s\nafter\n  %s", fmt.Sprintf(format, args...), strings.Join(f.log, "\n  "))
}

// delay returns a time from now that no other delay ends at: points in time are whole milliseconds, ends of delays are not.
func (f *forest) delay() time.Duration {
	return time.Duration(1+f.rng.IntN(40))*time.Millisecond + time.Duration(f.ids)*time.Microsecond
}

func (f *forest) add(kind string, up *pair, got, want context.Context) *pair {
	p := &pair{id: f.ids, kind: kind, up: up, got: got, want: want, shy: f.rng.IntN(3) == 0}
	if up != nil {
		p.until = up.until
		switch kind {
		case "without", "Shield":
		case "cancel", "timeout", "deadline":
			p.late = up.late || up.kind == "value" && up.belowOurs()
		default:
			p.late = up.late
		}
	}
	f.pairs = append(f.pairs, p)
	return p
}

// hold opens a scope and leaves it open. call runs the scope with a function that offers its context;
// it returns what the scope's call returned, and the scope is open if that function was called.
func (f *forest) hold(kind string, up *pair, want context.Context, call func(hold func(context.Context) error) error) (*pair, error) {
	type opening struct {
		ctx context.Context
		err error
	}
	opened := make(chan opening, 2)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		err := call(func(ctx context.Context) error {
			opened <- opening{ctx: ctx}
			<-end
			return nil
		})
		opened <- opening{err: err}
	}()
	o := <-opened
	if o.ctx == nil {
		<-ended
		return nil, o.err
	}
	p := f.add(kind, up, o.ctx, want)
	p.end, p.ended, p.open = end, ended, true
	for q := up; q != nil; q = q.up {
		q.scopes++
	}
	return p, nil
}

// referenceScope returns the reference of a scope: a context that ends with a cause, and at a time unless that is zero.
func referenceScope(parent context.Context, at time.Time, late error) (context.Context, func(error)) {
	ctx, cancel := context.WithCancelCause(parent)
	if at.IsZero() {
		return ctx, cancel
	}
	limited, stop := context.WithDeadlineCause(ctx, at, late)
	return limited, func(cause error) {
		cancel(cause)
		stop()
	}
}

// grow puts something below up.
func (f *forest) grow(up *pair) {
	f.ids++
	if up.group != nil && up.open && f.rng.IntN(3) == 0 {
		f.growTask(up)
		return
	}
	id := f.ids
	d := f.delay()
	var p *pair
	var err error
	kind := []string{
		"value", "cancel", "timeout", "deadline", "without", // standard
		"Run", "Run", "Timeout", "Deadline", "Shield", // ours
	}[f.rng.IntN(10)]
	f.logf("%s#%d(%v) below %v", kind, id, d, up)
	cancelled := context.Cause(up.want)
	switch kind {
	case "value":
		key, value := ctxKey(f.rng.IntN(ctxKeys)), id
		p = f.add(kind, up, context.WithValue(up.got, key, value), context.WithValue(up.want, key, value))
	case "without":
		p = f.add(kind, up, context.WithoutCancel(up.got), context.WithoutCancel(up.want))
	case "cancel":
		got, cancelGot := context.WithCancelCause(up.got)
		want, cancelWant := context.WithCancelCause(up.want)
		p = f.add(kind, up, got, want)
		p.cancelGot, p.cancelWant = cancelGot, cancelWant
	case "timeout":
		cause := fmt.Errorf("standard timeout %d", id)
		got, stopGot := context.WithTimeoutCause(up.got, d, cause)
		want, stopWant := context.WithTimeoutCause(up.want, d, cause)
		p = f.add(kind, up, got, want)
		p.cancelGot, p.cancelWant = func(error) { stopGot() }, func(error) { stopWant() }
	case "deadline":
		at := time.Now().Add(d)
		got, stopGot := context.WithDeadline(up.got, at)
		want, stopWant := context.WithDeadline(up.want, at)
		p = f.add(kind, up, got, want)
		p.cancelGot, p.cancelWant = func(error) { stopGot() }, func(error) { stopWant() }
	case "Run":
		want, cancelWant := referenceScope(up.want, time.Time{}, nil)
		var group *braid.Group
		p, err = f.hold(kind, up, want, func(hold func(context.Context) error) error {
			return braid.Run(up.got, func(ctx context.Context, g *braid.Group) error {
				group = g
				return hold(ctx)
			})
		})
		if p != nil {
			p.group = group
			p.cancelGot, p.cancelWant = group.Cancel, cancelWant
		}
	case "Timeout", "Deadline":
		want, endWant := referenceScope(up.want, time.Now().Add(d), expired{strings.ToLower(kind), d})
		p, err = f.hold(kind, up, want, func(hold func(context.Context) error) error {
			if kind == "Timeout" {
				return braid.Timeout(up.got, d, hold)
			}
			return braid.Deadline(up.got, time.Now().Add(d), hold)
		})
		if p != nil {
			p.cancelWant = endWant
		}
	case "Shield":
		cancelled = nil // it opens all the same
		until := time.Now().Add(d)
		if !up.until.IsZero() && up.until.Before(until) {
			until = up.until
		}
		if !until.After(time.Now()) {
			f.logf("... not: the shield around is over")
			return
		}
		want, endWant := referenceScope(context.WithoutCancel(up.want), until, expired{"shield", time.Until(until)})
		p, err = f.hold(kind, up, want, func(hold func(context.Context) error) error {
			return braid.Shield(up.got, d, hold)
		})
		if p != nil {
			p.cancelWant, p.until = endWant, until
		}
	}
	if p == nil {
		if cancelled == nil || plain(err) != plain(cancelled) {
			f.errorf("opening %s#%d below %v: %v, want it open or refused with %v", kind, id, up, err, cancelled)
		}
		return
	}
	if p.ours() && cancelled != nil {
		f.errorf("%v is open, below a context that ended because of %v", p, cancelled)
	}
	f.watch(p)
}

// growTask starts a task in the group of up.
func (f *forest) growTask(up *pair) {
	f.logf("Task#%d below %v", f.ids, up)
	want, cancelWant := referenceScope(up.want, time.Time{}, nil)
	p, err := f.hold("Task", up, want, func(hold func(context.Context) error) error {
		return up.group.Go(hold).Wait(context.Background())
	})
	if dead := up.want.Err() != nil; dead != (p == nil) || dead && !errors.Is(err, braid.ErrNotStarted) {
		f.errorf("task below %v, which ended: %v; error %v", up, dead, err)
	}
	if p != nil {
		p.cancelGot, p.cancelWant = braid.Current(p.got).Cancel, cancelWant
		f.watch(p)
	}
}

// watch lets somebody hear of the end of both contexts, of some.
func (f *forest) watch(p *pair) {
	if f.rng.IntN(3) == 0 {
		p.waiter = make(chan error, 1)
		go func() { p.waiter <- f.never.Wait(p.got) }()
	}
	if p.shy || f.rng.IntN(2) == 0 {
		return
	}
	p.stopGot = context.AfterFunc(p.got, func() { p.callsGot.Add(1) })
	p.stopWant = context.AfterFunc(p.want, func() { p.callsWant.Add(1) })
}

// cancel ends p, if it can be.
func (f *forest) cancel(p *pair) {
	if p.cancelGot == nil || p.ours() && !p.open {
		return
	}
	var cause error
	if f.rng.IntN(4) > 0 {
		f.ids++
		cause = fmt.Errorf("cause %d", f.ids)
	}
	f.logf("cancel %v: %v", p, cause)
	p.cancelGot(cause)
	p.cancelWant(cause)
}

// finish lets the scope p return, if no scope below is open.
func (f *forest) finish(p *pair) {
	if !p.open || p.scopes > 0 {
		return
	}
	f.logf("finish %v", p)
	close(p.end)
	<-p.ended
	p.open = false
	for q := p.up; q != nil; q = q.up {
		q.scopes--
	}
	p.cancelWant(errScopeOver)
}

// stop takes the function back that watch registered.
func (f *forest) stop(p *pair) {
	if p.stopGot == nil {
		return
	}
	f.logf("stop the function of %v", p)
	if got, want := p.stopGot(), p.stopWant(); got != want {
		f.errorf("stop of the function of %v: %v, want %v", p, got, want)
	}
}

// compareNow looks at what must be right at once, with no other goroutine having run.
func (f *forest) compareNow(p *pair) {
	if got, want := p.got.Err(), p.want.Err(); got != want {
		f.errorf("%v: Err %v, want %v", p, got, want)
	}
	if got, want := plain(context.Cause(p.got)), plain(context.Cause(p.want)); got != want {
		f.errorf("%v: Cause %s, want %s", p, got, want)
	}
}

// compare looks at everything, when all goroutines have come to rest.
func (f *forest) compare(p *pair) {
	f.compareWaiter(p)
	f.compareNow(p)
	f.compareDone(p)
	if !p.ours() || p.open { // the deadline of an ended scope means nothing
		got, gotOK := p.got.Deadline()
		want, wantOK := p.want.Deadline()
		if gotOK != wantOK || !got.Equal(want) {
			f.errorf("%v: Deadline %v %v, want %v %v", p, got, gotOK, want, wantOK)
		}
	}
	for key := range ctxKey(ctxKeys) {
		if got, want := p.got.Value(key), p.want.Value(key); got != want {
			f.errorf("%v: Value(%d) %v, want %v", p, key, got, want)
		}
	}
	if got, want := p.callsGot.Load(), p.callsWant.Load(); got != want {
		f.errorf("%v: its function was called %d times, want %d", p, got, want)
	}
}

// compareWaiter looks whether the call that waits with the context is back, as it must be by itself.
func (f *forest) compareWaiter(p *pair) {
	if p.waiter == nil {
		return
	}
	if !p.isBack {
		select {
		case p.waited = <-p.waiter:
			p.isBack = true
		default:
		}
	}
	if want := p.want.Err() != nil; p.isBack != want || want && plain(p.waited) != plain(context.Cause(p.want)) {
		f.errorf("%v: the call that waits with it has returned: %v, with %v; want %v, %v",
			p, p.isBack, p.waited, want, context.Cause(p.want))
	}
}

func (f *forest) compareDone(p *pair) {
	if p.shy {
		return
	}
	if p.ours() || p.want.Done() != nil {
		if got, want := isClosed(p.got.Done()), isClosed(p.want.Done()); got != want {
			f.errorf("%v: Done closed %v, want %v", p, got, want)
		}
	} else if p.got.Done() != nil {
		f.errorf("%v: has a Done channel, want none", p)
	}
	if first, second := p.got.Done(), p.got.Done(); first != second {
		f.errorf("%v: Done gives another channel the second time", p)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// step does one random thing and compares all pairs.
func (f *forest) step() {
	p := f.pairs[f.rng.IntN(len(f.pairs))]
	switch f.rng.IntN(12) {
	case 0, 1:
		f.cancel(p)
		if q := f.pairs[f.rng.IntN(len(f.pairs))]; q.prompt() {
			f.cancel(q) // the first one counts, seen or not
		}
	case 2, 3:
		f.finish(p)
	case 4:
		f.stop(p)
	case 5:
		d := time.Duration(1+f.rng.IntN(15)) * time.Millisecond
		f.logf("advance %v", d)
		_ = braid.Sleep(context.Background(), d)
		synctest.Wait()
	default:
		f.grow(p)
	}
	p = f.pairs[f.rng.IntN(len(f.pairs))]
	for _, q := range f.pairs {
		if q.prompt() && f.rng.IntN(2) == 0 { // not all, since a look may bring about what another look would miss
			f.compareNow(q)
		}
	}
	if p.prompt() && f.rng.IntN(2) == 0 {
		f.grow(p) // a call at once, before what goroutines there are have run
	}
	synctest.Wait()
	for _, q := range f.pairs {
		f.compare(q)
	}
}

// close lets all scopes return, the inner ones first, and ends the rest.
func (f *forest) close() {
	for _, p := range slices.Backward(f.pairs) {
		f.finish(p)
	}
	synctest.Wait()
	defer f.never.Set()
	if !f.t.Failed() {
		for _, p := range f.pairs {
			f.compare(p)
		}
	}
	for _, p := range f.pairs {
		if p.cancelGot != nil && !p.ours() {
			p.cancelGot(nil)
		}
		if p.cancelWant != nil {
			p.cancelWant(nil)
		}
	}
	synctest.Wait()
}

func TestContext_likeTheStandardTree(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 50
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := &forest{t: t, rng: rand.New(rand.NewPCG(seed, 0))}
				defer f.close()
				root := f.add("root", nil, context.Background(), context.Background())
				if seed%2 == 0 {
					ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), ctxKey(0), "root"))
					root.got, root.want = ctx, ctx
					root.cancelGot, root.cancelWant = cancel, cancel
				}
				for range 60 {
					f.step()
				}
			})
		})
	}
}
