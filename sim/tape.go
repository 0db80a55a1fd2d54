package sim

// The tape.
//
// Whatever is not decided by the program itself is decided by a choice: an answer out of n, of which 0 is the ordinary one,
// that is, what the event loop would do. The answers in their order are the tape of a schedule, and the tape is all there is:
// strategies write tapes, replay reads one, the shrinker cuts one, exhaustive search counts through them, and a fuzzer mutates them.
// The empty tape is the canonical schedule, for answers after the end of a tape are 0.

// kind says what a choice is about.
type kind uint8

const (
	kindNext    kind = iota // which task runs next; the one that ran cannot go on
	kindPreempt             // which task runs next; 0 is the one that runs
	kindTie                 // which of the timers that are due fires next
	kindFault               // whether a named fault happens
	kindCancel              // whether a task, or the program, is cancelled here
	kindCrash               // whether a scope crashes here
	kindValue               // a value that the program has asked for
	kindNet                 // what the network does
	kinds
)

var kindNames = [kinds]string{"next", "preempt", "tie", "fault", "cancel", "crash", "value", "net"}

// choice is one decision as it was made.
type choice struct {
	value, n uint32
	kind     kind
	clock    bool // the last of the n is that time passes
}

// switches reports whether c takes the processor from a task that could go on: what exhaustive search bounds.
func (c choice) switches(value uint32) bool {
	switch c.kind {
	case kindPreempt:
		return value > 0
	case kindNext:
		return c.clock && value == c.n-1
	default:
		return false
	}
}

// values returns the answers, without the zeros at the end, which go without saying.
func values(tape []choice) []uint32 {
	n := len(tape)
	for n > 0 && tape[n-1].value == 0 {
		n--
	}
	out := make([]uint32, n)
	for i := range out {
		out[i] = tape[i].value
	}
	return out
}

// source makes the choices of one schedule.
type source interface {
	// task picks who runs next: an index into c.
	task(c *candidates) int
	// other picks one of n.
	other(k kind, n int) int
}

// canonical always gives the ordinary answer.
type canonical struct{}

func (canonical) task(*candidates) int { return 0 }
func (canonical) other(kind, int) int  { return 0 }

// playback reads a tape. An answer that is too large becomes 0 and is counted as a misfit, so any tape plays on any program.
type playback struct {
	tape    []uint32
	at      int
	misfits int
	first   int // where the first misfit was
	n       int // how many answers there were
	found   int // what the tape said
}

func (p *playback) reset(tape []uint32) { *p = playback{tape: tape} }

func (p *playback) task(c *candidates) int { return p.take(c.len()) }

func (p *playback) other(_ kind, n int) int { return p.take(n) }

func (p *playback) take(n int) int {
	if p.at >= len(p.tape) {
		return 0
	}
	v := int(p.tape[p.at])
	p.at++
	if v < n {
		return v
	}
	if p.misfits++; p.misfits == 1 {
		p.first, p.n, p.found = p.at-1, n, v
	}
	return 0
}
