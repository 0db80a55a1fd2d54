package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// D1, D2, D3, D5: deadlocks. H1: what was not given back.

func (l *look) deadlocks() {
	l.stuck = make(map[uint64]bool)
	for _, d := range l.s.Deadlocks() {
		if d.weak {
			l.starved(d)
			continue
		}
		for _, id := range d.Tasks {
			l.stuck[id] = true
		}
		if d.Kind == DeadlockOrphan && d.gone {
			continue // H1 says so
		}
		k := suspicion{wait: true}
		k.Code = map[string]string{DeadlockCycle: "D1", DeadlockOrphan: "D1", DeadlockSelf: "D3", DeadlockPool: "D5"}[d.Kind]
		if d.Timed {
			k.Code = "D2"
		}
		k.Confidence, k.Text = d.Confidence, d.Text
		first := slices.MinFunc(d.Cycle, func(a, b Link) int { return cmp.Compare(a.Task, b.Task) })
		k.Subjects = append(k.Subjects, l.s.taskSubject(l.s.Task(first.Task))) // which of the cycle it is must not change
		l.involve(&k, d)
		since := l.at
		for _, i := range d.core {
			t := &l.s.Tasks[i]
			if t.Wait != nil && t.Wait.Since != nil && t.Wait.Since.Before(since) {
				since = *t.Wait.Since
			}
		}
		// It began when the last of the circle began to wait, and not earlier than that.
		for _, link := range d.Cycle {
			if t := l.s.Task(link.Task); t.Wait != nil && t.Wait.Since != nil && t.Wait.Since.After(since) {
				since = *t.Wait.Since
			}
		}
		l.suspect(k, &since)
	}
	for i := range l.s.Resources {
		l.ownerGone(&l.s.Resources[i])
	}
}

// involve says in k who is part of d, and signs it with the waits of all on whom it rests: in the next look they must be the same.
func (l *look) involve(k *suspicion, d Deadlock) {
	known := make(map[Subject]bool)
	for _, sub := range k.Subjects {
		known[sub] = true
	}
	for _, link := range d.Cycle {
		for _, sub := range []Subject{l.s.taskSubject(l.s.Task(link.Task)), link.Via} {
			if sub.ID != 0 && !known[sub] {
				known[sub] = true
				k.Subjects = append(k.Subjects, sub)
			}
		}
	}
	k.Evidence = map[string]any{"cycle": d.Cycle, "tasks": d.Tasks, "size": d.Size}
	for _, i := range d.grounds {
		t := &l.s.Tasks[i]
		k.sign = scramble(k.sign^t.ID) ^ scramble(t.Seq)
	}
}

// starved is Q2 of tasks that wait for items and for each other. If they only wait for items, there is nothing to do, and that is all.
func (l *look) starved(d Deadlock) {
	limit := l.m.rules.Starve
	if limit < 0 || !slices.ContainsFunc(d.Cycle, func(link Link) bool { return link.Via.Kind != ofResource || link.Op == opWorkDone }) {
		return
	}
	k := suspicion{wait: true}
	k.Code, k.Confidence = "Q2", Hint
	var since time.Time // the last of them began to wait
	for _, link := range d.Cycle {
		t := l.s.Task(link.Task)
		if link.Op == opPut || link.Op == opGet {
			k.Subjects = append(k.Subjects, link.Via)
		}
		if t.Wait != nil && t.Wait.Since != nil && t.Wait.Since.After(since) {
			since = *t.Wait.Since
		}
	}
	if since.IsZero() || l.at.Sub(since) <= limit || len(k.Subjects) == 0 {
		return
	}
	k.Subjects = k.Subjects[:1]
	l.involve(&k, d)
	k.Text = "unless others come to use the queue, nothing goes on here any more: " + d.Text
	k.Hint = "See whether somebody should have shut the queue down, or called TaskDone."
	l.suspect(k, &since)
}

// ownerGone is H1.
func (l *look) ownerGone(r *Resource) {
	if !hasPermits(r) || r.InUse == 0 {
		return
	}
	for _, h := range r.Holders {
		if !h.Ended || h.Maybe {
			continue
		}
		k := suspicion{wait: true, key: holderName(l.s, h), sign: h.Task}
		k.Code = "H1"
		k.Subjects = []Subject{l.s.resourceSubject(r.ID, nil)}
		k.Text = fmt.Sprintf("%s was taken by %s, which has ended and has not given it back", resourceName(r), holderName(l.s, h))
		if r.Waiting > 0 {
			k.Text += fmt.Sprintf("; %s for it", plural64(int64(r.Waiting), "task waits", "tasks wait"))
		} else {
			k.Severity = severityWarning
		}
		if r.Kind == kindSemaphore {
			k.Confidence = Likely // another task may be meant to release
		}
		l.suspect(k, nil)
	}
}
