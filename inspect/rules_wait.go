package inspect

import (
	"fmt"
	"strconv"
	"time"
)

// H2: long hold. H3: long wait. H4: unfair wait. Q1, Q2, Q3: queues.

// resourceMemory is what is remembered of a resource.
type resourceMemory struct {
	held     map[uint64]time.Time // by task: since when it has been seen to hold while somebody waits
	full     []sample             // whether producers waited
	hadPut   bool                 // somebody who puts has been seen
	accepted int64                // items so far
	changed  time.Time            // when that number was seen to change
	seen     int
}

type sample struct {
	at      time.Time
	waiting bool
}

// memory returns what is remembered of r.
func (l *look) memory(r *Resource) *resourceMemory {
	mem := l.m.resources[r.ID]
	if mem == nil {
		mem = &resourceMemory{changed: l.at}
		l.m.resources[r.ID] = mem
	}
	mem.seen = l.m.order
	return mem
}

func (l *look) holdsAndWaits() {
	for i := range l.s.Resources {
		if r := &l.s.Resources[i]; hasPermits(r) {
			l.longHold(r)
			l.longWait(r)
		}
	}
	if l.m.rules.Overtake < 0 {
		return
	}
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		mem, ok := l.m.tasks[t.ID]
		if !ok || t.Wait == nil || mem.pos == 0 || t.Wait.Pos-mem.pos <= l.m.rules.Overtake || t.Wait.Resource == 0 || !l.room("H4") {
			continue
		}
		k := suspicion{}
		k.Code = "H4"
		k.Subjects = []Subject{l.s.taskSubject(t), l.s.via(t)}
		k.Text = fmt.Sprintf("%s was %s in line for %s, and is %s now", l.s.Path(t.ID), ordinal(mem.pos), l.s.via(t).Name, ordinal(t.Wait.Pos))
		l.suspect(k, &mem.since)
	}
}

// longHold is H2. When a task began to hold something is not noted, so what counts is since when it has been seen to, while somebody waited.
func (l *look) longHold(r *Resource) {
	mem := l.memory(r)
	before := mem.held
	mem.held = nil
	if r.Waiting == 0 || l.m.rules.Hold < 0 {
		return
	}
	for _, h := range r.Holders {
		t := l.s.Task(h.Task)
		if h.Maybe || h.Ended || t == nil || l.stuck[h.Task] {
			continue
		}
		since, ok := before[h.Task]
		if !ok {
			since = l.at
		}
		if mem.held == nil {
			mem.held = make(map[uint64]time.Time)
		}
		mem.held[h.Task] = since
		if l.at.Sub(since) <= l.m.rules.Hold {
			continue
		}
		k := suspicion{}
		k.Code = "H2"
		k.key = strconv.FormatUint(h.Task, 10)
		k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil), l.s.taskSubject(t)}
		k.Text = fmt.Sprintf("%s has held %s for %s or longer while %s for it; it %s",
			l.s.Path(t.ID), resourceName(r), span(l.at.Sub(since)), plural64(int64(r.Waiting), "task waited", "tasks waited"), l.s.waitPhrase(t))
		if r.Kind == kindSemaphore || r.Kind == kindLimiter {
			k.Severity, k.Confidence = severityInfo, Hint // they may be there for long jobs
		}
		l.suspect(k, &since)
	}
}

// longWait is H3, once for each resource: of who has waited longest.
func (l *look) longWait(r *Resource) {
	limit := l.m.rules.Wait
	if limit < 0 {
		return
	}
	var longest *Task
	var since time.Time
	late := 0
	for _, w := range r.Waiters {
		t := l.s.Task(w.Task)
		mem, ok := l.m.tasks[w.Task]
		if t == nil || !ok || l.stuck[t.ID] || t.Wait == nil || t.Wait.Resource != r.ID || l.at.Sub(mem.since) <= limit {
			continue
		}
		late++
		if longest == nil || mem.since.Before(since) {
			longest, since = t, mem.since
		}
	}
	if longest == nil {
		return
	}
	k := suspicion{}
	k.Code = "H3"
	k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil), l.s.taskSubject(longest)}
	k.Text = fmt.Sprintf("%s %s, for %s", l.s.Path(longest.ID), l.s.waitPhrase(longest), span(l.at.Sub(since)))
	if late > 1 {
		k.Text += fmt.Sprintf("; %d wait as long as this is allowed, or longer", late)
	}
	k.Evidence = map[string]any{"waiters": late}
	l.suspect(k, &since)
}

func (l *look) queues() {
	for i := range l.s.Resources {
		if r := &l.s.Resources[i]; r.Kind == kindQueue {
			l.closedQueue(r)
			l.fullQueue(r)
			l.starvedQueue(r)
		}
	}
	for id, mem := range l.m.resources {
		if mem.seen != l.m.order {
			delete(l.m.resources, id)
		}
	}
}

// closedQueue is Q3. A Put or Get that waits is woken by Shutdown, so this should not be.
func (l *look) closedQueue(r *Resource) {
	if !r.Closed {
		return
	}
	for _, w := range r.Waiters {
		t := l.s.Task(w.Task)
		if t == nil || t.Wait == nil || t.Wait.Resource != r.ID || w.Op == opWorkDone || t.Wait.Op == opWorkDone {
			continue
		}
		k := suspicion{wait: true, sign: scramble(t.ID) ^ t.Seq}
		k.Code = "Q3"
		k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil), l.s.taskSubject(t)}
		k.Text = fmt.Sprintf("%s is shut down, and %s still %s", resourceName(r), l.s.Path(t.ID), l.s.waitPhrase(t))
		l.suspect(k, nil)
		return
	}
}

// first returns the task at the head of the line of an operation, and whether there is one; the task may be nil.
func (l *look) first(r *Resource, op string) (*Task, bool) {
	for _, w := range r.Waiters {
		if w.Op == op {
			return l.s.Task(w.Task), true
		}
	}
	return nil, false
}

// minSamples is how many looks it takes to say something of a time.
const minSamples = 10

// fullQueue is Q1.
func (l *look) fullQueue(r *Resource) {
	window := l.m.rules.Full
	mem := l.memory(r)
	t, waiting := l.first(r, opPut)
	waiting = waiting && t != nil
	if window < 0 || len(mem.full) == 0 && !waiting {
		return
	}
	mem.full = append(mem.full, sample{l.at, waiting})
	for len(mem.full) > 1 && !mem.full[1].at.After(l.at.Add(-window)) { // the first is at, or just before, the beginning of the window
		mem.full = mem.full[1:]
	}
	if len(mem.full) > 1000 { // very short looks: half of them will do
		for i := range mem.full[:500] {
			mem.full[i] = mem.full[2*i]
		}
		mem.full = mem.full[:500]
	}
	busy := 0
	for _, s := range mem.full {
		if s.waiting {
			busy++
		}
	}
	switch {
	case busy == 0:
		mem.full = nil
		return
	case !waiting || l.stuck[t.ID] || len(mem.full) < minSamples || l.at.Sub(mem.full[0].at) < window || 2*busy <= len(mem.full):
		return
	}
	k := suspicion{}
	k.Code = "Q1"
	k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil)}
	k.Text = fmt.Sprintf("producers waited at %s in %d of the last %d looks, in %s%s", resourceName(r), busy, len(mem.full), span(window), l.s.holders(r, modeGet, "; these take from it: "))
	k.Evidence = map[string]any{"full": float64(busy) / float64(len(mem.full))}
	l.suspect(k, &mem.full[0].at)
}

// starvedQueue is Q2.
func (l *look) starvedQueue(r *Resource) {
	limit := l.m.rules.Starve
	mem := l.memory(r)
	put, get := 0, 0
	for _, h := range r.Holders {
		switch {
		case h.Ended:
		case h.Mode == modePut:
			put++
			mem.hadPut = true
		case h.Mode == modeGet:
			get++
		}
	}
	if n := r.Attrs["accepted"]; n != mem.accepted {
		mem.accepted, mem.changed = n, l.at
	}
	if limit < 0 || r.Closed {
		return
	}
	k := suspicion{}
	k.Code = "Q2"
	k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil)}
	if t, ok := l.first(r, opPut); ok && t != nil {
		since := l.m.tasks[t.ID].since
		if t.Wait == nil || t.Wait.Resource != r.ID || l.stuck[t.ID] || since.IsZero() || l.at.Sub(since) <= limit || l.at.Sub(mem.changed) <= limit {
			return
		}
		k.Subjects = append(k.Subjects, l.s.taskSubject(t))
		k.Text = fmt.Sprintf("nobody has taken from %s for %s, and %s waits to put", resourceName(r), span(l.at.Sub(since)), l.s.Path(t.ID))
		if get > 0 {
			k.Text += l.s.holders(r, modeGet, "; these did take: ")
		} else if !unlisted(r, modeGet) {
			if r.Attrs[attrFormerGetters] > 0 {
				k.Text += "; all who have taken from it have ended"
			} else {
				k.Text += "; no task has taken from it so far"
			}
		}
		l.suspect(k, &since)
		return
	}
	t, ok := l.first(r, opGet)
	hadPut := mem.hadPut || r.Attrs[attrFormerPutters] > 0
	if !ok || t == nil || put > 0 || !hadPut || unlisted(r, modePut) || r.Attrs["producers"] > 0 || r.Attrs[attrLaterPutters] > 0 {
		return // somebody may come to put, as others have; a consumer that waits for work is as it should be
	}
	k.Confidence = Hint // a first one may come as well
	since := l.m.tasks[t.ID].since
	if t.Wait == nil || t.Wait.Resource != r.ID || l.stuck[t.ID] || since.IsZero() || l.at.Sub(since) <= limit || l.at.Sub(mem.changed) <= limit {
		return
	}
	k.Subjects = append(k.Subjects, l.s.taskSubject(t))
	k.Text = fmt.Sprintf("%s has waited to get from %s for %s, and all who put into it have ended without shutting it down", l.s.Path(t.ID), resourceName(r), span(l.at.Sub(since)))
	l.suspect(k, &since)
}
