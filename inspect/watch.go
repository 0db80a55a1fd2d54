package inspect

import (
	"context"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/record"
)

// What is noted while tasks run, beside what can be read from them at any time.
//
// While there is an inspector, a goroutine of its keeps a coarse clock, from which waits take their time: reading a real one costs more than
// the wait itself. While somebody is attached, the clock is finer, and the ends of tasks are counted; most of them are only counted,
// since noting one in full costs more than running a short task.

const (
	idleTick     = time.Second
	attachedTick = 10 * time.Millisecond
)

// attention is how much of it this process has.
var attention struct {
	mu         sync.Mutex
	inspectors int
	attached   int
	holders    int           // inspectors that want to know all holders
	labels     int           // that want labels
	ids        int           // and those that want ids among them
	wake       chan struct{} // of the clock; nil while there is none
	clock      sync.WaitGroup
}

// inspecting says that there is one more inspector, with these options, until leave is called.
func inspecting(holders, labels, ids bool) (leave func()) {
	a := &attention
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inspectors++
	a.holders += count(holders)
	a.labels += count(labels)
	a.ids += count(ids)
	if a.inspectors == 1 {
		a.wake = make(chan struct{}, 1)
		tick()
		a.clock.Add(1)
		go keepTime(a.wake)
	}
	adjust()
	surroundLocked() // for the next task already
	return sync.OnceFunc(func() {
		a.mu.Lock()
		a.inspectors--
		a.holders -= count(holders)
		a.labels -= count(labels)
		a.ids -= count(ids)
		if a.inspectors == 0 {
			close(a.wake)
			a.wake = nil
		}
		adjust()
		a.mu.Unlock()
		a.clock.Wait()
	})
}

// attend says that one more client is attached, until leave is called.
func attend() (leave func()) {
	a := &attention
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attached++
	adjust()
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.attached--
		adjust()
	})
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// adjust does what the numbers of attention ask for. Its lock is held.
func adjust() {
	a := &attention
	hear, period := (*record.Ends)(nil), idleTick
	if a.attached > 0 {
		hear, period = &hearEnds, attachedTick
	}
	record.Ended.Store(hear)
	if a.holders > 0 {
		record.Holders.Store(true) // for good: see package record
	}
	if a.inspectors == 0 {
		coarse.Store(0)
		record.Tick.Store(0)
		record.Around.Store(nil)
		return
	}
	coarse.Store(period.Microseconds())
	if a.wake != nil {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// keepTime keeps the coarse clock until wake is closed. A value in wake says that the period has changed.
func keepTime(wake <-chan struct{}) {
	defer attention.clock.Done()
	for {
		timer := time.NewTimer(time.Duration(coarse.Load()) * time.Microsecond)
		select {
		case _, ok := <-wake:
			timer.Stop()
			if !ok {
				return
			}
		case <-timer.C:
		}
		tick()
		surround()
	}
}

func tick() {
	record.Tick.Store(max(1, time.Since(record.Epoch).Milliseconds()) << record.StampShift)
}

// surround asks package braid to call us around each task, if there is anything to do there:
// labels that somebody has asked for, or an execution trace that is being taken.
func surround() {
	attention.mu.Lock()
	defer attention.mu.Unlock()
	surroundLocked()
}

func surroundLocked() {
	a := &attention
	if a.inspectors > 0 && (a.labels > 0 || trace.IsEnabled()) {
		around := aroundTask
		if a.ids > 0 {
			around = aroundTaskWithID
		}
		if a.labels == 0 {
			around = aroundTrace
		}
		record.Around.Store(&around)
		return
	}
	record.Around.Store(nil)
}

// Names of the labels for pprof.
const (
	labelTask = "task"    // the task's name
	labelID   = "task_id" // its id
)

func aroundTrace(ctx context.Context, name string, _ int32, entry uintptr) func() {
	if !trace.IsEnabled() {
		return func() {}
	}
	if name == "" {
		name = siteOf(entry).name
	}
	return trace.StartRegion(ctx, name).End
}

func aroundTask(ctx context.Context, name string, index int32, entry uintptr) func() {
	if name == "" {
		name = siteOf(entry).name
	}
	return label(ctx, pprof.Labels(labelTask, name), aroundTrace(ctx, name, index, entry))
}

func aroundTaskWithID(ctx context.Context, name string, index int32, entry uintptr) func() {
	if name == "" {
		name = siteOf(entry).name
	}
	id := strconv.FormatUint(record.Source.IDOf(ctx), 10)
	return label(ctx, pprof.Labels(labelTask, name, labelID, id), aroundTrace(ctx, name, index, entry))
}

// label labels the goroutine, beside the labels that ctx has. Afterwards it has these alone again.
func label(ctx context.Context, labels pprof.LabelSet, end func()) func() {
	pprof.SetGoroutineLabels(pprof.WithLabels(ctx, labels))
	return func() {
		end()
		pprof.SetGoroutineLabels(ctx)
	}
}

// Ended is a task that has ended while somebody was attached.
type Ended struct {
	Seq        uint64    `json:"seq"`
	ID         uint64    `json:"id,omitempty"` // 0 if it was in no snapshot
	Name       string    `json:"name"`
	Group      string    `json:"group,omitempty"` // the name of its group, if it has one
	Site       uint64    `json:"site,omitempty"`
	Outcome    string    `json:"outcome"` // "succeeded", "failed", "cancelled" or "panicked"
	Error      string    `json:"error,omitempty"`
	At         time.Time `json:"at"`
	DurationUS int64     `json:"duration_us"`
}

// ends are the tasks that have ended.
//
// They are counted in several places, so that tasks on different processors do not fight for one.
// Of those that succeeded at once, one for each tick of the clock and each shard is noted: all of a few, and some hundreds a second of many.
var ends struct {
	shards [8]endShard

	mu     sync.Mutex
	seq    uint64
	recent [1024]endNote // a ring; seq%len is the next place
	times  []int64       // microseconds, of those noted since they were last asked for
}

type endShard struct {
	outcome [8]atomic.Int64 // by braid.State
	noted   atomic.Int64    // the tick in which one was noted last
	_       [64]byte
}

type endNote struct {
	Ended

	err error // its text is made when somebody asks
}

const (
	maxTimes = 4096 // durations kept
)

var hearEnds = record.Ends{Count: countEnd, Note: noteEnd}

// countEnd counts the end of a task, and says whether it is to be noted in full.
func countEnd(started int64, state uint32) bool {
	// Chosen by where the stack is: a goroutine that ends many tasks, as workers do, stays with one, and most of them have one to themselves.
	var here byte
	shard := &ends.shards[uintptr(unsafe.Pointer(&here))>>11%uintptr(len(ends.shards))] //nolint:gosec // an address is a number here
	shard.outcome[state%8].Add(1)
	tick := record.Tick.Load()
	if braid.State(state) == braid.Succeeded && tick == shard.noted.Load() &&
		started >= (tick>>record.StampShift)*int64(time.Millisecond)-2*int64(attachedTick) {
		return false // short, and there is one of this moment already
	}
	shard.noted.Store(tick)
	return true
}

func noteEnd(e record.End) {
	now := time.Since(record.Epoch)
	note := endNote{Ended: Ended{
		ID: e.ID, Name: e.Name, Group: e.Group, Outcome: braid.State(e.State).String(),
		At: record.Epoch.Add(now).Round(0), DurationUS: (now - time.Duration(e.Started)).Microseconds(),
	}}
	at := siteOf(e.Entry)
	note.Site = at.ID
	if e.Name == "" {
		note.Name = at.name
		if e.Index > 0 {
			note.Name += "#" + strconv.Itoa(int(e.Index-1))
		}
	}
	if braid.State(e.State) != braid.Succeeded {
		note.err = e.Err
	}
	ends.mu.Lock()
	defer ends.mu.Unlock()
	note.Seq = ends.seq + 1
	ends.recent[ends.seq%uint64(len(ends.recent))] = note
	ends.seq++
	if len(ends.times) < maxTimes {
		ends.times = append(ends.times, note.DurationUS)
	}
}

// endedAfter returns the noted ends after seq, the oldest first, and how many of them are gone. It also gives the seq to ask for next.
func endedAfter(seq uint64) (list []Ended, lost, next uint64) {
	ends.mu.Lock()
	size := uint64(len(ends.recent))
	from := min(seq, ends.seq)
	if ends.seq > size && from < ends.seq-size {
		lost = ends.seq - size - from
		from += lost
	}
	notes := make([]endNote, 0, ends.seq-from)
	for i := from; i < ends.seq; i++ {
		notes = append(notes, ends.recent[i%size])
	}
	next = ends.seq
	ends.mu.Unlock()
	list = make([]Ended, len(notes))
	for i := range notes {
		list[i] = notes[i].Ended
		list[i].Error = textOf(notes[i].err)
	}
	return list, lost, next
}

// durations returns how long tasks took that have ended since it was last called, in microseconds: a sample if there were many.
func durations() []int64 {
	ends.mu.Lock()
	defer ends.mu.Unlock()
	list := ends.times
	ends.times = nil
	return list
}

// outcomes counts the tasks that ended while somebody was attached. Started is left to who knows how many live.
func outcomes() Counters {
	var c Counters
	for i := range ends.shards {
		o := &ends.shards[i].outcome
		c.Succeeded += o[braid.Succeeded].Load()
		c.Failed += o[braid.Failed].Load()
		c.Cancelled += o[braid.Cancelled].Load()
		c.Panicked += o[braid.Panicked].Load()
	}
	return c
}
