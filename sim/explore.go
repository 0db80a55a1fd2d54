package sim

import "time"

// Result is what [Explore] has found.
type Result struct {
	// Err is the report of the schedule that failed, shrunk; nil if none did.
	Err error
	// Replay is the replay string of that schedule.
	Replay string
	// Switches is how often, in that schedule, the processor was taken from a task that could go on, or something was injected.
	Switches int

	Schedules int // tried, the failing one included
	Distinct  int // different orders of steps among them; no more than two million are counted
	Steps     int64
	Elapsed   time.Duration // of the search, without shrinking
	Complete  bool          // an exhaustive search has tried all schedules
	GivenUp   int           // how many schedules a search with [Reduce] has left half-way, besides those tried; known when it is complete
}

// Explore is [Test] outside a test: for measurements, and for programs that look for schedules.
// Nothing is kept as a regression unless [Regressions] says where; the environment is not asked.
func Explore(name string, prog func(s *T), opts ...Option) Result {
	c, err := newConfig(name, false, func(string) string { return "" }, append([]Option{Regressions("")}, opts...))
	if err != nil {
		return Result{Err: err}
	}
	s := &search{config: c, prog: prog, guard: newGuard(), start: time.Now()}
	err = s.guarded(s.run)
	return Result{
		Err: err, Replay: s.replayed, Switches: s.switches,
		Schedules: s.stats.schedules, Distinct: len(s.stats.distinct), Steps: s.stats.steps, Elapsed: s.took,
		Complete: s.complete, GivenUp: s.given,
	}
}
