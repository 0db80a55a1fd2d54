package loop

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// Slow is a task or callback that holds the loop, so that nothing else on it can run.
type Slow struct {
	Task  string        // "task" and its path, or "callback" and the name of its function
	For   time.Duration // for how long at least, so far
	Stack string        // what it is doing
}

func (s Slow) String() string {
	return fmt.Sprintf("loop: %s has held the loop for %v\n%s", s.Task, s.For, s.Stack)
}

// watchdog looks from outside whether the loop still turns.
//
// The loop only counts what it runs; it reads no clock. While it sleeps so does the watchdog,
// so an idle loop wakes nobody, and the virtual time of testing/synctest is free to pass.
type watchdog struct {
	l       *Loop
	dormant atomic.Bool
	looking atomic.Pointer[task] // what a report is about; the loop must not use it again
	alarm   chan struct{}        // capacity one; the loop is awake
	quit    chan struct{}
	gone    chan struct{}
}

// watch starts the watchdog of l; nil if it has none.
func watch(l *Loop) *watchdog {
	if l.slowAfter == 0 {
		return nil
	}
	d := &watchdog{l: l, alarm: make(chan struct{}, 1), quit: make(chan struct{}), gone: make(chan struct{})}
	go d.run()
	return d
}

func (d *watchdog) stop() {
	if d != nil {
		close(d.quit)
		<-d.gone
	}
}

// loopAwake is called by the loop after each sleep.
func (d *watchdog) loopAwake() {
	if d != nil && d.dormant.Load() {
		select {
		case d.alarm <- struct{}{}:
		default:
		}
	}
}

// looksAt is asked by the loop after it has gone on from t.
func (d *watchdog) looksAt(t *task) bool { return d != nil && d.looking.Load() == t }

func (d *watchdog) asleep() bool { return d.l.ready.head.Load() == &d.l.ready.asleep }

func (d *watchdog) run() {
	defer close(d.gone)
	period := max(d.l.slowAfter/4, time.Millisecond)
	timer := time.NewTimer(period)
	defer timer.Stop()
	seen, since, told := d.look(), time.Now(), false
	for {
		select {
		case <-timer.C:
		case <-d.quit:
			return
		}
		for d.asleep() {
			d.dormant.Store(true)
			if d.asleep() {
				select {
				case <-d.alarm:
				case <-d.quit:
					return
				}
			}
			d.dormant.Store(false)
			since, told = time.Now(), false
		}
		now := time.Now()
		if m := d.look(); m != seen {
			seen, since, told = m, now, false
		} else if held := now.Sub(since); held >= d.l.slowAfter && !told {
			told = d.report(seen, held)
		}
		timer.Reset(period)
	}
}

// moment is where the loop is. Two that are equal mean that it has not moved.
type moment struct {
	turn uint64
	task *task
}

func (d *watchdog) look() moment { return moment{d.l.turns.Load(), d.l.shown.Load()} }

// report tells of what has held the loop since m. It returns false if that has just ended.
func (d *watchdog) report(m moment, held time.Duration) bool {
	s := Slow{Task: "callback " + codeName(d.l.call.Load()), For: held.Round(time.Millisecond)}
	t := m.task
	d.looking.Store(t)
	defer d.looking.Store(nil)
	if d.look() != m {
		return false
	}
	if t != nil {
		s.Task = "task " + t.job.Path()
	}
	s.Stack = stackOf(d.l, t)
	if d.look() != m || d.asleep() {
		return false
	}
	if d.l.onSlow != nil {
		d.l.onSlow(s)
	} else {
		slog.Warn("loop: held for too long; let slow work run through Offload", "task", s.Task, "for", s.For, "stack", s.Stack)
	}
	return true
}

// stackOf returns the stack of the goroutine that runs t, or the loop itself if t is nil.
//
// It is found in the dump of all goroutines by the address of its coroutine, which is an argument in one of its frames.
func stackOf(l *Loop, t *task) string {
	frame := fmt.Sprintf("loop.(*Loop).drive(%p", l)
	if t != nil {
		frame = fmt.Sprintf("coro.(*Coroutine).serve(%p", t.co)
	}
	for g := range strings.SplitSeq(goroutines(), "\n\n") {
		if strings.Contains(g, frame) {
			return g
		}
	}
	return "(its stack was not found)"
}

// goroutines returns the stacks of all goroutines, or the first 64 MiB of them.
func goroutines() string {
	for size := 1 << 20; ; size *= 4 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= 64<<20 {
			return string(buf[:n])
		}
	}
}
