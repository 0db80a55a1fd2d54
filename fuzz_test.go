package braid_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/internal/schedtest"
)

// Queue and Semaphore beside their models. A program is a string of bytes: what is made, and then two bytes a step,
// the operation and its argument. The tasks run on the FIFO scheduler, and after each step the results of all calls,
// their order and the Statistics must be those of the model.

const (
	maxSteps = 100

	// together, in the first byte of a step, says that the tasks do not run before the next step:
	// both happen in the same moment.
	together = 0x80
)

// playSteps runs the steps of program, with a final step "cancel all" that both sides must survive.
func playSteps(t *testing.T, ctx context.Context, program []byte, s *subject, m *model, step func(code, arg byte) string, check func() string) {
	t.Helper()
	var history []string
	verify := func(what string) bool {
		if bad := check(); bad != "" {
			t.Errorf("after %s: %s\nsteps: %v", what, bad, history)
			return false
		}
		if !slices.Equal(s.log, m.log) {
			t.Errorf("after %s: the calls ended with %q, in the model with %q\nsteps: %v", what, s.log, m.log, history)
			return false
		}
		return true
	}
	for i := 0; i+1 < len(program) && i < 2*maxSteps; i += 2 {
		code, arg := program[i], program[i+1]
		what := step(code&^together, arg)
		history = append(history, what)
		if code&together == 0 {
			s.settle(ctx, m.settle()+1)
		}
		if !verify(what) {
			break
		}
	}
	for i, h := range s.calls {
		h.Cancel(errStopped)
		m.cancel(m.calls[i])
	}
	s.settle(ctx, m.settle()+1)
	verify("cancelling all")
}

// cancelOne cancels a call that arg chooses.
func cancelOne(s *subject, m *model, arg byte) string {
	if len(s.calls) == 0 {
		return "cancel nobody"
	}
	i := len(s.calls) - 1 - int(arg)%len(s.calls) // small numbers are recent calls, which are likely to wait
	s.calls[i].Cancel(errStopped)
	m.cancel(m.calls[i])
	return fmt.Sprint("cancel ", i)
}

// onFIFO runs body in a scope on the FIFO scheduler.
func onFIFO(t *testing.T, body func(ctx context.Context, g *braid.Group)) {
	t.Helper()
	schedtest.New(0).Run(t.Context(), func(ctx context.Context) {
		if err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error { body(ctx, g); return nil }); err != nil {
			t.Errorf("the scope failed: %v", err)
		}
	})
}

var queueCapacities = []int{0, 1, 2, 3, braid.Unbounded}

func playQueue(t *testing.T, program []byte) {
	t.Helper()
	if len(program) < 2 {
		return
	}
	m := &modelQueue{kind: int(program[0]) % queueKinds, capacity: queueCapacities[int(program[1])%len(queueCapacities)]}
	var q *braid.Queue[item]
	switch m.kind {
	case fifo:
		q = braid.NewQueue[item](m.capacity)
	case lifo:
		q = braid.NewLIFO[item](m.capacity)
	default:
		q = braid.NewPriorityQueue(m.capacity, lowerRank)
	}
	onFIFO(t, func(ctx context.Context, g *braid.Group) {
		s := &subject{g: g}
		var producers []*braid.Producer[item]
		items := 0
		step := func(code, arg byte) string {
			items++
			v := item{rank: int(arg) % 3, id: items}
			switch code % 16 {
			case 0, 1, 2:
				s.begin(func(ctx context.Context) string { return resultOf(q.Put(ctx, v)) })
				m.put(v, -1)
				return fmt.Sprint("Put ", v)
			case 3, 4, 5:
				s.begin(func(ctx context.Context) string {
					v, err := q.Get(ctx)
					if err != nil {
						return resultOf(err)
					}
					return fmt.Sprint(v)
				})
				m.get()
				return "Get"
			case 6, 7:
				return compare(t, fmt.Sprint("TryPut ", v), q.TryPut(v), m.accept(v))
			case 8:
				got, is := q.TryGet()
				wanted, ok := m.take()
				return compare(t, "TryGet", fmt.Sprint(got, is), fmt.Sprint(wanted, ok))
			case 9, 10:
				return cancelOne(s, &m.model, arg)
			case 11:
				return compare(t, "TaskDone", !panicked(q.TaskDone), m.taskDone())
			case 12:
				s.begin(func(ctx context.Context) string { return resultOf(q.Join(ctx)) })
				m.join()
				return "Join"
			case 13:
				switch arg % 16 {
				case 0:
					return compare(t, "Shutdown(Now)", fmt.Sprint(q.Shutdown(braid.Now)), fmt.Sprint(m.shutdown(braid.Now)))
				case 1:
					return compare(t, "Shutdown(Drain)", fmt.Sprint(q.Shutdown(braid.Drain)), fmt.Sprint(m.shutdown(braid.Drain)))
				default:
					return "nothing"
				}
			case 14:
				return compare(t, "Producer", !panicked(func() { producers = append(producers, q.Producer()) }), m.producer())
			default:
				if len(producers) == 0 {
					return "nothing"
				}
				i := int(arg) % len(producers)
				if arg >= 200 {
					producers[i].Close()
					m.closeProducer(i)
					return fmt.Sprint("Close ", i)
				}
				s.begin(func(ctx context.Context) string { return resultOf(producers[i].Put(ctx, v)) })
				m.put(v, i)
				return fmt.Sprint("Producer.Put ", i, v)
			}
		}
		playSteps(t, ctx, program[2:], s, &m.model, step, func() string { return differ(q.Statistics(), m.statistics()) })
		compare(t, "what is left", fmt.Sprint(q.Shutdown(braid.Now)), fmt.Sprint(m.shutdown(braid.Now)))
	})
}

func playSemaphore(t *testing.T, program []byte) {
	t.Helper()
	if len(program) < 1 {
		return
	}
	m := &modelSemaphore{size: int64(program[0]) % 8}
	sem := braid.NewSemaphore(m.size)
	onFIFO(t, func(ctx context.Context, g *braid.Group) {
		s := &subject{g: g}
		step := func(code, arg byte) string {
			n := int64(arg) % 10
			switch code % 8 {
			case 0, 1, 2:
				s.begin(func(ctx context.Context) string { return resultOf(sem.Acquire(ctx, n)) })
				m.acquire(n)
				return fmt.Sprint("Acquire ", n)
			case 3:
				return compare(t, fmt.Sprint("TryAcquire ", n), sem.TryAcquire(n), m.tryAcquire(n))
			case 4, 5:
				switch {
				case arg >= 240: // misuse that can be seen
					n += m.inUse + 1
				case m.held == 0: // misuse that cannot: what was granted to a call that has not returned yet
					return "nothing"
				default:
					n = n%m.held + 1
				}
				return compare(t, fmt.Sprint("Release ", n), !panicked(func() { sem.Release(n) }), m.release(n))
			default:
				return cancelOne(s, &m.model, arg)
			}
		}
		playSteps(t, ctx, program[1:], s, &m.model, step, func() string { return differ(sem.Statistics(), m.statistics()) })
	})
}

// compare checks the result of a call that does not block, and returns what stands in the history.
func compare[T comparable](t *testing.T, what string, got, wanted T) string {
	t.Helper()
	if got != wanted {
		t.Errorf("%s = %v, in the model %v", what, got, wanted)
	}
	return what
}

func differ[T comparable](got, wanted T) string {
	if got == wanted {
		return ""
	}
	return fmt.Sprintf("the statistics are %+v, in the model %+v", got, wanted)
}

// queueSeeds are programs that lead somewhere.
var queueSeeds = [][]byte{
	{fifo, 0, 0, 1, 3, 0, 0, 2, 3, 0},                                                      // hand over directly
	{fifo, 1, 0, 1, 0, 2, 0, 3, 9 | together, 0, 8, 0, 3, 0},                               // cancel a Put that waits
	{fifo, 2, 3, 0, 3, 0, 3, 0, 6 | together, 1, 6 | together, 2, 9 | together, 2, 9, 1},   // items for Gets that are cancelled
	{fifo, 2, 3, 0, 3, 0, 6 | together, 1, 6 | together, 2, 9 | together, 1, 9, 0},         // all of them
	{fifo, 4, 3, 0, 3, 0, 6 | together, 1, 9 | together, 1, 13, 0, 12, 0, 11, 0},           // and Shutdown(Now) in the same moment
	{fifo, 1, 0, 1, 0, 2, 12, 0, 13 | together, 1, 9, 1, 8, 0, 11, 0, 13, 0},               // Drain with a Put that waits
	{fifo, 1, 14, 0, 14, 0, 15, 0, 15, 1, 15, 200, 15, 201, 3, 0, 3, 0, 14, 0},             // producers
	{lifo, 2, 0, 1, 0, 2, 0, 3, 3, 0, 3, 0, 3, 0, 3, 0, 6 | together, 0, 9, 0},             // a stack
	{byRank, 3, 0, 2, 0, 1, 0, 0, 0, 1, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0},                      // by rank
	{byRank, 4, 3, 0, 3, 0, 6 | together, 1, 6 | together, 1, 6 | together, 1, 9, 0, 9, 1}, // equals that go back
}

var semaphoreSeeds = [][]byte{
	{3, 0, 2, 0, 2, 4, 2, 4, 2},                           // wait and be served
	{3, 0, 1, 0, 3, 0, 1, 0, 1, 6, 2},                     // small ones behind a large one that is cancelled
	{3, 0, 3, 0, 3, 0, 1, 0, 1, 4 | together, 2, 6, 2},    // granted and cancelled in the same moment
	{3, 0, 2, 0, 2, 0, 2, 4 | together, 1, 6, 1, 6, 0},    // a chain of it
	{0, 0, 0, 0, 1, 3, 0, 5, 240, 5, 0},                   // no permits at all
	{5, 3, 5, 0, 0, 3, 0, 4, 4, 0 | together, 9, 6, 0, 7}, // above the size
}

func FuzzQueue(f *testing.F) {
	for _, s := range queueSeeds {
		f.Add(s)
	}
	f.Fuzz(playQueue)
}

func FuzzSemaphore(f *testing.F) {
	for _, s := range semaphoreSeeds {
		f.Add(s)
	}
	f.Fuzz(playSemaphore)
}

// Random programs, the same in every run.
func TestModels(t *testing.T) {
	n := 400
	if testing.Short() {
		n = 100
	}
	for _, c := range []struct {
		name string
		play func(t *testing.T, program []byte)
	}{{"Queue", playQueue}, {"Semaphore", playSemaphore}} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			for range n {
				program := make([]byte, 2+rng.IntN(2*maxSteps))
				for i := range program {
					program[i] = byte(rng.Uint32())
					if rng.IntN(2) == 0 { // cancel what came last, and so on
						program[i] &= 3 | together | 12*byte(1-i%2)
					}
				}
				c.play(t, program)
				if t.Failed() {
					t.Fatalf("program: %v", bytes.Clone(program))
				}
			}
		})
	}
}
