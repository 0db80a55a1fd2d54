package inspect

import (
	"fmt"
	"time"
)

// L5: the number of a site's tasks grows. T1: many timers. P1: fails again and again. I1: the inspector itself.

// siteWindows counts the tasks of each site at the end of each window.
type siteWindows struct {
	ends  time.Time
	count map[uint64]int // at the end of the last window
	rises map[uint64]int // in how many windows one after another it has risen
	since map[uint64]time.Time
}

const windowsInARow = 5

// note tells w what there is now. It keeps count if a window ends with it.
func (w *siteWindows) note(at time.Time, window time.Duration, count map[uint64]int) {
	switch {
	case w.count == nil:
		w.count, w.rises, w.since = count, make(map[uint64]int), make(map[uint64]time.Time)
		w.ends = at.Add(window)
	case !at.Before(w.ends):
		rises := make(map[uint64]int)
		for site, n := range count {
			if n > w.count[site] {
				if rises[site] = w.rises[site] + 1; rises[site] == 1 {
					w.since[site] = w.ends.Add(-window)
				}
			} else {
				delete(w.since, site)
			}
		}
		for site := range w.since {
			if rises[site] == 0 {
				delete(w.since, site)
			}
		}
		w.count, w.rises = count, rises
		w.ends = at.Add(window)
	}
}

func (l *look) counts() {
	tasks, sleeping := make(map[uint64]int), make(map[uint64]int)
	for i := range l.s.Tasks {
		t := &l.s.Tasks[i]
		tasks[t.Site]++
		if t.Wait != nil && t.Wait.Op == opSleep {
			sleeping[t.Site]++
		}
	}
	l.growth(tasks)
	if limit := l.m.rules.Timers; limit >= 0 {
		for site, n := range sleeping {
			if n > limit {
				k := suspicion{}
				k.Code = "T1"
				k.Subjects = []Subject{l.site(site)}
				k.Text = fmt.Sprintf("%d tasks of %s sleep", n, k.subject().Name)
				k.Evidence = map[string]any{"tasks": n}
				l.suspect(k, nil)
			}
		}
	}
	l.fails()
}

func (l *look) site(id uint64) Subject {
	sub := Subject{Kind: ofSite, ID: id, Name: l.s.Site(id).String()}
	if sub.Name == "" {
		sub.Name = "unknown"
	}
	return sub
}

// growth is L5.
func (l *look) growth(tasks map[uint64]int) {
	w := &l.m.windows
	if l.m.rules.Growth < 0 || l.m.rules.Window < 0 {
		return
	}
	w.note(l.at, l.m.rules.Window, tasks)
	for site, n := range w.rises {
		if n < windowsInARow || w.count[site] <= l.m.rules.Growth {
			continue
		}
		since := w.since[site]
		k := suspicion{}
		k.Code = "L5"
		k.Subjects = []Subject{l.site(site)}
		k.Text = fmt.Sprintf("there are %d tasks of %s; their number has risen in %d windows of %s one after another", tasks[site], k.subject().Name, n, span(l.m.rules.Window))
		k.Evidence = map[string]any{"tasks": tasks[site], "windows": n}
		l.suspect(k, &since)
	}
}

// failureMemory counts failures by name in the last minute, in slices of ten seconds.
type failureMemory struct {
	names map[string]*failing
}

type failing struct {
	site  uint64
	last  string // error
	at    time.Time
	count [6]int
	slice [6]int64 // which slice of time each count is of
}

// maxFailing bounds the names that are remembered.
const maxFailing = 1000

// Observe tells m of tasks that have ended, for P1: a snapshot has only those that live.
func (m *Monitor) Observe(list []Ended) {
	for i := range list {
		e := &list[i]
		if e.Outcome != "failed" && e.Outcome != "panicked" {
			continue
		}
		name := starred(e.Name)
		if e.Group != "" {
			name = starred(e.Group) + "/" + name
		}
		if m.failures.names == nil {
			m.failures.names = make(map[string]*failing)
		}
		f := m.failures.names[name]
		if f == nil {
			if len(m.failures.names) == maxFailing {
				continue
			}
			f = &failing{site: e.Site}
			m.failures.names[name] = f
		}
		slice := e.At.Unix() / 10
		if n := slice % 6; n >= 0 {
			if f.slice[n] != slice {
				f.slice[n], f.count[n] = slice, 0
			}
			f.count[n]++
		}
		f.last, f.at = e.Error, e.At
	}
}

// fails is P1.
func (l *look) fails() {
	now := l.at.Unix() / 10
	for name, f := range l.m.failures.names {
		total := 0
		for n, c := range f.count {
			if f.slice[n] > now-6 {
				total += c
			}
		}
		if total == 0 {
			delete(l.m.failures.names, name)
		}
		if limit := l.m.rules.Restarts; limit < 0 || total <= limit {
			continue
		}
		k := suspicion{key: name}
		k.Code = "P1"
		k.Subjects = []Subject{{Kind: ofSite, ID: f.site, Name: name}}
		k.Text = fmt.Sprintf("tasks named %s failed %d times in the last minute", name, total)
		if f.last != "" {
			k.Text += "; the last time with: " + f.last
		}
		k.Evidence = map[string]any{"failures": total}
		l.suspect(k, nil)
	}
}

// selfWindow is over what time the inspector's own share is measured.
const selfWindow = 10 * time.Second

// inspector is I1.
func (l *look) inspector() {
	k := suspicion{}
	k.Code = "I1"
	k.Subjects = []Subject{l.process()}
	c := l.s.Counters
	if lost := c.Dropped - l.m.counters.Dropped; lost > 0 && l.span > 0 {
		k.key = "dropped"
		k.Text = fmt.Sprintf("%d events were dropped since the look before, because somebody reads too slowly", lost)
		k.Evidence = map[string]any{"dropped": c.Dropped}
		l.suspect(k, nil)
	}
	if l.m.rules.SelfTime < 0 {
		return
	}
	if l.m.selfFrom.IsZero() {
		l.m.selfFrom, l.m.selfUS = l.at, c.SelfUS
		return
	}
	took := l.at.Sub(l.m.selfFrom)
	share := float64(c.SelfUS-l.m.selfUS) / float64(max(1, took.Microseconds()))
	if took >= selfWindow && share > l.m.rules.SelfTime {
		k.key = "self"
		k.Text = fmt.Sprintf("the inspector has used %.1f %% of one processor in the last %s", 100*share, span(took))
		k.Evidence = map[string]any{"share": share}
		l.suspect(k, nil)
	}
	if took >= 2*selfWindow {
		l.m.selfFrom, l.m.selfUS = l.at, c.SelfUS
	}
}
