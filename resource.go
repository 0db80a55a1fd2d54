package braid

import (
	"context"
	"sync/atomic"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// resource is what all primitives have in common: a name for tools, and the scheduler that last used them,
// so that operations without a ctx are seen by schedulers that want to see every operation.
type resource struct {
	sched atomic.Pointer[sched.Scheduler] // nil for goroutines
	name  atomic.Pointer[string]
	obj   atomic.Pointer[sched.Object]
	last  atomic.Pointer[sched.Wait] // the wait record used last, to be used again
}

func (r *resource) base() *resource { return r }

// SetName names the object for tools and error texts. Call it before the object is shared.
func (r *resource) SetName(name string) {
	r.name.Store(&name)
}

// Name returns the name given by SetName, or "".
func (r *resource) Name() string {
	if p := r.name.Load(); p != nil {
		return *p
	}
	return ""
}

// enter begins an operation that has a ctx.
func (r *resource) enter(ctx context.Context, op string) error {
	if n, ok := ctx.(*node); ok {
		if n.link.sched != nil {
			r.bind(n.link.sched)
			sched.Point(n.link.sched, op, r)
		}
		if rec := n.cancelled(); rec != nil {
			return rec.cause
		}
		return nil
	}
	if s := schedOf(ctx); s != nil {
		r.bind(s)
	}
	return enterForeign(ctx, op, r)
}

func (r *resource) bind(s sched.Scheduler) {
	if p := r.sched.Load(); p == nil || *p != s {
		r.sched.Store(s.Ref())
	}
}

// noted reports whether it is noted who uses the resource; see package record. Once it is, it stays so, since names do not go
// and record.Holders is not taken back: an account with gaps would be wrong without looking so.
func (r *resource) noted() bool {
	return record.On && (r.name.Load() != nil || record.Holders.Load())
}

// point begins an operation that has no ctx.
func (r *resource) point(op string) {
	if s := r.sched.Load(); s != nil {
		sched.Point(*s, op, r)
	}
}

var lastObject atomic.Uint64

// why says what a call of p that is about to park waits for.
func (r *resource) why(p primitive, op string) *sched.Wait {
	if w := r.last.Load(); w != nil && w.Op == op {
		return w
	}
	o := r.obj.Load()
	if o == nil {
		return r.firstWhy(p, op)
	}
	w := &sched.Wait{Op: op, Object: o}
	r.last.Store(w)
	return w
}

// firstWhy is why when somebody waits for the first time. It names the resource, which is p's, in wait records:
// in one piece with the first of these, as most need no other.
func (r *resource) firstWhy(p primitive, op string) *sched.Wait {
	first := &struct {
		wait   sched.Wait
		object sched.Object
	}{object: sched.Object{Kind: p.kind(), Name: r.Name(), ID: lastObject.Add(1)}}
	if record.On {
		first.object.Of = p.look()
	}
	first.wait = sched.Wait{Op: op, Object: &first.object}
	if !r.obj.CompareAndSwap(nil, &first.object) {
		return r.why(p, op) // another call was the first
	}
	r.last.Store(&first.wait)
	return &first.wait
}
