// Package record is what package braid tells the inspector, and the inspector tells it.
//
// Package braid must not import package inspect, and a program without an inspector must not pay for one.
// So this package lies below both: inspect sets On when it is linked into a program, and package braid fills in Source.
//
// # What the parts cost
//
// On is a plain variable that is written before main begins: testing it costs a load and no fence.
// While it is set, each wait writes a stamp of its time, the end of an outermost Run unregisters it,
// and a cancellation notes when and where it came from.
// What costs more is done only while it is asked for: see [Holders], [Ended] and [Around].
package record

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid/internal/sched"
)

// On says that an inspector is linked into this program. Package inspect sets it while the program is initialised, and nobody writes it later.
var On bool

// Lost is told of a failure that nobody has seen, and Refused of a task that was not started because its group was cancelled already.
// Package inspect sets them with On. They may be called on any goroutine, must not wait, and call nothing of the user's.
var (
	Lost    = func(Loss) {}
	Refused = func(entry uintptr, path func() string) {}
)

// Loss is a failure that nobody has seen.
type Loss struct {
	How   Lossy
	Task  string  // its path; or the name of a promise
	Entry uintptr // of the task's function; 0 for a promise
	Err   error   // nil if it is not known any more
}

// Lossy is a way in which a failure can go unseen.
type Lossy string

const (
	// Unread is the failure of a future that was collected before anybody read it.
	Unread Lossy = "unread"
	// Abandoned is that of a function whose caller had left, as Abandon and Offload allow.
	Abandoned Lossy = "abandoned"
	// Left is that of a task that ended after its Run had returned, as Grace allows.
	Left Lossy = "left"
)

// Holders says that it is noted of all semaphores, read locks and queues who holds or uses them, and not of those alone that have a name:
// it costs a busy semaphore more than the semaphore itself does.
// It is not taken back, because an account with gaps would name holders who are none.
var Holders atomic.Bool

// Tick is the coarse clock, for stamps: milliseconds since Epoch, shifted left by StampShift. 0 means that nobody keeps it.
var Tick atomic.Int64

// StampShift is where the time begins in a stamp; below it is the number of the wait, and its lowest bit says [Foreign].
const StampShift = 21

// Foreign is the bit of a stamp that says that the wait ends with a context that is none of braid's.
const Foreign = 1

// Epoch is where package braid's times count from. Package braid sets it.
var Epoch time.Time

// Ended counts a task that has ended, which began at started, in nanoseconds since Epoch, with a braid.State.
// If it returns true, it wants to know more, and note is called. Both are called on the task's goroutine, with no lock held, and must not wait.
var Ended atomic.Pointer[Ends]

// Ends are the functions of [Ended].
type Ends struct {
	Count func(started int64, state uint32) (more bool)
	Note  func(End)
}

// Around is called before the function of each task, on its goroutine, and what it returns after it. It must not wait.
var Around atomic.Pointer[func(ctx context.Context, name string, index int32, entry uintptr) (end func())]

// End is a task that has ended.
type End struct {
	ID      uint64  // 0 if nobody has seen it
	Name    string  // as given; or "", and then it is named after its function
	Index   int32   // 1 + its place among the functions of a combinator
	Entry   uintptr // of its function
	Group   string  // the name of its group, as given
	Started int64   // nanoseconds since Epoch
	State   uint32  // a braid.State
	Err     error
}

// Task is a task that lives.
type Task struct {
	Handle            any // a *braid.Handle; not to be kept
	ID, Parent, Owner uint64
	Name              string // as given; or ""
	Index             int32
	Entry             uintptr
	Scheduler         sched.Scheduler
	State             uint32 // a braid.State
	Started           int64  // nanoseconds since Epoch; 0 if it has not
	Inline, Slot      bool
	Parked            bool // it waits under its own context, and not in a scope inside
	Deadline          time.Time
	Cancel            Cancel
	Why               *sched.Wait // nil if it does not wait
	Target            uint64      // the task or scope that it waits for, if it is one
	Stamp             int64       // of its last wait
}

// Scope is a part of the tree.
type Scope struct {
	ID, Parent, Owner      uint64
	Kind                   string
	Name                   string
	Limit, Running, Queued int
	Live                   int
	Body                   bool
	Closed                 bool // its Run has returned
	Portal                 bool // code that has no task may start some in it
	Deadline               time.Time
	Grace                  time.Duration
	Failures               int
	Cancel                 Cancel
	Parked                 bool // its owner waits under this very scope
}

// Cancel is a cancellation. Cause is nil if there is none.
type Cancel struct {
	Cause  error
	Record any           // equal for all that ended with the same cancellation
	Kind   string        // "failure", "call", "deadline", "context"
	By     string        // path of the task that failed
	At     time.Duration // since Epoch; 0 if unknown
	PC     uintptr       // of the call of Cancel
}

// Resource is the state of a primitive.
type Resource struct {
	Capacity, InUse int64
	Closed          bool
	Unknown         bool
	UnknownOf       string // of a queue: the one side, "put" or "get", that Unknown is about; "" for both
	Holders         []Hold
	Waiters         []Waiter
	Waiting         int
	Task            uint64
	Attrs           map[string]int64
}

// Hold is one holder. Task is 0 for one that is no task.
type Hold struct {
	Task         uint64
	Name         string
	Amount       int64
	Mode         string
	Maybe, Ended bool
	Stamp        int64 // of the wait in which the task was when it had been seen to hold this; 0 if in none
}

// Waiter is a place in a queue. Task is 0 for code without a task.
type Waiter struct {
	Task   uint64
	Op     string
	Amount int64
}

// MaxListed bounds the holders and the waiters that a Resource lists.
const MaxListed = 64

// Visitor is shown the tree, parents before their children.
type Visitor interface {
	Scope(s *Scope)
	Task(t *Task)
}

// Source is package braid.
var Source struct {
	// Walk shows all tasks that live, and their scopes. It takes the lock of one node at a time, for a bounded number of instructions,
	// and runs no user code. It is weakly consistent: what lives all the time is shown once.
	Walk func(Visitor)
	// Peek looks at what o names. It returns false if that has been collected, or is nothing that can be looked at.
	Peek func(o *sched.Object) (Resource, bool)
	// Cancel cancels the task with that id and says whether it lives.
	Cancel func(id uint64, cause error) bool
	// IDOf returns the id of the task whose ctx it is given, as Around is.
	IDOf func(ctx context.Context) uint64
	// NameOf returns the short name of the function at an entry.
	NameOf func(entry uintptr) string
}
