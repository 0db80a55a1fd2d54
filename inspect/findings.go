package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Rules says when something becomes a [Finding]. The zero value has the defaults; a negative number switches its rule off.
// What each code means is in docs/inspector.md, and in [AllRules].
type Rules struct {
	// Allow lists what is not to be found, as "CODE" or "CODE GLOB", such as "H3 shop/*". The glob is over the name of the first subject:
	// the path of a task or scope, "kind name" of a resource, the function of a site. In it * stands for anything, ? for one character.
	Allow []string

	Outlive  time.Duration // L1: a task lives longer after its scope's Run has returned; 0 means 5 s
	Ignore   time.Duration // L2: a task goes on longer after it was asked to end; 0 means 5 s
	Unseen   time.Duration // L4: how long a failure that nobody has seen is a finding; 0 means 10 min
	Growth   int           // L5, N1: tasks of one site, or goroutines of no task, having risen in five windows one after another; 0 means 1,000
	Window   time.Duration // L5, N1: length of a window; 0 means 10 s
	Leaks    time.Duration // L6: how often at most the runtime is asked for leaked goroutines, which takes a garbage collection; 0 means never
	Order    time.Duration // D4: how long a lock order remains a finding after it was seen last; 0 means 10 min
	Hold     time.Duration // H2: one task holds something longer while others wait for it; 0 means 10 s
	Wait     time.Duration // H3: one wait for a lock or a permit lasts longer; 0 means 30 s
	Overtake int           // H4: places that one waiter has lost; 0 means 1
	Full     time.Duration // Q1: there are waiting producers in more than half of it; 0 means 30 s
	Starve   time.Duration // Q2: an item waits longer and nobody takes it, or a consumer and there is nobody left to put; 0 means 30 s
	Shutdown time.Duration // S1: a group or a task has not ended so long after it was cancelled; 0 means 5 s
	Refused  int           // S2: tasks of one site that were not started, in a minute; 0 means 100
	Cancels  int           // C1: tasks cancelled in a second; 0 means 1,000
	Restarts int           // P1: failures of one name in a minute; 0 means 3
	Timers   int           // T1: sleeping tasks of one site; 0 means 1,000
	SelfTime float64       // I1: part of the time that the inspector itself takes; 0 means 0.01
}

// withDefaults replaces zeros, and says what makes no sense.
func (r Rules) withDefaults() (Rules, error) {
	for _, a := range r.Allow {
		code, _, _ := strings.Cut(a, " ")
		if !slices.ContainsFunc(allRules, func(i RuleInfo) bool { return i.Code == code }) {
			return r, fmt.Errorf("inspect: Rules.Allow has %q: there is no rule %q; write a code, or a code, a space and a glob, such as \"H3 shop/*\"", a, code)
		}
	}
	if r.SelfTime > 1 {
		return r, errors.New("inspect: Rules.SelfTime is a part of the time, so at most 1")
	}
	r.Outlive = cmp.Or(r.Outlive, 5*time.Second)
	r.Ignore = cmp.Or(r.Ignore, 5*time.Second)
	r.Unseen = cmp.Or(r.Unseen, 10*time.Minute)
	r.Growth = cmp.Or(r.Growth, 1000)
	r.Window = cmp.Or(r.Window, 10*time.Second)
	r.Order = cmp.Or(r.Order, 10*time.Minute)
	r.Hold = cmp.Or(r.Hold, 10*time.Second)
	r.Wait = cmp.Or(r.Wait, 30*time.Second)
	r.Overtake = cmp.Or(r.Overtake, 1)
	r.Full = cmp.Or(r.Full, 30*time.Second)
	r.Starve = cmp.Or(r.Starve, 30*time.Second)
	r.Shutdown = cmp.Or(r.Shutdown, 5*time.Second)
	r.Refused = cmp.Or(r.Refused, 100)
	r.Cancels = cmp.Or(r.Cancels, 1000)
	r.Restarts = cmp.Or(r.Restarts, 3)
	r.Timers = cmp.Or(r.Timers, 1000)
	r.SelfTime = cmp.Or(r.SelfTime, 0.01)
	return r, nil
}

// Severities of a finding.
const (
	severityError   = "error"
	severityWarning = "warning"
	severityInfo    = "info"
)

// RuleInfo describes a rule.
type RuleInfo struct {
	Code       string `json:"code"`
	Title      string `json:"title"`
	Severity   string `json:"severity"`   // as a rule; a finding has its own
	Confidence string `json:"confidence"` // as a rule; a finding has its own
	Rule       string `json:"rule"`
	Hint       string `json:"hint"`
}

// allRules are sorted by code.
var allRules = []RuleInfo{
	{"C1", "many cancellations", severityInfo, Hint, "more tasks are cancelled in a second than Rules.Cancels, in two looks one after another", "See who cancels, and whether the work is wanted in the first place."},
	{"D1", "deadlock", severityError, Certain, "what is left of the wait graph when all have gone on who can", "Break the circle: take locks in one order, or do not wait for a task while you hold what it needs."},
	{"D2", "deadlock that time will break", severityWarning, Likely, "as D1, but a wait in it has a deadline, or was cancelled", "The tasks hold each other up until the deadline. Break the circle as for D1."},
	{"D3", "self-deadlock", severityError, Certain, "as D1; a task waits for what only it can bring: a lock or permits that it holds, or the end of what cannot end before it", "Pass on what is held instead of taking it again, and do not wait for a task from inside of it."},
	{"D4", "lock order", severityWarning, Hint, "tasks were seen to wait for a lock while they held another one, in orders that are a deadlock if they meet", "Take locks in one order everywhere, or take a third one before both."},
	{"D5", "pool starvation", severityError, Certain, "as D1; all who hold a slot of a limited group wait for tasks that wait for one", "Give the inner tasks a group of their own, or raise the limit."},
	{"H1", "owner gone", severityError, Certain, "a task ended and had not given back what it held", "Release in a defer right after the Lock or Acquire that succeeded."},
	{"H2", "long hold", severityWarning, Likely, "one task holds a lock or permits longer than Rules.Hold while others wait", "Do less while you hold it."},
	{"H3", "long wait", severityInfo, Hint, "one wait for a lock or for permits is longer than Rules.Wait", "Look at who holds it, and whether there is enough of it."},
	{"H4", "unfair wait", severityWarning, Hint, "a waiter has lost more than Rules.Overtake places", "braid's own primitives serve first come, first served; look at who gives others precedence."},
	{"I1", "inspector at its limits", severityInfo, Certain, "the inspector had to leave something out, or takes more time than Rules.SelfTime", "Ask for less: filter, fold, or look less often."},
	{"L1", "outlived its scope", severityError, Certain, "a task lives longer than Rules.Outlive after the Run of its group has returned", "See what it waits on. Grace gives up on tasks that do not end, but they run on."},
	{"L2", "ignores cancellation", severityWarning, Likely, "a task goes on longer than Rules.Ignore after it was asked to end", "Pass ctx to what it waits in, or look at ctx in its loop."},
	{"L4", "error never seen", severityWarning, Certain, "a task or promise failed less than Rules.Unseen ago, and nobody can read its error any more", "Wait for the future; see the error."},
	{"L5", "number grows", severityWarning, Hint, "live tasks of one site rise in five windows of Rules.Window one after another, and are more than Rules.Growth", "See what the oldest of them wait on, and bound them with Limit."},
	{"L6", "leaked for good", severityError, Certain, "the garbage collector has shown that nothing that is left can wake a goroutine; only if Rules.Leaks asks for it", "Somebody who should have sent, received or unlocked has ended or forgotten to: select on ctx.Done as well."},
	{"N1", "goroutines that are no tasks", severityWarning, Hint, "the number of goroutines beyond those of tasks rises in five windows of Rules.Window one after another, and is more than Rules.Growth", "braid stacks PID says where most of them are, and with Options.LabelIDs which task's go statement began them."},
	{"P1", "fails again and again", severityWarning, Likely, "tasks of one name fail or panic more often in a minute than Rules.Restarts", "See the error, and let restarts back off."},
	{"Q1", "queue full", severityInfo, Likely, "producers wait at a queue in more than half of Rules.Full", "More consumers, or faster ones; a larger queue only postpones it."},
	{"Q2", "queue without consumer or producer", severityWarning, Likely, "an item is not taken for Rules.Starve although somebody waits to put, or somebody waits to get and all producers have ended", "See whether the other side has ended early; whoever puts last should shut the queue down."},
	{"Q3", "closed with waiters", severityError, Certain, "a queue is shut down, and a Put or Get still waits", "Report it: Shutdown wakes them all."},
	{"S1", "shutdown hangs", severityError, Certain, "a group, or a task alone by a call, was cancelled longer than Rules.Shutdown ago and has not ended", "See the tasks that are named; braid why --shutdown says what each of them waits for."},
	{"S2", "spawns after the end", severityInfo, Hint, "more tasks of one site than Rules.Refused were not started in a minute, because their group was cancelled already", "Let the loop that starts them end with its ctx."},
	{"T1", "many timers", severityInfo, Hint, "more tasks of one site sleep than Rules.Timers", "One task with a list of times does the work of many that sleep."},
}

// AllRules returns the rules that a [Monitor] applies, in the order of their codes.
//
// One that one might expect is not among them: handles that were dropped are nothing to find, since braid's Run waits for all tasks and returns all errors.
func AllRules() []RuleInfo { return slices.Clone(allRules) }

// Monitor looks at the snapshots of one process, one after another, and says what is probably wrong.
// It must not be used by several goroutines at a time.
type Monitor struct {
	rules Rules
	allow map[string][]string // globs by code
	known map[string]*suspicion
	order int // of looks

	suspected int
	last      time.Time
	counters  Counters // of the look before
	tasks     map[uint64]taskMemory
	resources map[uint64]*resourceMemory
	scopes    map[uint64]time.Time // when they were first seen without their Run
	refused   map[Subject]*refusals
	windows   siteWindows
	loose     siteWindows  // of goroutines that are of no task, under 0
	leaked    []*leakPlace // that the runtime has shown last
	orders    lockOrders
	failures  failureMemory
	selfFrom  time.Time
	selfUS    int64
}

// NewMonitor returns a monitor. It is an error if the rules make no sense.
func NewMonitor(r Rules) (*Monitor, error) {
	r, err := r.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Monitor{
		rules: r, allow: make(map[string][]string), known: make(map[string]*suspicion),
		tasks: make(map[uint64]taskMemory), resources: make(map[uint64]*resourceMemory), scopes: make(map[uint64]time.Time),
	}
	for _, a := range r.Allow {
		code, glob, _ := strings.Cut(a, " ")
		m.allow[code] = append(m.allow[code], cmp.Or(strings.TrimSpace(glob), "*"))
	}
	return m, nil
}

// suspicion is something that a rule has seen.
type suspicion struct {
	Finding

	key  string // what it is about, as its code and subject
	sign uint64 // if it needs a second look: what must be the same in it
	wait bool   // it does
	seen int    // the look that has seen it last
}

// maxPerCode bounds the findings of one code: a hundred thousand tasks may do the same thing wrong.
const maxPerCode = 50

// Update looks at s, which was taken at that time, and returns what is wrong, the most severe first. A finding stays one and the same
// as long as it holds, with a Count that grows; its code and first subject tell it from others.
// What may be over in a moment, a deadlock among it, is found only if two looks in a row see the same. Update does not keep s.
//
// Of one code, 50 findings are returned at most.
func (m *Monitor) Update(s *Snapshot, at time.Time) []Finding {
	m.order++
	l := &look{m: m, s: s, at: at, span: at.Sub(m.last), seen: make(map[string]int)}
	if m.last.IsZero() {
		l.span = 0
	}
	l.remember()
	l.deadlocks()
	l.cancellations()
	l.holdsAndWaits()
	l.queues()
	l.incidents()
	l.lockOrders()
	l.counts()
	l.strays()
	l.leaks()
	l.inspector()
	m.last, m.counters = at, s.Counters

	var found []Finding
	m.suspected = 0
	for key, k := range m.known {
		switch {
		case k.seen != m.order:
			delete(m.known, key)
		case k.wait && k.Count < 2:
			m.suspected++
		default:
			found = append(found, k.Finding)
		}
	}
	slices.SortFunc(found, compareFindings)
	count := make(map[string]int)
	found = slices.DeleteFunc(found, func(f Finding) bool {
		count[f.Code]++
		return count[f.Code] > maxPerCode
	})
	for i := range found {
		if n := max(count[found[i].Code], l.seen[found[i].Code]); n > maxPerCode {
			found[i].Evidence["of_this_code"] = n
		}
	}
	return found
}

// Suspected returns how many findings wait for another look to confirm them.
// It is worth taking one soon then, say after 100 ms.
func (m *Monitor) Suspected() int { return m.suspected }

func compareFindings(a, b Finding) int {
	rank := func(severity string) int {
		return slices.Index([]string{severityError, severityWarning, severityInfo}, severity)
	}
	return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), strings.Compare(a.Code, b.Code), cmp.Compare(a.subject().ID, b.subject().ID), strings.Compare(a.Text, b.Text))
}

// subject is what the finding is about in the first place.
func (f *Finding) subject() Subject {
	if len(f.Subjects) == 0 {
		return Subject{}
	}
	return f.Subjects[0]
}

// look is one call of Update.
type look struct {
	m    *Monitor
	s    *Snapshot
	at   time.Time
	span time.Duration // since the look before; 0 in the first one

	seen  map[string]int  // by code, what a rule has seen; see room
	stuck map[uint64]bool // tasks in deadlocks: that they hold and wait for long needs no saying
}

// room counts what a rule has seen, and reports whether it is to be looked at more closely: putting it into words costs more than finding it,
// so that is not done for each of a hundred thousand.
func (l *look) room(code string) bool {
	l.seen[code]++
	return l.seen[code] <= 4*maxPerCode // some of them may be allowed
}

// suspect says that a rule applies. since is when that began, if that is known better than by when it was first seen.
func (l *look) suspect(k suspicion, since *time.Time) {
	for _, glob := range l.m.allow[k.Code] {
		if match(glob, k.subject().Name) {
			return
		}
	}
	i := slices.IndexFunc(allRules, func(r RuleInfo) bool { return r.Code == k.Code })
	rule := allRules[i]
	k.Title, k.Hint = cmp.Or(k.Title, rule.Title), cmp.Or(k.Hint, rule.Hint)
	k.Severity, k.Confidence = cmp.Or(k.Severity, rule.Severity), cmp.Or(k.Confidence, rule.Confidence)
	if k.Evidence == nil {
		k.Evidence = make(map[string]any)
	}
	k.key = fmt.Sprintf("%s %s %d %s", k.Code, k.subject().Kind, k.subject().ID, k.key)
	k.Since, k.Count, k.seen = l.at, 1, l.m.order
	if since != nil && since.Before(l.at) {
		k.Since = *since
	}
	if old := l.m.known[k.key]; old != nil && old.sign == k.sign {
		k.Count = old.Count + 1
		k.Since = old.Since
	}
	l.m.known[k.key] = &k
}

// taskMemory is what is remembered of a task in a wait, or of one that was asked to end.
type taskMemory struct {
	seq       uint64
	since     time.Time // the wait has been seen
	pos       int       // the best one
	cancelled time.Time // the cancellation has been seen
}

// remember notes since when those wait whose wait could be too long, and since when those are cancelled who are.
func (l *look) remember() {
	now := make(map[uint64]taskMemory, len(l.m.tasks))
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		contended := l.contended(t)
		if !contended && t.Cancel == nil {
			continue
		}
		old, known := l.m.tasks[t.ID]
		mem := taskMemory{seq: t.Seq, since: l.at, cancelled: old.cancelled}
		if contended {
			mem.pos = t.Wait.Pos
			if t.Wait.Since != nil && t.Wait.Since.Before(l.at) {
				mem.since = *t.Wait.Since
			}
			if known && old.seq == t.Seq && !old.since.IsZero() {
				mem.since = old.since
				if old.pos > 0 {
					mem.pos = min(old.pos, cmp.Or(mem.pos, old.pos))
				}
			}
		}
		if t.Cancel != nil && mem.cancelled.IsZero() {
			mem.cancelled = l.at
			if t.Cancel.At != nil && t.Cancel.At.Before(l.at) {
				mem.cancelled = *t.Cancel.At
			}
		}
		now[t.ID] = mem
	}
	l.m.tasks = now
}

// contended reports whether t waits at a lock, for permits, or at the head of a queue.
func (l *look) contended(t *Task) bool {
	if t.Wait == nil || t.Wait.Resource == 0 {
		return false
	}
	r := l.s.Resource(t.Wait.Resource)
	return r != nil && (hasPermits(r) || r.Kind == kindQueue && t.Wait.Pos == 1)
}
