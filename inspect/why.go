package inspect

// Why is the answer to "why does this task, or the shutdown, not come to an end?".
type Why struct {
	At

	Shutdown  bool    `json:"shutdown"`
	Task      uint64  `json:"task,omitempty"`
	Path      string  `json:"path,omitempty"`
	Chains    []Chain `json:"chains"` // one for a task; in a shutdown one for each task that is left and is to blame
	Left      int     `json:"left"`   // tasks that have not ended, in a shutdown
	Truncated bool    `json:"truncated"`
	Text      string  `json:"text"`
}

// Chain leads from a task to what keeps it from going on.
type Chain struct {
	Scope   uint64  `json:"scope,omitempty"` // the cancelled scope that it is in, in a shutdown
	Steps   []Step  `json:"steps"`
	Verdict string  `json:"verdict"` // see the constants
	Cause   Subject `json:"cause"`   // the end of the chain
	Text    string  `json:"text"`
}

// Verdicts of a [Chain].
const (
	VerdictActive   = "active"   // it ends at a task that braid does not see wait
	VerdictDeadlock = "deadlock" // it leads back to itself
	VerdictTime     = "time"     // it ends at a wait that ends by itself
	VerdictGone     = "gone"     // it ends at a task that has ended and given nothing back
	VerdictOpen     = "open"     // it ends at something that anybody may bring, such as an event
	VerdictUnknown  = "unknown"  // it ends at something that the snapshot does not show
)

// Step is one task of a [Chain].
type Step struct {
	Task    uint64  `json:"task"`
	Path    string  `json:"path"`
	State   string  `json:"state"`
	Op      string  `json:"op,omitempty"`
	Via     Subject `json:"via"`                // what it waits on
	SinceUS int64   `json:"since_us,omitempty"` // how long it has waited
	Cancel  *Cancel `json:"cancel,omitempty"`
	Text    string  `json:"text"`
}

// Why says what a task waits for, who holds that, what that task waits for, and so on. It returns nil if s has no such task.
func (s *Snapshot) Why(task uint64) *Why { return nil }

// WhyShutdown says who has not ended in the scopes that were cancelled.
func (s *Snapshot) WhyShutdown() *Why { return &Why{Shutdown: true} }
