package inspect

import (
	"cmp"
	"fmt"
	"time"
)

// L4: an error that nobody has seen. S2: tasks are started in a group that has been cancelled.

// anotherClock is how far ahead an incident may be of the look at it. One further ahead was noted by another clock, outside of a synctest bubble.
const anotherClock = time.Minute

// refusals counts the tasks of one site that were refused, in windows of a minute one after another.
type refusals struct {
	ends   time.Time
	before int64 // all of them, when the window began
	last   int64 // in the window before it
}

const refusalWindow = time.Minute

func (l *look) incidents() {
	refused := make(map[Subject]*refusals)
	for i := range l.s.Incidents {
		in := &l.s.Incidents[i]
		if in.Last.After(l.at.Add(anotherClock)) {
			continue
		}
		sub := Subject{Kind: ofSite, Name: cmp.Or(starred(in.Task), "a promise without a name")}
		if in.Site != 0 {
			sub = l.site(in.Site)
		}
		if in.Kind == IncidentRefused {
			refused[sub] = l.refusals(in, sub)
		} else {
			l.unseen(in, sub)
		}
	}
	l.m.refused = refused
}

// unseen is L4.
func (l *look) unseen(in *Incident, sub Subject) {
	if l.m.rules.Unseen < 0 || l.at.Sub(in.Last) > l.m.rules.Unseen {
		return
	}
	k := suspicion{key: in.Kind}
	if in.Site == 0 {
		k.key += " " + sub.Name
	}
	k.Code = "L4"
	k.Subjects = []Subject{sub}
	k.Text = cmp.Or(in.Task, sub.Name)
	switch in.Kind {
	case IncidentUnread:
		k.Text += " has failed, and its future was dropped before anybody had read why"
		k.Hint = "Wait for the future that Submit or a promise has given, or handle the error where it comes up."
	case IncidentAbandoned:
		k.Text += " has failed after its caller had left it"
		k.Hint = "Its caller's ctx had ended, so there was nobody to give the error to. If it matters, handle it in the function."
	case IncidentLeft:
		k.Text += " has failed after its Run had given up on it"
		k.Hint = "Let it end within the Grace; until then the error is a part of what Run returns."
	default: // of a later version
		k.Text += " has failed, and nobody has seen it"
	}
	if in.Error != "" {
		k.Text += ": " + in.Error
	}
	if in.Count > 1 {
		k.Text += fmt.Sprintf(". %d such failures have come from there since %s", in.Count, in.First.UTC().Format(time.RFC3339))
	}
	k.Evidence = map[string]any{"kind": in.Kind, "failures": in.Count, "last": in.Last}
	l.suspect(k, &in.First)
}

// refusals is S2.
func (l *look) refusals(in *Incident, sub Subject) *refusals {
	w := l.m.refused[sub]
	switch {
	case w == nil:
		w = &refusals{ends: l.at.Add(refusalWindow)}
		if l.at.Sub(in.First) > refusalWindow {
			w.before = in.Count // nobody knows when
		}
	case !l.at.Before(w.ends):
		w.ends, w.before, w.last = l.at.Add(refusalWindow), in.Count, in.Count-w.before
	}
	n := max(w.last, in.Count-w.before)
	if limit := int64(l.m.rules.Refused); limit < 0 || n <= limit {
		return w
	}
	k := suspicion{}
	k.Code = "S2"
	k.Subjects = []Subject{sub}
	k.Text = fmt.Sprintf("%d tasks such as %s were started in a minute in a group that had been cancelled, and never ran", n, in.Task)
	k.Evidence = map[string]any{"refused": n}
	l.suspect(k, nil)
	return w
}
