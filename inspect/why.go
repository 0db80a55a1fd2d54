package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Why is the answer to "why does this task, or the shutdown, not come to an end?".
type Why struct {
	At

	Shutdown  bool    `json:"shutdown"`
	Task      uint64  `json:"task,omitempty"`
	Path      string  `json:"path,omitempty"`
	Chains    []Chain `json:"chains"`    // one for a task; in a shutdown one for each task that is left and does not only wait for its own tasks
	Left      int     `json:"left"`      // tasks that have not ended, in a shutdown
	Truncated bool    `json:"truncated"` // there are more chains
	Text      string  `json:"text"`
}

// Chain leads from a task to what keeps it from going on.
type Chain struct {
	Scope   uint64  `json:"scope,omitempty"` // in a shutdown, what was cancelled: a scope, or a task
	Steps   []Step  `json:"steps"`
	Verdict string  `json:"verdict"` // see the constants
	Cause   Subject `json:"cause"`   // the end of the chain
	Text    string  `json:"text"`
}

// Verdicts of a [Chain].
const (
	VerdictActive   = "active"   // it ends at a task that braid does not see wait
	VerdictDeadlock = "deadlock" // it leads back to itself
	VerdictTime     = "time"     // it ends at a wait that ends by itself
	VerdictGone     = "gone"     // it ends at a task that has ended and given nothing back
	VerdictOpen     = "open"     // it ends at something that anybody may bring, such as an event
	VerdictUnknown  = "unknown"  // it ends at something that the snapshot does not show
)

// Step is one task of a [Chain].
type Step struct {
	Task    uint64  `json:"task"`
	Path    string  `json:"path"`
	State   string  `json:"state"`
	Op      string  `json:"op,omitempty"`
	Via     Subject `json:"via"`                // what it waits on
	SinceUS int64   `json:"since_us,omitempty"` // how long it has waited
	Cancel  *Cancel `json:"cancel,omitempty"`
	Text    string  `json:"text"`
}

const (
	maxSteps  = 100 // of a chain
	maxChains = 50
)

// Why says what a task waits for, who holds that, what that task waits for, and so on, up to who or what is to blame.
// It returns nil if s has no such task. Where several could be to blame, it follows the one that would have to go on first,
// and for tasks that are in a deadlock, that. Where the chain ends at something and not at a task, the findings about it are added;
// they are those of s.
func (s *Snapshot) Why(task uint64) *Why {
	i, ok := s.lookup().tasks.get(task)
	if !ok {
		return nil
	}
	c := reduce(s, false).chain(i)
	return &Why{At: s.moment(), Task: task, Path: s.Path(task), Chains: []Chain{c}, Text: c.Text}
}

// chain follows the waits from a task on. It comes to an end: whoever can go on waits for one who could before,
// and among those who cannot, one is met again.
func (v *reduction) chain(i int32) Chain {
	var c Chain
	var seen []int32
	for {
		if at := slices.Index(seen, i); at >= 0 {
			c.Verdict, c.Cause = VerdictDeadlock, v.s.taskSubject(&v.s.Tasks[i])
			c.finish(v.closing(seen[at:]))
			return c
		}
		seen = append(seen, i)
		c.Steps = append(c.Steps, v.step(i))
		next, end := v.blame(i)
		if end == "" && len(seen) == maxSteps {
			c.Verdict, c.Cause = VerdictUnknown, v.s.taskSubject(&v.s.Tasks[i])
			c.finish("And so on; the chain is longer than is shown.")
			return c
		}
		if end != "" {
			c.Verdict = end
			c.Cause = v.s.taskSubject(&v.s.Tasks[i])
			if end == VerdictGone || end == VerdictOpen || end == VerdictUnknown {
				if via := v.s.via(&v.s.Tasks[i]); via.ID != 0 {
					c.Cause = via
				}
			}
			text := v.ending(i, end)
			if c.Cause.Kind != ofTask { // of a task it is said what it does
				text += v.found(i)
			}
			c.finish(text)
			return c
		}
		i = next
	}
}

// finish puts c into words. Each step is a line.
func (c *Chain) finish(end string) {
	lines := make([]string, 0, len(c.Steps)+1)
	for i := range c.Steps {
		lines = append(lines, c.Steps[i].Path+" "+c.Steps[i].Text+".")
	}
	c.Text = strings.Join(append(lines, end), "\n")
}

func (v *reduction) step(i int32) Step {
	s, t := v.s, &v.s.Tasks[i]
	step := Step{Task: t.ID, Path: s.Path(t.ID), State: t.State, Via: s.via(t), Cancel: t.Cancel, Text: s.waitPhrase(t)}
	if w := t.Wait; w != nil {
		step.Op = w.Op
		step.SinceUS = s.since(w.Since).Microseconds()
		if w.Since != nil {
			step.Text += ", since " + span(s.since(w.Since))
		}
		if w.Deadline != nil {
			if left := w.Deadline.Sub(s.Taken); left > 0 {
				step.Text += "; it gives up in " + span(left)
			}
		} else if w.Timed && (w.Task != 0 || w.Resource != 0 || w.Scope != 0) {
			step.Text += "; the wait may end by itself"
		}
	}
	if t.Cancel != nil {
		step.Text += "; it was asked to end" + s.cancelPhrase(t.Cancel)
	}
	if sh := s.shield(t); sh != nil && sh.Deadline != nil {
		step.Text += "; it is in a Shield"
		if left := sh.Deadline.Sub(s.Taken); left > 0 {
			step.Text += ", for " + span(left) + " more"
		}
	}
	return step
}

// cancelPhrase says when, by whom and why, behind "was cancelled" or "was asked to end".
func (s *Snapshot) cancelPhrase(c *Cancel) string {
	var b strings.Builder
	if c.At != nil {
		b.WriteString(" " + span(s.since(c.At)) + " ago")
	}
	switch {
	case c.Kind == "failure" && c.By != "":
		b.WriteString(" by the failure of " + c.By)
	case c.Kind == "failure":
		b.WriteString(" by a failure")
	case c.Kind == "deadline":
		b.WriteString(" by a deadline")
	case c.Kind == "context":
		b.WriteString(" by a context from outside")
	case c.Site != 0 && s.Site(c.Site) != nil:
		site := s.Site(c.Site)
		b.WriteString(" by a call in " + site.String())
		if site.Line > 0 {
			fmt.Fprintf(&b, " (line %d)", site.Line)
		}
	case c.By != "":
		b.WriteString(" by " + c.By)
	case c.Kind == "call":
		b.WriteString(" by a call of Cancel")
	}
	if c.Cause != "" {
		b.WriteString(": " + c.Cause)
	}
	return b.String()
}

// blame returns whom task i waits for; or, as a verdict, why nobody can be named.
func (v *reduction) blame(i int32) (next int32, end string) {
	t, at := &v.s.Tasks[i], v.at[i]
	switch v.place[i] {
	case nowhere:
		return 0, v.verdict(t)
	case atTask:
		return at, ""
	case atJoin:
		return v.pick(i, v.membersOf(at, false), true)
	case atSlot:
		return v.pick(i, v.membersOf(at, true), false)
	case atPermits:
		state := &v.res[at]
		if n := slices.IndexFunc(state.queue, func(w waiting) bool { return w.task == i }); n > 0 && v.fits(at, state.queue[n]) {
			return v.pick(i, []int32{state.queue[0].task, state.queue[min(state.served, n-1)].task}, false)
		}
		next, end = v.pick(i, v.holding(at, nowhere), false)
		if end != "" && state.lost {
			end = VerdictGone
		}
		return next, end
	case atGet:
		return v.pick(i, v.holding(at, atGet), false)
	default:
		return v.pick(i, v.holding(at, atPut), false)
	}
}

// verdict says of a task that can go on by itself how.
func (v *reduction) verdict(t *Task) string {
	w := t.Wait
	switch {
	case w == nil:
		return VerdictActive
	case w.Resource == 0 && w.Task == 0 && w.Scope == 0:
		return VerdictTime
	}
	r := v.s.Resource(w.Resource)
	switch {
	case r == nil:
		return VerdictUnknown
	case hasPermits(r), r.Kind == kindQueue:
		return VerdictActive // it has been served
	default:
		return VerdictOpen
	}
}

// pick chooses the one to blame. If i can go on, it is one of those that could before, and of these
// the last one if i needs all of them; else it is one that cannot go on either.
func (v *reduction) pick(i int32, among []int32, all bool) (int32, string) {
	best := int32(-1)
	for _, c := range among {
		if v.able[c] != v.able[i] || v.able[i] && v.when[c] >= v.when[i] {
			continue
		}
		if best < 0 || v.able[i] && (v.when[c] > v.when[best]) == all {
			best = c
		}
	}
	if best < 0 {
		return 0, VerdictUnknown
	}
	return best, ""
}

// membersOf returns the members of a scope, or those with a slot of it.
func (v *reduction) membersOf(sc int32, slot bool) []int32 {
	var list []int32
	for c := v.ix.first[sc]; c >= 0; c = v.ix.next[c] {
		if i := c - int32(len(v.s.Scopes)); i >= 0 && (v.s.Tasks[i].Slot || !slot) {
			list = append(list, i)
		}
	}
	return list
}

// holding returns who holds permits of a resource, or is the user of a queue that serves those at a place.
func (v *reduction) holding(ri int32, serves place) []int32 {
	var list []int32
	for _, h := range v.s.Resources[ri].Holders {
		i, ok := v.ix.tasks.get(h.Task)
		if ok && !h.Ended && slices.ContainsFunc(v.holds[i], func(a heldAt) bool { return a.res == ri && a.user == serves }) {
			list = append(list, i)
		}
	}
	return list
}

// closing puts the end of a circle into words.
func (v *reduction) closing(circle []int32) string {
	if len(circle) == 1 {
		return "It waits for what only it could bring: a deadlock of one."
	}
	text := fmt.Sprintf("That closes the circle: a deadlock of %d, none of whom can go on before another one does.", len(circle))
	if slices.ContainsFunc(circle, func(i int32) bool {
		t := &v.s.Tasks[i]
		return t.Cancel != nil || t.Wait != nil && t.Wait.Timed
	}) {
		text += " A wait in it may end by itself."
	}
	return text
}

// ending says what the end of a chain means.
func (v *reduction) ending(i int32, verdict string) string {
	t := &v.s.Tasks[i]
	name := v.s.Path(t.ID)
	switch verdict {
	case VerdictActive:
		if t.Wait != nil {
			return "It has what it waited for, and is about to go on."
		}
		text := "So it depends on " + name + ": it computes, or waits outside of braid, on a channel, a lock of package sync or the network. Look at its stack."
		if t.Cancel != nil {
			text += " It has not looked at its ctx since it was asked to end."
		}
		return text
	case VerdictTime:
		return "So it depends on time: " + name + " goes on by itself."
	case VerdictGone:
		return "Whoever had taken it has ended without giving it back. So nobody will, unless another task does it in its place."
	case VerdictOpen:
		return "Any task may bring this about, so braid cannot tell who should."
	default:
		return v.unseen(i)
	}
}

// unseen says what is known of those who could bring what task i waits for, if none of them is in the snapshot.
func (v *reduction) unseen(i int32) string {
	text := "Who could bring this about is not in the snapshot: it is no task, or was not noted."
	w := v.s.Tasks[i].Wait
	if w == nil {
		return text
	}
	r := v.s.Resource(w.Resource)
	if r == nil {
		return text
	}
	if r.Kind == kindQueue {
		side, mode, took := v.res[v.at[i]].getters, modeGet, "taken from"
		if v.place[i] == atGet {
			side, mode, took = v.res[v.at[i]].putters, modePut, "put into"
		}
		switch name := resourceName(r); {
		case side.known:
		case side.gone && unlisted(r, mode):
			return "Those who are known to have " + took + " " + name + " have ended; not all who use it were noted."
		case side.gone:
			return "All who have " + took + " " + name + " have ended, so nobody is known who would do it again."
		case !unlisted(r, mode):
			return "No task has " + took + " " + name + " so far."
		}
	}
	if r.Unknown && r.Name == "" {
		text += " If it has a name (SetName), that is noted."
	}
	return text
}

// maxFound bounds the findings at the end of a chain.
const maxFound = 3

// found returns the findings about what task i waits on, and about i itself, each in a line of its own.
func (v *reduction) found(i int32) string {
	t := &v.s.Tasks[i]
	via := v.s.via(t)
	var b strings.Builder
	n := 0
	for _, f := range v.s.Findings {
		if n < maxFound && slices.ContainsFunc(f.Subjects, func(x Subject) bool {
			return x.Kind == via.Kind && x.ID == via.ID && x.ID != 0 || x.Kind == ofTask && x.ID == t.ID
		}) {
			fmt.Fprintf(&b, "\nFinding %s, %s: %s.", f.Code, f.Title, f.Text)
			n++
		}
	}
	return b.String()
}

// WhyShutdown says who has not ended in the scopes and tasks that were asked to, and what each of them waits for.
// Tasks that only wait for their own tasks to end are counted, and not explained.
func (s *Snapshot) WhyShutdown() *Why {
	w := &Why{At: s.moment(), Shutdown: true, Chains: []Chain{}}
	roots := s.cancelRoots()
	var left []int32
	under := make(map[int32]uint64)
	for i := range s.Tasks {
		if root := roots.above(s.Tasks[i].ID); root != 0 {
			w.Left++
			under[int32(i)] = root
			if t := &s.Tasks[i]; t.Wait == nil || t.Wait.Op != opJoin {
				left = append(left, int32(i))
			}
		}
	}
	if w.Left == 0 {
		w.Text = "Nothing that was asked to end is left."
		return w
	}
	v := reduce(s, false)
	slices.SortStableFunc(left, func(a, b int32) int { // those in deadlocks, those braid cannot see wait, then the others
		return cmp.Or(cmp.Compare(under[a], under[b]), cmp.Compare(v.blameRank(a), v.blameRank(b)), cmp.Compare(s.Tasks[a].ID, s.Tasks[b].ID))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s left of what was asked to end.", plural64(int64(w.Left), "task is", "tasks are"))
	last := uint64(0)
	for n, i := range left {
		if n == maxChains {
			w.Truncated = true
			fmt.Fprintf(&b, "\n\nAnd %d more.", len(left)-n)
			break
		}
		c := v.chain(i)
		c.Scope = under[i]
		w.Chains = append(w.Chains, c)
		if c.Scope != last {
			last = c.Scope
			b.WriteString("\n\n" + s.cancelHeader(c.Scope))
		}
		b.WriteString("\n- " + strings.ReplaceAll(c.Text, "\n", "\n  "))
	}
	w.Text = b.String()
	return w
}

// blameRank orders tasks that are left: the lower, the more likely it is to blame.
func (v *reduction) blameRank(i int32) int {
	switch t := &v.s.Tasks[i]; {
	case !v.able[i]:
		return 0
	case t.State == StateActive:
		return 1
	default:
		return 2
	}
}

// cancelHeader says what was cancelled, and why.
func (s *Snapshot) cancelHeader(id uint64) string {
	if t := s.Task(id); t != nil {
		return "Task " + s.Path(id) + " was cancelled" + s.cancelPhrase(t.Cancel) + ". What is left:"
	}
	sc := s.Scope(id)
	text := "The " + sc.Kind + " of " + s.Path(id) + " was cancelled"
	if sc.Name != "" {
		text = "The " + sc.Kind + " " + s.Path(id) + " was cancelled"
	}
	return text + s.cancelPhrase(sc.Cancel) + ". What is left:"
}

// cancelRoots finds what was cancelled first: the highest task or scope above each.
type cancelRoots struct {
	s     *Snapshot
	known map[uint64]uint64
}

func (s *Snapshot) cancelRoots() cancelRoots { return cancelRoots{s, make(map[uint64]uint64)} }

// above returns the highest task or scope at or above id that was cancelled, or 0. Shields do not count: they hold back a cancellation, not the end.
func (r cancelRoots) above(id uint64) uint64 {
	var way []uint64
	root := uint64(0)
	for range maxPath {
		if known, ok := r.known[id]; ok {
			root = cmp.Or(known, root)
			break
		}
		way = append(way, id)
		var up uint64
		var c *Cancel
		if t := r.s.Task(id); t != nil {
			up, c = t.Parent, t.Cancel
		} else if sc := r.s.Scope(id); sc != nil {
			up, c = sc.above(), sc.Cancel
		} else {
			break
		}
		if c != nil {
			root = id
		}
		id = up
	}
	// What lies below a root belongs to it; what lies above does not.
	for _, id := range way {
		r.known[id] = root
		if id == root {
			break
		}
	}
	return root
}
