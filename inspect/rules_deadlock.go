package inspect

import (
	"cmp"
	"fmt"
	"slices"
)

// D1, D2, D3, D5: deadlocks. H1: what was not given back.

func (l *look) deadlocks() {
	l.stuck = make(map[uint64]bool)
	for _, d := range l.s.Deadlocks() {
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
		known := map[Subject]bool{k.Subjects[0]: true}
		for _, link := range d.Cycle {
			for _, sub := range []Subject{l.s.taskSubject(l.s.Task(link.Task)), link.Via} {
				if sub.ID != 0 && !known[sub] {
					known[sub] = true
					k.Subjects = append(k.Subjects, sub)
				}
			}
		}
		k.Evidence = map[string]any{"cycle": d.Cycle, "tasks": d.Tasks, "size": d.Size}
		since := l.at
		for _, i := range d.core {
			t := &l.s.Tasks[i]
			k.sign = scramble(k.sign^t.ID) ^ scramble(t.Seq)
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
