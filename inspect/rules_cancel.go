package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// L1: outlived its scope. L2: ignores cancellation. S1: shutdown hangs. C1: many cancellations.

func (l *look) cancellations() {
	l.outlived()
	l.ignores()
	l.shutdown()
	l.storm()
}

// outlived is L1: a group whose Run has returned, and not all of its tasks.
func (l *look) outlived() {
	limit := l.m.rules.Outlive
	orphaned := make(map[uint64]time.Time)
	if limit >= 0 {
		for i := range l.s.Scopes {
			sc := &l.s.Scopes[i]
			if sc.Kind != ScopeGroup || !sc.Closed || sc.Live == 0 {
				continue
			}
			_, members := l.s.Children(sc.ID)
			if len(members) == 0 {
				continue
			}
			first, ok := l.m.scopes[sc.ID]
			if !ok {
				first = l.at
			}
			orphaned[sc.ID] = first
			if l.at.Sub(first) < limit {
				continue
			}
			for _, t := range members {
				if !l.room("L1") {
					break
				}
				k := suspicion{}
				k.Code = "L1"
				k.Subjects = []Subject{l.s.taskSubject(t), l.s.scopeSubject(sc)}
				k.Text = fmt.Sprintf("%s still runs although the Run of its group has returned: it %s", l.s.Path(t.ID), l.s.waitPhrase(t))
				l.suspect(k, &first)
			}
		}
	}
	l.m.scopes = orphaned
}

// ignores is L2.
func (l *look) ignores() {
	limit := l.m.rules.Ignore
	if limit < 0 {
		return
	}
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		if t.Cancel == nil || l.s.waitsForOwn(t) {
			continue
		}
		since := l.m.tasks[t.ID].cancelled
		if l.at.Sub(since) <= limit || l.shielded(t) || !l.room("L2") {
			continue
		}
		k := suspicion{}
		k.Code = "L2"
		k.Subjects = []Subject{l.s.taskSubject(t)}
		if t.Wait != nil && t.Wait.Resource != 0 {
			k.Subjects = append(k.Subjects, l.s.via(t))
		}
		k.Text = fmt.Sprintf("%s was asked to end%s, and goes on: it %s", l.s.Path(t.ID), l.s.cancelPhrase(t.Cancel), l.s.waitPhrase(t))
		if t.Wait != nil {
			k.Hint = "It waits under another ctx than its own, one that was not cancelled. Pass it the ctx of the task."
		}
		l.suspect(k, &since)
	}
}

// waitsForOwn reports whether t only waits for its own tasks to end, as it should.
func (s *Snapshot) waitsForOwn(t *Task) bool { return t.Wait != nil && t.Wait.Op == opJoin }

// shielded reports whether a Shield of t still has time.
func (l *look) shielded(t *Task) bool {
	sc := l.s.shield(t)
	return sc != nil && l.lasts(sc)
}

// lasts reports whether a Shield still has time.
func (l *look) lasts(sc *Scope) bool { return sc.Deadline == nil || sc.Deadline.After(l.at) }

// shieldedBelow reports whether t is below a Shield in root that still has time.
func (l *look) shieldedBelow(root uint64, t *Task) bool {
	id := t.Parent
	for range maxPath {
		if id == root || id == 0 {
			break
		}
		sc := l.s.Scope(id)
		switch {
		case sc != nil && sc.Kind == ScopeShield:
			return l.lasts(sc)
		case sc != nil:
			id = sc.above()
		default:
			up := l.s.Task(id)
			if up == nil {
				return false
			}
			id = up.Parent
		}
	}
	return false
}

// shield returns the innermost Shield that t is in, or nil.
func (s *Snapshot) shield(t *Task) (found *Scope) {
	id := t.ID
	for range maxPath {
		scopes, _ := s.Children(id)
		i := slices.IndexFunc(scopes, func(sc *Scope) bool { return sc.Owner == t.ID })
		if i < 0 {
			break
		}
		if id = scopes[i].ID; scopes[i].Kind == ScopeShield {
			found = scopes[i]
		}
	}
	return found
}

// shutdown is S1: of the highest groups that were cancelled, and of the highest tasks that somebody has cancelled, as a service does with its components.
func (l *look) shutdown() {
	limit := l.m.rules.Shutdown
	if limit < 0 {
		return
	}
	cancelled := func(c *Cancel, first time.Time) (time.Time, bool) {
		since := cmp.Or(first, l.at)
		if c.At != nil {
			since = *c.At
		}
		return since, l.at.Sub(since) > limit
	}
	late := make(map[uint64]time.Time)
	for i := range l.s.Scopes {
		sc := &l.s.Scopes[i]
		if sc.Cancel == nil || sc.Kind != ScopeGroup || sc.Live == 0 || sc.Closed { // of what its Run has left behind, L1 speaks
			continue
		}
		// Without a time of its own, it was cancelled at the latest when the first of its tasks was seen to be.
		var first time.Time
		if sc.Cancel.At == nil {
			_, members := l.s.Children(sc.ID)
			for _, t := range members {
				if mem := l.m.tasks[t.ID]; t.Cancel != nil && (first.IsZero() || mem.cancelled.Before(first)) {
					first = mem.cancelled
				}
			}
		}
		if since, ok := cancelled(sc.Cancel, first); ok {
			late[sc.ID] = since
		}
	}
	for i := range l.s.Tasks {
		if t := &l.s.Tasks[i]; t.Cancel != nil && (t.Parent == 0 || t.Cancel.Kind == "call") {
			if since, ok := cancelled(t.Cancel, l.m.tasks[t.ID].cancelled); ok {
				late[t.ID] = since
			}
		}
	}
	if len(late) == 0 {
		return
	}
	roots := l.s.cancelRoots()
	left := make(map[uint64][]int32)
	total := make(map[uint64]int)
	hangs := make(map[uint64]bool)
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		root := roots.above(t.ID)
		if _, ok := late[root]; !ok {
			continue
		}
		total[root]++
		if !l.s.waitsForOwn(t) {
			left[root] = append(left[root], int32(i))
			hangs[root] = hangs[root] || !l.shielded(t) && !l.shieldedBelow(root, t)
		}
	}
	for root, tasks := range left {
		if t := l.s.Task(root); t != nil && t.Parent != 0 && !hangs[root] {
			continue // it cleans up, within the time that it has for that
		}
		since := late[root]
		k := suspicion{}
		k.Code = "S1"
		if t := l.s.Task(root); t != nil && t.Parent != 0 {
			k.Title = "a cancelled task does not end"
		}
		if sc := l.s.Scope(root); sc != nil {
			k.Subjects = []Subject{l.s.scopeSubject(sc)}
		} else {
			k.Subjects = []Subject{l.s.taskSubject(l.s.Task(root))}
		}
		lines := make([]string, 0, 5)
		for _, i := range tasks[:min(len(tasks), 4)] {
			t := &l.s.Tasks[i]
			if t.ID != root {
				k.Subjects = append(k.Subjects, l.s.taskSubject(t))
			}
			lines = append(lines, l.s.Path(t.ID)+" "+l.s.waitPhrase(t))
		}
		if more := len(tasks) - len(lines); more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		k.Text = fmt.Sprintf("%s was cancelled %s ago and has not ended; %s left: %s",
			cmp.Or(k.subject().Name, "a scope"), span(l.at.Sub(since)), plural64(int64(total[root]), "task is", "tasks are"), strings.Join(lines, "; "))
		k.Evidence = map[string]any{"left": total[root]}
		l.suspect(k, &since)
	}
}

// storm is C1.
func (l *look) storm() {
	limit := l.m.rules.Cancels
	if limit < 0 || l.span <= 0 {
		return
	}
	rate := float64(l.s.Counters.Cancelled-l.m.counters.Cancelled) / l.span.Seconds()
	if rate <= float64(limit) {
		return
	}
	k := suspicion{wait: true}
	k.Code = "C1"
	k.Subjects = []Subject{l.process()}
	k.Text = fmt.Sprintf("%.0f tasks a second are cancelled", rate)
	causes := make(map[string]int)
	most := ""
	for i := range l.s.Tasks {
		if c := l.s.Tasks[i].Cancel; c != nil {
			cause := causeOf(c)
			if site := l.s.Site(c.Site); site != nil {
				cause += ", by a call in " + site.String()
			}
			if causes[cause]++; causes[cause] > causes[most] || causes[cause] == causes[most] && cause < most {
				most = cause
			}
		}
	}
	if most != "" {
		k.Text += "; of those that are left, most because of: " + most
	}
	k.Evidence = map[string]any{"per_second": rate}
	l.suspect(k, nil)
}

// process is the subject of what is about no part of the program in particular.
func (l *look) process() Subject {
	return Subject{Kind: ofProcess, ID: uint64(max(l.s.Process.PID, 0)), Name: l.s.Process.Name}
}
