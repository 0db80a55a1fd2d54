package inspect

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Looks at the tasks: one about every half second, also if nobody asks, so that findings and charts are there when somebody does.
// What a look costs decides how often there is one: at most a hundredth of the time, or a tenth while there are clients.

const (
	defaultInterval = 500 * time.Millisecond
	confirmAfter    = 100 * time.Millisecond // a suspicion is looked at again after this time
	idleShare       = 100                    // the interval is at least so many times the cost of a look
	clientShare     = 10                     // as idleShare, while there are clients
	lastingClient   = 10 * time.Second       // a client is there for as long after its last request
	maxChanges      = 1000                   // tasks told to followers after one look
)

// hooks is what an inspector looks through. Tests have their own; only take must be there.
type hooks struct {
	take      func() *Snapshot
	cancel    func(id uint64, cause error) bool
	inspect   func(holders, labels, ids bool) (leave func()) // there is an inspector
	attend    func() (leave func())                          // there is a client
	outcomes  func() Counters                                // of the tasks that ended while there were clients
	durations func() (us []int64)                            // of those that ended since the last call
	endings   func(after uint64) (list []Ended, lost, next uint64)
	leaked    func() ([]Stack, error) // goroutines that wait for ever; takes a garbage collection
	getenv    func(string) string
}

// looker takes snapshots, and keeps what they have shown.
type looker struct {
	hooks

	interval time.Duration
	redact   func(string) string
	name     string
	monitor  *Monitor // used by the goroutine of run alone
	feed     *feed
	history  history

	taking  chan struct{} // holds a token while nobody takes a snapshot; who has it may use
	started int64         // tasks, as told in the last snapshot
	offset  int64         // of that from what the numbers in package braid say
	purse   purse

	mu        sync.Mutex
	latest    *Snapshot // nil if nobody has asked for a while
	point     Point     // of the last look, as are
	counters  Counters
	findings  []Finding
	suspected int
	costs     [2]time.Duration // of the last looks, and
	takeCost  time.Duration    // of the last snapshot, which is a part of it
	counting  bool             // ends are
	anew      bool             // and were not before
	asked     time.Time        // when somebody asked last
	streams   int              // followers of the feed

	ends uint64 // the last of the ended tasks that the last look has seen; of run alone

	leaksAsked time.Time     // the runtime, for leaked goroutines, and
	leaksCost  time.Duration // what that took; both of run alone

	dropped atomic.Int64 // events that followers were not given

	wake  chan struct{} // somebody has come
	self  atomic.Int64  // microseconds
	leave func()        // ends the attendance, while there is one; of run alone
}

func newLooker(h hooks, o Options) (*looker, error) {
	m, err := NewMonitor(o.Rules)
	if err != nil {
		return nil, err
	}
	l := &looker{
		hooks: h, interval: o.Interval, redact: o.Redact, name: o.Name, monitor: m,
		counting: h.attend == nil, anew: true,
		purse: purse{share: clientShare}, feed: newFeed(time.Now()), taking: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	if l.interval <= 0 {
		l.interval = defaultInterval
	}
	l.taking <- struct{}{}
	if l.endings != nil {
		_, _, l.ends = l.endings(math.MaxUint64) // what ended before is not this one's
	}
	return l, nil
}

// run looks until ctx is done.
func (l *looker) run(ctx context.Context) {
	defer l.watch(false)
	var before view
	timer := time.NewTimer(0)
	defer timer.Stop()
	confirm := false // this look was a second one, for a suspicion
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake: // the next look comes sooner, but not now: it would hold up the answer to the question that woke us
			l.watch(l.hasClients())
			timer.Reset(min(l.pause(), time.Until(next)))
			continue
		case <-timer.C:
		}
		l.watch(l.hasClients())
		before = l.look(ctx, before)
		wait := l.pause()
		l.mu.Lock()
		suspected := l.suspected > 0
		l.mu.Unlock()
		if confirm = suspected && !confirm; confirm { // never two in a row, so that suspicions that come and go are no load
			wait = min(wait, max(confirmAfter, clientShare*l.lastCost()))
		}
		next = time.Now().Add(wait)
		timer.Reset(wait)
	}
}

// pause returns how long to wait before the next look.
func (l *looker) pause() time.Duration {
	share := idleShare
	if l.hasClients() {
		share = clientShare
	}
	return max(l.interval, time.Duration(share)*l.lastCost())
}

// lastCost returns what a look costs: the less of the last two, since one that had to wait for a processor has not cost what it took.
func (l *looker) lastCost() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(l.costs[0], l.costs[1])
}

// fresh returns how old a snapshot may be that answers a request.
func (l *looker) fresh() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.interval, clientShare*l.takeCost)
}

// watch says whether there are clients: while there are, more is noted of what happens between two looks.
func (l *looker) watch(clients bool) {
	switch {
	case l.attend == nil || clients == (l.leave != nil):
		return
	case clients:
		l.leave = l.attend()
	default:
		l.leave()
		l.leave = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counting, l.anew = clients, clients
}

// come notes that somebody asks.
func (l *looker) come() {
	l.mu.Lock()
	first := l.streams == 0 && time.Since(l.asked) > lastingClient
	l.asked = time.Now()
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (l *looker) hasClients() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams > 0 || time.Since(l.asked) <= lastingClient
}

// follow notes that somebody begins to follow the feed, or ends, with n 1 or -1.
func (l *looker) follow(n int) {
	l.come()
	l.mu.Lock()
	l.streams += n
	l.mu.Unlock()
}

func (l *looker) followers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.streams
}

// snapshot returns a snapshot that is not older than fresh() says or, if anew is true, that began after the call.
// It waits for a snapshot that is under way, and so long that snapshots take no more than their share of the time.
func (l *looker) snapshot(ctx context.Context, anew bool) (*Snapshot, error) {
	begin := time.Now()
	l.come()
	good := func() *Snapshot {
		limit := l.fresh()
		l.mu.Lock()
		defer l.mu.Unlock()
		if s := l.latest; s != nil && (s.Taken.After(begin) || !anew && begin.Sub(s.Taken) <= limit) {
			return s
		}
		return nil
	}
	if s := good(); s != nil {
		return s, nil
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-l.taking:
	}
	defer func() { l.taking <- struct{}{} }()
	if s := good(); s != nil {
		return s, nil
	}
	if err := l.purse.wait(ctx); err != nil {
		return nil, err
	}
	s, cost, err := l.takeOne()
	if err != nil {
		return nil, err
	}
	l.purse.spend(cost)
	l.publish(s, cost)
	return s, nil
}

// takeOne takes a snapshot. The token of l.taking is with its caller.
// A panic is an error: whatever is wrong with the inspector, the program that it looks at goes on.
func (l *looker) takeOne() (s *Snapshot, cost time.Duration, err error) {
	begin := time.Now()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("inspect: taking a snapshot panicked: %v\n%s", v, debug.Stack())
		}
		cost = time.Since(begin)
		l.self.Add(cost.Microseconds())
	}()
	var ends Counters
	if l.outcomes != nil {
		ends = l.outcomes() // before the tasks that live: so none is counted twice
	}
	s = l.take()
	if l.outcomes != nil {
		ends.Goroutines = s.Counters.Goroutines
		s.Counters = ends
		s.Counters.Started = l.startedBy(&ends, len(s.Tasks))
	}
	if l.name != "" {
		s.Process.Name = l.name
	}
	if l.redact != nil {
		redactSnapshot(s, l.redact)
	}
	s.Counters.SelfUS += l.self.Load()
	s.Counters.Dropped += l.dropped.Load()
	return s, 0, nil
}

// startedBy returns how many tasks were started while ends were counted. What lives or has ended was started;
// a task that ends while a snapshot is taken is in neither number, and so this one lags behind for a moment.
// The token of l.taking is with its caller.
func (l *looker) startedBy(ends *Counters, live int) int64 {
	l.mu.Lock()
	counting, anew := l.counting, l.anew
	l.anew = false
	l.mu.Unlock()
	if counting {
		now := ends.Succeeded + ends.Failed + ends.Cancelled + ends.Panicked + int64(live)
		if anew { // meanwhile tasks have begun and ended uncounted
			l.offset = l.started - now
		}
		l.started = max(l.started, now+l.offset)
	}
	return l.started
}

// view is what one look has to remember for the next one.
type view struct {
	snap     *Snapshot // nil unless there are followers of tasks
	at       time.Time
	counters Counters
	findings map[string]Finding
}

// look takes a snapshot, judges it, and publishes what is new since the look before.
func (l *looker) look(ctx context.Context, before view) (now view) {
	select {
	case <-ctx.Done():
		return before
	case <-l.taking:
	}
	l.letGo()
	begin := time.Now()
	s, taking, err := l.takeOne()
	if err == nil {
		l.publish(s, taking) // at once: who asks does not wait for the findings
	}
	l.taking <- struct{}{}
	if err != nil {
		l.mu.Lock()
		l.takeCost = time.Since(begin)
		l.costs = [2]time.Duration{l.takeCost, l.takeCost}
		l.mu.Unlock()
		return before
	}
	judging := time.Now()
	gone := l.ended()
	l.monitor.Observe(gone)
	l.monitor.leaked = l.askForLeaks()
	s = s.with(l.judge(s))
	l.self.Add(time.Since(judging).Microseconds())
	cost := time.Since(begin)

	l.mu.Lock()
	if l.latest != nil && l.latest.Seq <= s.Seq {
		l.latest = s
	}
	l.findings, l.suspected, l.costs = s.Findings, l.monitor.Suspected(), [2]time.Duration{cost, cmp.Or(l.costs[0], cost)}
	l.mu.Unlock()

	now = view{at: s.Taken, counters: s.Counters, findings: make(map[string]Finding, len(s.Findings))}
	l.publishPoint(s, before, cost)
	l.publishFindings(s, before, now)
	if l.feed.tasks.Load() > 0 {
		now.snap = s
		if before.snap != nil {
			l.publishTasks(before.snap, s, gone)
		}
	}
	return now
}

// publish lets s answer requests, with the findings of the look before, if anybody may ask. The token of l.taking is with its caller.
func (l *looker) publish(s *Snapshot, cost time.Duration) {
	clients := l.hasClients()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Findings, l.takeCost = l.findings, cost
	l.latest = nil // nobody will look at it, and it may be large
	if clients {
		l.latest = s
	}
}

// with returns s with these findings. Others may be reading s.
func (s *Snapshot) with(findings []Finding) *Snapshot {
	n := &Snapshot{
		Process: s.Process, Seq: s.Seq, Taken: s.Taken, TookUS: s.TookUS, CoarseUS: s.CoarseUS,
		Sites: s.Sites, Scopes: s.Scopes, Tasks: s.Tasks, Resources: s.Resources, Incidents: s.Incidents, Findings: findings, Counters: s.Counters,
	}
	n.index.Store(s.index.Load())
	return n
}

// letGo forgets the last snapshot if it is too old to answer from: with the next one it would take twice the memory.
func (l *looker) letGo() {
	old := l.fresh()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest != nil && time.Since(l.latest.Taken) > old {
		l.latest = nil
	}
}

// judge asks the monitor. If that panics, what it has found before stays.
func (l *looker) judge(s *Snapshot) (found []Finding) {
	defer func() {
		if recover() != nil {
			l.mu.Lock()
			found = l.findings
			l.mu.Unlock()
		}
	}()
	return l.monitor.Update(s, s.Taken)
}

func (l *looker) publishPoint(s *Snapshot, before view, cost time.Duration) {
	p := Point{Counts: countsOf(s), Seq: l.feed.seq() + 1, At: s.Taken, WaitUS: waitsOf(s), SelfUS: cost.Microseconds()}
	p.Goroutines = runtime.NumGoroutine()
	if !before.at.IsZero() {
		p.SpanUS = s.Taken.Sub(before.at).Microseconds()
		c, b := &s.Counters, &before.counters
		p.Started, p.Succeeded, p.Failed = c.Started-b.Started, c.Succeeded-b.Succeeded, c.Failed-b.Failed
		p.Cancelled, p.Panicked = c.Cancelled-b.Cancelled, c.Panicked-b.Panicked
	}
	if l.durations != nil {
		p.DurationUS = quantiles(l.durations())
	}
	l.mu.Lock()
	l.point, l.counters = p, s.Counters
	l.mu.Unlock()
	l.history.add(p)
	l.feed.publish("point", p)
}

func (l *looker) publishFindings(s *Snapshot, before, now view) {
	for _, f := range s.Findings {
		key := f.key()
		now.findings[key] = f
		if old, ok := before.findings[key]; !ok || old.Text != f.Text || old.Confidence != f.Confidence {
			l.feed.publish("finding", f)
		}
	}
	for key, f := range before.findings {
		if _, ok := now.findings[key]; !ok {
			l.feed.publish("resolved", f)
		}
	}
}

// key tells findings apart.
func (f *Finding) key() string {
	return fmt.Sprint(f.Code, f.Subjects)
}

// publishTasks tells what is different in b from a.
func (l *looker) publishTasks(a, b *Snapshot, gone []Ended) {
	how := make(map[uint64]*Ended, len(gone))
	for i := range gone {
		how[gone[i].ID] = &gone[i]
	}
	n, more := 0, uint64(0)
	room := func() bool {
		if n == maxChanges {
			more++
			return false
		}
		n++
		return true
	}
	for i := range a.Tasks {
		if t := &a.Tasks[i]; b.Task(t.ID) == nil && room() {
			e := ended{ID: t.ID, Path: a.Path(t.ID), At: b.Taken}
			if known := how[t.ID]; known != nil {
				e.Outcome, e.Error, e.At = known.Outcome, known.Error, known.At
			}
			l.feed.publish("end", e)
		}
	}
	for i := range b.Tasks {
		t := &b.Tasks[i]
		old := a.Task(t.ID)
		same := old != nil && old.Seq == t.Seq && old.State == t.State && (old.Cancel == nil) == (t.Cancel == nil)
		if !same && room() {
			l.feed.publish(eventTask, b.Item(t))
		}
	}
	if more > 0 {
		l.dropped.Add(int64(more))
		l.feed.publish("reset", lost{Dropped: more, Reason: "many"})
	}
}

// endedAfter returns the ends that were noted after seq; see endedAfter without a looker.
func (l *looker) endedAfter(seq uint64) (list []Ended, lost, next uint64) {
	list, lost, next = l.endings(seq)
	if l.redact != nil {
		for i := range list {
			e := &list[i]
			for _, text := range []*string{&e.Name, &e.Group, &e.Error} {
				if *text != "" {
					*text = l.redact(*text)
				}
			}
		}
	}
	return list, lost, next
}

// ended returns the ends that were noted since the last look; none if redact, which is the user's, panics.
func (l *looker) ended() (list []Ended) {
	if l.endings == nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			list = nil
		}
	}()
	list, _, l.ends = l.endedAfter(l.ends)
	return list
}

func (l *looker) suspicions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suspected
}
