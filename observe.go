package braid

import (
	"context"
	"slices"
	"weak"

	"github.com/braid-go/braid/internal/record"
	"github.com/braid-go/braid/internal/sched"
)

// How the inspector looks at primitives.
//
// A wait record names the primitive through a sched.Object, which does not keep it alive:
// strong links from tasks to what they wait on would hide leaked goroutines from the runtime's own profile.
// The Object has a look, made when somebody first waits there, which finds the primitive through a weak pointer.
// A look takes the primitive's own lock for a number of instructions that is bounded by record.MaxListed.

// look describes a primitive in o. It returns false if that has been collected.
type look func(o *observed) bool

// observed is what a look finds: a record.Resource before its tasks have ids.
type observed struct {
	record.Resource

	task    *Handle
	holders []held
	waiters []awaiting
}

// held is what a task holds of a primitive.
type held struct {
	task   *Handle // nil for one that is no task
	name   string
	amount int64
	mode   string
	maybe  bool
}

type awaiting struct {
	task   *Handle
	op     string
	amount int64
}

// primitive is what can be waited on.
type primitive interface {
	base() *resource
	noted() bool // it is noted in a ledger who holds what
	kind() string
	look() look
}

// lookAt returns a look at p that does not keep it alive. T is the primitive's own type.
func lookAt[T any](p *T, observe func(*T, *observed)) look {
	w := weak.Make(p)
	return func(o *observed) bool {
		p := w.Value()
		if p == nil {
			return false
		}
		observe(p, o)
		return true
	}
}

// queue lists the waiters of l, whose lock is held.
func (o *observed) queue(l *waitList, op string) {
	o.Waiting += l.len
	for w := l.head; w != nil && len(o.waiters) < record.MaxListed; w = w.next {
		o.waiters = append(o.waiters, awaiting{w.home, op, w.n})
	}
}

// attr notes a number that only this kind of primitive has.
func (o *observed) attr(name string, n int) {
	if o.Attrs == nil {
		o.Attrs = make(map[string]int64)
	}
	o.Attrs[name] = int64(n)
}

// holder notes that h, which may be nil, holds n.
func (o *observed) holder(h *Handle, n int64, mode string) {
	o.holders = append(o.holders, held{task: h, amount: n, mode: mode})
	if h == nil {
		o.Unknown = true
	}
}

// peek implements record.Source.
func peek(object *sched.Object) (record.Resource, bool) {
	see, _ := object.Of.(look)
	o := &observed{}
	if see == nil || !see(o) {
		return record.Resource{}, false
	}
	o.Task = o.task.identify()
	for _, h := range o.holders {
		r := record.Hold{Name: h.name, Amount: h.amount, Mode: h.mode, Maybe: h.maybe}
		if h.task != nil {
			r.Stamp = h.task.parkedStamp()
			r.Ended = h.task.State().Ended()
			r.Task = h.task.identify()
			if r.Ended {
				r.Name = h.task.Path()
			}
		}
		o.Holders = append(o.Holders, r)
	}
	for _, w := range o.waiters {
		o.Waiters = append(o.Waiters, record.Waiter{Task: w.task.identify(), Op: w.op, Amount: w.amount})
	}
	return o.Resource, true
}

// parkedStamp returns the stamp of the wait that h is in, or 0.
func (h *Handle) parkedStamp() int64 {
	own := h.waiter.Load()
	if own == nil {
		return 0
	}
	stamp := own.parker.Stamp.Load()
	if own.parker.Waiting() == nil || own.parker.Stamp.Load() != stamp {
		return 0
	}
	return stamp
}

// ledger notes who holds the permits of a semaphore or a read lock, if it has a name or somebody asks for it.
// The lock of the permits guards it.
//
// Release has no ctx, so who gives back is known by elimination only: a task that is parked, or has ended, did not do it.
// While that leaves several, the permit is owed: each of them is listed as a holder that may have given back.
// A debt is settled when a task ends, or asks again: as a rule a task asks for a second permit when it has given back the first,
// and it stays the rule of this semaphore until a task is seen that surely holds both.
// A release that none of the holders can have made shows that permits change hands, as they do where a semaphore is a signal;
// then nothing is known of it any more.
type ledger struct {
	list    []held
	owed    int64
	unknown bool
	handed  bool // permits have changed hands before
	nested  bool // somebody has taken a second one while it held the first
	turn    uint8
}

// took notes that h, which may be nil, has been given n. inUse counts what is in use now.
func (l *ledger) took(h *Handle, n, inUse int64) {
	if inUse == n {
		l.empty() // all that came before has been given back
	}
	if l.unknown {
		return
	}
	for i := range l.list {
		e := &l.list[i]
		if e.task != h {
			continue
		}
		l.nested = l.nested || l.owed < e.amount
		if !l.nested {
			l.owed -= e.amount
			e.amount = 0
		}
		e.amount += n
		return
	}
	if len(l.list) == record.MaxListed {
		l.settle()
	}
	if len(l.list) == record.MaxListed {
		l.unknown, l.list = true, nil
		return
	}
	l.list = append(l.list, held{task: h, amount: n})
}

// few is how many holders are looked at in each release. The state of each is in memory of its own, so with more of them
// only one release in lookEvery is looked at.
const (
	few       = 2
	lookEvery = 16
)

// gave notes that somebody is about to give n back. inUse counts what is in use before that.
func (l *ledger) gave(n, inUse int64) {
	if !l.unknown {
		l.settleOne(n, inUse)
	}
	if inUse == n {
		l.empty() // at once: what a task that has ended is kept alive by, is only what it has not given back
	}
}

// empty begins anew, as nothing is in use.
func (l *ledger) empty() {
	clear(l.list)
	l.list, l.owed, l.unknown = l.list[:0], 0, l.handed
}

// settleOne finds out who gave n back.
func (l *ledger) settleOne(n, inUse int64) {
	if l.turn++; len(l.list) > few && l.turn%lookEvery != 0 {
		l.owed += n
		return
	}
	var giver *held
	known, able := -l.owed, 0
	for i := range l.list {
		e := &l.list[i]
		known += e.amount
		if e.amount >= n && (e.task == nil || !e.task.parked()) {
			able++
			giver = e
		}
	}
	switch {
	case able == 1 && known >= inUse:
		giver.amount -= n
		if giver.amount == 0 {
			l.list = slices.DeleteFunc(l.list, func(h held) bool { return h.amount == 0 })
		}
	case able > 0:
		l.owed += n
	case known >= inUse:
		l.unknown, l.handed, l.list = true, true, nil
	}
}

// forgo notes that h has not used the n that it was given.
func (l *ledger) forgo(h *Handle, n int64) {
	for i := range l.list {
		if e := &l.list[i]; e.task == h && e.amount >= n {
			e.amount -= n
			return
		}
	}
}

// settle takes out those who have ended, as far as something is owed.
func (l *ledger) settle() {
	l.list = slices.DeleteFunc(l.list, func(h held) bool {
		if h.task == nil || !h.task.State().Ended() || h.amount > l.owed {
			return h.amount == 0
		}
		l.owed -= h.amount
		return true
	})
}

// observe lists the holders of inUse permits.
func (l *ledger) observe(o *observed, inUse int64, mode string) {
	if l == nil {
		o.Unknown = o.Unknown || inUse > 0
		return
	}
	l.settle()
	known := -l.owed
	for _, h := range l.list {
		known += h.amount
		h.mode, h.maybe = mode, l.owed > 0
		o.holders = append(o.holders, h)
		o.Unknown = o.Unknown || h.task == nil
	}
	o.Unknown = o.Unknown || l.unknown || known < inUse
}

// parked reports whether h waits inside braid.
func (h *Handle) parked() bool {
	w := h.waiter.Load()
	return w != nil && w.parker.Waiting() != nil
}

// users are the tasks that have put into a queue, or got from it, if it has a name or somebody asks for it.
// The lock of the queue guards it.
type users struct {
	last    *Handle
	list    []*Handle // that have not ended, when it was last looked
	ended   bool      // some have
	renewed bool      // one came when all before it had ended
	unknown bool
}

const maxUsers = 16

// add notes that the task of ctx uses the queue.
func (u *users) add(ctx context.Context) {
	h := Current(ctx)
	if h == nil {
		u.unknown = true
		return
	}
	if u.last == h || u.unknown {
		return
	}
	u.last = h
	if slices.Contains(u.list, h) {
		return
	}
	u.forget()
	u.renewed = u.renewed || u.ended && len(u.list) == 0
	if len(u.list) == maxUsers {
		*u = users{unknown: true}
		return
	}
	u.list = append(u.list, h)
}

// forget takes out those who have ended.
func (u *users) forget() {
	n := len(u.list)
	u.list = slices.DeleteFunc(u.list, (*Handle).over)
	u.ended = u.ended || len(u.list) < n
}

func (h *Handle) over() bool { return h.State().Ended() }

// queueUsers are those of both sides.
type queueUsers struct{ put, get users }

func (u *queueUsers) observe(o *observed) {
	if u == nil {
		o.Unknown = true
		return
	}
	u.put.observe(o, "put")
	u.get.observe(o, "get")
	switch {
	case u.put.unknown == u.get.unknown:
	case u.put.unknown:
		o.UnknownOf = "put"
	default:
		o.UnknownOf = "get"
	}
}

// observe lists the users that have not ended.
func (u *users) observe(o *observed, mode string) {
	u.forget()
	if u.ended {
		o.attr("former "+mode+"ters", 1)
	}
	if u.renewed {
		o.attr("later "+mode+"ters", 1)
	}
	if u.last != nil && u.last.over() {
		u.last = nil
	}
	for _, h := range u.list {
		o.holders = append(o.holders, held{task: h, amount: 1, mode: mode})
	}
	o.Unknown = o.Unknown || u.unknown
}
