package inspect

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/braid-go/braid/internal/record"
)

// N1: goroutines that are no tasks. L6: goroutines that the runtime has shown to be blocked for ever.

// strays is N1.
//
// A task that has begun has one goroutine at most: those on the event loop or in the simulator may have none, and those that run inline share one.
// So what is left when each task is given one is too few rather than too many.
func (l *look) strays() {
	if l.s.Counters.Goroutines == 0 || l.m.rules.Growth < 0 || l.m.rules.Window < 0 {
		return
	}
	begun := 0
	for i := range l.s.Tasks {
		if l.s.Tasks[i].State != StateQueued {
			begun++
		}
	}
	loose := max(0, int(l.s.Counters.Goroutines)-begun)
	w := &l.m.loose
	w.note(l.at, l.m.rules.Window, map[uint64]int{0: loose})
	n := w.rises[0]
	if n < windowsInARow || w.count[0] <= l.m.rules.Growth {
		return
	}
	since := w.since[0]
	k := suspicion{}
	k.Code = "N1"
	k.Subjects = []Subject{l.process()}
	k.Text = fmt.Sprintf("at least %d of %d goroutines are of no task; their number has risen in %d windows of %s one after another", loose, l.s.Counters.Goroutines, n, span(l.m.rules.Window))
	k.Evidence = map[string]any{"goroutines": l.s.Counters.Goroutines, "of_no_task": loose, "windows": n}
	l.suspect(k, &since)
}

// The runtime's profile of leaked goroutines. What it says is certain but for one thing: it takes nobody into account who holds only a weak pointer,
// and the inspector holds one to each task, through which it can cancel them. See cancelTask.

// leakProfile is nil if the runtime has none.
func leakProfile() *pprof.Profile { return pprof.Lookup("goroutineleak") }

const maxLeakTasks = 10 // that L6 names

// leakPlace is a stack on which goroutines wait for ever.
type leakPlace struct {
	key    string
	count  int
	frames []Frame
	labels []uint64 // ids of the tasks whose label they have
}

// leakPlaces gathers rows of the runtime's profile by stack: with LabelIDs each task has rows of its own.
func leakPlaces(list []Stack) []*leakPlace {
	var places []*leakPlace
	known := make(map[string]*leakPlace)
	for i := range list {
		g := &list[i]
		var b strings.Builder
		for _, f := range g.Frames {
			fmt.Fprintf(&b, "%s:%d\n", f.Func, f.Line)
		}
		key := b.String()
		p := known[key]
		if p == nil {
			p = &leakPlace{key: key, frames: g.Frames}
			known[key], places = p, append(places, p)
		}
		p.count += g.Count
		if id, err := strconv.ParseUint(g.Labels[labelID], 10, 53); err == nil {
			p.labels = append(p.labels, id)
		}
	}
	for _, p := range places {
		slices.Sort(p.labels)
		p.labels = slices.Compact(p.labels)
	}
	return places
}

// leaks is L6: one finding for each stack.
func (l *look) leaks() {
	for _, p := range l.m.leaked {
		if !l.room("L6") {
			continue
		}
		tasks := make([]*Task, 0, len(p.labels)) // that live
		for _, id := range p.labels {
			if t := l.s.Task(id); t != nil {
				tasks = append(tasks, t)
			}
		}
		at := waitsIn(p.frames)
		k := suspicion{key: p.key}
		k.Code = "L6"
		k.Subjects = []Subject{{Kind: ofSite, Name: (&Site{Func: at.Func}).String()}}
		if i := slices.IndexFunc(l.s.Sites, func(s Site) bool { return s.Func == at.Func }); i >= 0 {
			k.Subjects[0] = l.site(l.s.Sites[i].ID)
		}
		for _, t := range tasks[:min(len(tasks), maxLeakTasks)] {
			k.Subjects = append(k.Subjects, l.s.taskSubject(t))
		}
		whose := ""
		if len(tasks) > 0 {
			site, how := l.s.Site(tasks[0].Site), "begun with go in"
			if site != nil && slices.ContainsFunc(p.frames, func(f Frame) bool { return f.Func == site.Func }) {
				how = "of"
			}
			whose = fmt.Sprintf(" %s task %s", how, k.Subjects[1].Name)
			if len(tasks) > 1 {
				whose = fmt.Sprintf(" %s %d tasks, such as %s,", how, len(tasks), k.Subjects[1].Name)
			}
		}
		verb, them := "wait", "them"
		if p.count == 1 {
			verb, them = "waits", "it"
		}
		k.Text = fmt.Sprintf("%s%s %s for ever in %s (%s:%d): nothing that the program can still reach wakes %s",
			plural(p.count, "goroutine"), whose, verb, k.Subjects[0].Name, at.File, at.Line, them)
		k.Evidence = map[string]any{"goroutines": p.count, "of_tasks": len(tasks), "frames": p.frames}
		l.suspect(k, nil)
	}
}

// waitsIn returns the innermost frame that is neither the runtime's nor braid's.
func waitsIn(frames []Frame) Frame {
	const own = "github.com/braid-go/braid"
	i := slices.IndexFunc(frames, func(f Frame) bool {
		for _, of := range []string{"runtime.", "sync.", "internal/", own + ".", own + "/internal/"} {
			if strings.HasPrefix(f.Func, of) {
				return false
			}
		}
		return true
	})
	if i < 0 {
		i = len(frames) - 1
	}
	if i < 0 {
		return Frame{Func: "unknown"}
	}
	return frames[i]
}

// askForLeaks returns what the runtime says of leaked goroutines, if Rules.Leaks wants that and it is time; else what it said before.
func (l *looker) askForLeaks() []*leakPlace {
	every, now := l.monitor.rules.Leaks, time.Now()
	if every <= 0 || l.leaked == nil || !l.leaksAsked.IsZero() && now.Sub(l.leaksAsked) < max(every, idleShare*l.leaksCost) || runtime.NumGoroutine() > maxProfiled {
		return l.monitor.leaked
	}
	l.leaksAsked = now
	list, err := l.leaked()
	l.leaksCost = time.Since(now)
	l.self.Add(l.leaksCost.Microseconds())
	if err != nil {
		return nil
	}
	return leakPlaces(list)
}

// leakedStacks asks the runtime for leaked goroutines; without a profile there are none.
func leakedStacks() ([]Stack, error) {
	p := leakProfile()
	if p == nil {
		return nil, nil
	}
	_, list, err := profileOf(p)
	return list, err
}

// profileOf returns the stacks of a profile of goroutines, and how many there are.
func profileOf(p *pprof.Profile) (total int, list []Stack, err error) {
	var b bytes.Buffer
	if err := p.WriteTo(&b, 1); err != nil {
		return 0, nil, fmt.Errorf("inspect: the %s profile: %w", p.Name(), err)
	}
	if total, list, err = parseGoroutines(&b); err != nil {
		return 0, nil, err
	}
	// Go 1.26 keeps the number of leaked goroutines when there are none any more, and makes up for those that it misses with stacks of nothing.
	list = slices.DeleteFunc(list, func(g Stack) bool {
		empty := !slices.ContainsFunc(g.Frames, func(f Frame) bool { return f.Func != noPC })
		if empty {
			total -= g.Count
		}
		return empty
	})
	return total, list, nil
}

// noPC is how a profile shows a call that is not there.
const noPC = "0x0"

// noLeaks is the answer of a program whose runtime has no profile of leaked goroutines.
func noLeaks() error {
	return problemf(http.StatusNotImplemented, "the runtime of this program does not look for leaked goroutines; build it with GOEXPERIMENT=goroutineleakprofile (Go 1.26), or with Go 1.27")
}

// cancelTask is record.Source.Cancel, made safe.
//
// The runtime marks goroutines as leaked that nothing reaches but the inspector's weak pointers, and ends the process if they are woken all the same.
// Asking it once more, while the tasks are held, takes the mark off everything that a cancellation can wake.
func cancelTask(id uint64, cause error) bool {
	if p := leakProfile(); p != nil {
		var all holdAll
		record.Source.Walk(&all)
		defer runtime.KeepAlive(&all)
		_ = p.WriteTo(io.Discard, 0)
	}
	return record.Source.Cancel(id, cause)
}

// holdAll keeps the tasks alive that it is shown.
type holdAll struct{ tasks []any }

func (h *holdAll) Task(t *record.Task) { h.tasks = append(h.tasks, t.Handle) }
func (*holdAll) Scope(*record.Scope)   {}
