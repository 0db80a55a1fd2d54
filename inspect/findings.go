package inspect

import "time"

// Rules says when something becomes a [Finding]. The zero value has the defaults; a negative threshold switches its rules off.
type Rules struct {
	// Allow lists what is not to be found, as "CODE" or "CODE glob", where the glob is over the path or name of the first subject, such as "H3 shop/*".
	Allow []string

	Outlive  time.Duration // L1: a task lives longer after its scope has ended; 0 means 5 s
	Ignore   time.Duration // L2: a task goes on longer after it was asked to end; 0 means 5 s
	Growth   int           // L5: tasks of one site, risen over five windows; 0 means 1,000
	Window   time.Duration // L5: length of a window; 0 means 10 s
	Hold     time.Duration // H2: held longer while somebody waits; 0 means 10 s
	Wait     time.Duration // H3: one wait for a lock, a permit or a slot is longer; 0 means 30 s
	Overtake int           // H4: places lost in a queue; 0 means 1
	Full     time.Duration // Q1: producers wait during more than half of it; 0 means 30 s
	Starve   time.Duration // Q2: a Put waits longer and nobody takes, or a Get and nobody is left to put; 0 means 30 s
	Shutdown time.Duration // S1: a scope has not ended so long after it was cancelled; 0 means 5 s
	Cancels  int           // C1: cancelled tasks a second; 0 means 1,000
	Restarts int           // P1: failures a minute of tasks of one path; 0 means 3
	Timers   int           // T1: sleeping tasks of one site; 0 means 1,000
	SelfTime float64       // I1: part of the time that the inspector itself takes; 0 means 0.01
}

// RuleInfo describes a rule.
type RuleInfo struct {
	Code       string `json:"code"`
	Title      string `json:"title"`
	Severity   string `json:"severity"`
	Confidence string `json:"confidence"`
	Rule       string `json:"rule"`
	Hint       string `json:"hint"`
}

// AllRules returns the rules that a [Monitor] applies, in the order of their codes.
func AllRules() []RuleInfo { return nil }

// Monitor looks at the snapshots of one process, one after another, and says what is probably wrong.
// It must not be used by several goroutines at a time.
type Monitor struct{}

// NewMonitor returns a monitor. It is an error if the rules make no sense.
func NewMonitor(r Rules) (*Monitor, error) { return &Monitor{}, nil }

// Update looks at s, which was taken at that time, and returns what is wrong now, the most severe first. Each finding stays the same
// as long as it holds, with a count that grows. Update does not keep s.
func (m *Monitor) Update(s *Snapshot, at time.Time) []Finding { return nil }

// Suspected returns how many findings wait for another look to confirm them.
// It is worth taking one soon then, say after 100 ms.
func (m *Monitor) Suspected() int { return 0 }
