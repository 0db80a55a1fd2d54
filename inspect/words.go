package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kinds of [Subject].
const (
	ofTask     = "task"
	ofScope    = "scope"
	ofResource = "resource"
	ofSite     = "site"
	ofProcess  = "process"
)

// How waits and holders are put into words, for findings, chains and texts.

// via says what t waits on.
func (s *Snapshot) via(t *Task) Subject {
	w := t.Wait
	switch {
	case w == nil && t.State == StateQueued:
		return Subject{Kind: ofScope, ID: t.Parent, Name: s.Path(t.Parent)}
	case w == nil:
		return Subject{}
	case w.Resource != 0:
		return s.resourceSubject(w.Resource, w)
	case w.Task != 0:
		return Subject{Kind: ofTask, ID: w.Task, Name: s.Path(w.Task)}
	case w.Scope != 0:
		return Subject{Kind: ofScope, ID: w.Scope, Name: s.Path(w.Scope)}
	}
	return Subject{Name: w.Target}
}

func (s *Snapshot) resourceSubject(id uint64, w *Wait) Subject {
	sub := Subject{Kind: ofResource, ID: id}
	if r := s.Resource(id); r != nil {
		sub.Name = resourceName(r)
	} else if w != nil {
		sub.Name = w.Target
	}
	return sub
}

func (s *Snapshot) taskSubject(t *Task) Subject {
	return Subject{Kind: ofTask, ID: t.ID, Name: s.Path(t.ID)}
}

func (s *Snapshot) scopeSubject(sc *Scope) Subject {
	return Subject{Kind: ofScope, ID: sc.ID, Name: s.Path(sc.ID)}
}

// resourceName names a resource for people: "mutex accounts", or "queue 7" if it has no name.
func resourceName(r *Resource) string {
	if r.Name != "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + strconv.FormatUint(r.ID, 10)
}

// uncounted is from where on an amount is no number of permits: a writer takes more of a lock than there can be readers.
const uncounted = 1 << 30

// inOrder says that those who wait on r are served one after another. What wakes all at once has no order worth showing.
func inOrder(r *Resource) bool { return r != nil && (hasPermits(r) || r.Kind == kindQueue) }

func holderName(s *Snapshot, h Hold) string {
	if p := s.Path(h.Task); p != "" {
		return p
	}
	if h.Name != "" {
		return h.Name
	}
	return "code without a task"
}

// waitPhrase says what t waits for and who could end that, such as
// "waits in mutex.Lock for mutex accounts (1st of 2), held by shop/b".
func (s *Snapshot) waitPhrase(t *Task) string {
	w := t.Wait
	if w == nil {
		switch t.State {
		case StateQueued:
			return "has not started: it waits for a slot of " + s.scopeName(t.Parent) + s.slotPhrase(t.Parent)
		case StateActive:
			return "is active: in no wait that braid sees"
		default:
			return "waits"
		}
	}
	switch {
	case w.Scope != 0 && w.Op == opJoin:
		return "waits for the tasks of " + s.scopeName(w.Scope) + " to end"
	case w.Scope != 0:
		return "waits in " + w.Op + " for a slot of " + s.scopeName(w.Scope) + s.slotPhrase(w.Scope)
	case w.Task != 0:
		name := s.Path(w.Task)
		if name == "" {
			return "waits for the end of a task that has ended"
		}
		return "waits for the end of " + name
	case w.Resource != 0:
		return "waits in " + w.Op + s.resourcePhrase(t)
	case w.Target != "":
		return "waits in " + w.Op + " for " + w.Target
	default:
		return "waits in " + w.Op
	}
}

func (s *Snapshot) resourcePhrase(t *Task) string {
	w := t.Wait
	r := s.Resource(w.Resource)
	if r == nil {
		if w.Target != "" {
			return " for " + w.Target
		}
		return " for something that the snapshot does not show"
	}
	var b strings.Builder
	b.WriteString(" for ")
	if w.Amount > 1 && w.Amount < uncounted {
		fmt.Fprintf(&b, "%d of ", w.Amount)
	}
	b.WriteString(resourceName(r))
	if w.Pos > 0 && inOrder(r) {
		b.WriteString(" (" + ordinal(w.Pos) + " in line")
		if r.Waiting >= w.Pos {
			fmt.Fprintf(&b, " of %d", r.Waiting)
		}
		b.WriteString(")")
	}
	switch {
	case hasPermits(r):
		b.WriteString(s.holders(r, "", ", held by "))
	case r.Kind == kindQueue && w.Op == opPut:
		b.WriteString(s.holders(r, modeGet, ", from which these take: "))
	case r.Kind == kindQueue && w.Op == opGet:
		b.WriteString(s.holders(r, modePut, ", into which these put: "))
	case r.Kind == kindQueue:
		fmt.Fprintf(&b, ", of which %s not worked off", plural64(r.Attrs["unfinished"], "item is", "items are"))
		b.WriteString(s.holders(r, modeGet, "; these take from it: "))
	case r.Task != 0 && s.Task(r.Task) != nil:
		b.WriteString(", which " + s.Path(r.Task) + " will settle")
	}
	return b.String()
}

// holders lists who holds r, or uses it in that mode, behind lead; "" if nobody is known.
func (s *Snapshot) holders(r *Resource, mode, lead string) string {
	const limit = 3

	var names []string
	more := 0
	for _, h := range r.Holders {
		if mode != "" && h.Mode != mode {
			continue
		}
		if len(names) == limit {
			more++
			continue
		}
		name := holderName(s, h)
		switch {
		case h.Ended:
			name += " (ended)"
		case h.Maybe:
			name += " (perhaps)"
		}
		if h.Amount > 1 && h.Amount < uncounted && mode == "" {
			name += fmt.Sprintf(" (%d)", h.Amount)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	if more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return lead + strings.Join(names, ", ")
}

// slotPhrase says who holds the slots of a scope.
func (s *Snapshot) slotPhrase(scope uint64) string {
	sc := s.Scope(scope)
	if sc == nil || sc.Limit == 0 {
		return ""
	}
	return fmt.Sprintf(", of which %d of %d are taken", sc.Running, sc.Limit)
}

func plural(n int, noun string) string { return plural64(int64(n), noun, noun+"s") }

func plural64(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + many
}

// since returns how long before s was taken t was, as people read it; 0 if t is nil.
func (s *Snapshot) since(t *time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return max(0, s.Taken.Sub(*t))
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// span puts a duration into words, with two digits or so.
func span(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return d.Round(time.Minute).String()
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Millisecond).String()
	}
}
