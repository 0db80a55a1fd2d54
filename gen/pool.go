package gen

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/braid-go/braid"
)

// pool is the n workers of a Map, between one task that reads the source and the loop.
//
// A task for each element, as braid.Map has, was rejected here: with its semaphore, promise and queue it costs several times
// what a hand-written pool of goroutines on channels does, and Map is to be as cheap as that.
// So there are n tasks at most, and elements go through a ring of 2n slots without a lock:
//
//	head <= taken <= tail <= head + 2n
//
// Elements below head have been handed to the loop, those below taken belong to workers, those below tail have been read.
// Each counter has one writer, but for taken, which workers compete for.
//
// Workers are started and woken one at a time: whoever sees an element that nobody has taken wakes one, unless one is
// on its way already, and that one does the same before it calls fn. So a waiting element is always backed by a task
// that is about to run, and a burst of short calls wakes few.
// The reader waits until half of the ring is free, so that it is woken once for n elements and not for each.
type pool[In, Out any] struct {
	g       *braid.Group
	name    braid.NameOption
	fn      func(context.Context, In) (Out, error)
	ordered bool
	ring    []slot[In, Out]

	head   atomic.Int64
	taken  atomic.Int64
	tail   atomic.Int64
	closed atomic.Bool // tail is final; written after failure
	halted atomic.Bool // an element has failed, and no other is taken

	failure error // of the source

	ready bell // for the loop
	room  bell // for the reader

	spare  atomic.Int32 // workers that are idle or have not been started
	waking atomic.Bool  // a worker has been woken or started and has not looked for an element yet
	mu     sync.Mutex   // guards what follows; never held across a wait or a call of the user's
	unused int          // workers that have not been started
	idle   []*worker    // the one that became idle last is woken first
	done   []result[Out]
}

type slot[In, Out any] struct {
	state atomic.Uint32 // full or not; says who owns the rest
	in    In
	out   result[Out]
}

const (
	empty  uint32 = iota // the reader's
	full                 // a worker's
	solved               // the loop's
)

type result[Out any] struct {
	value Out
	err   error
}

// worker is where a worker sleeps. Whoever takes it out of idle sets woken, once.
type worker struct{ woken braid.Event }

func newPool[In, Out any](g *braid.Group, name braid.NameOption, n int, ordered bool, fn func(context.Context, In) (Out, error)) *pool[In, Out] {
	p := &pool[In, Out]{g: g, name: name, fn: fn, ordered: ordered, ring: make([]slot[In, Out], 2*n), unused: n}
	p.spare.Store(int32(n))
	return p
}

func (p *pool[In, Out]) slot(i int64) *slot[In, Out] { return &p.ring[int(i%int64(len(p.ring)))] }

// read fills the ring from src.
func (p *pool[In, Out]) read(ctx context.Context, src iter.Seq2[In, error]) (last error) {
	size := int64(len(p.ring))
	var tail int64
	free := func(least int64) bool {
		return tail-p.head.Load() <= size-least && p.slot(tail).state.Load() == empty || p.halted.Load()
	}
	low := func() bool { return free(size / 2) }
	read(ctx, src, func(v In, err error) bool {
		if err != nil {
			p.failure = err
			return false
		}
		if !free(1) {
			if last = p.room.wait(ctx, low); last != nil {
				return false
			}
		}
		if p.halted.Load() {
			return false
		}
		s := p.slot(tail)
		s.in = v
		s.state.Store(full)
		tail++
		p.tail.Store(tail)
		p.wake()
		return true
	})
	if last == nil && ctx.Err() != nil {
		last = p.failure // there is nobody to hand it to any more
	}
	if last != nil {
		return last // and the ring stays open: what was cut off must not look like the end
	}
	p.closed.Store(true)
	p.dismiss()
	p.ready.ring()
	return nil
}

// wake makes a worker look for elements, if there is one to spare and none is about to.
func (p *pool[In, Out]) wake() {
	if p.spare.Load() == 0 || p.waking.Load() {
		return
	}
	var w *worker
	start := false
	p.mu.Lock()
	if p.spare.Load() > 0 && !p.waking.Load() {
		p.waking.Store(true)
		p.spare.Add(-1)
		if last := len(p.idle) - 1; last >= 0 {
			w = p.idle[last]
			p.idle = p.idle[:last]
		} else {
			p.unused--
			start = true
		}
	}
	p.mu.Unlock()
	switch {
	case w != nil:
		w.woken.Set()
	case start:
		p.g.Go(p.work, p.name)
	}
}

// dismiss wakes all idle workers, to end.
func (p *pool[In, Out]) dismiss() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.spare.Add(-int32(len(idle)))
	p.mu.Unlock()
	for _, w := range idle {
		w.woken.Set()
	}
}

// take gives the next element to the calling worker.
func (p *pool[In, Out]) take() (i int64, ok bool) {
	for !p.halted.Load() {
		i = p.taken.Load()
		if i >= p.tail.Load() {
			break
		}
		if p.taken.CompareAndSwap(i, i+1) {
			return i, true
		}
	}
	return 0, false
}

// pending reports whether an element waits for a worker.
func (p *pool[In, Out]) pending() bool { return p.taken.Load() < p.tail.Load() }

// over reports whether there will be no more for workers to do.
func (p *pool[In, Out]) over() bool { return p.halted.Load() || p.closed.Load() && !p.pending() }

// work is the task of a worker.
func (p *pool[In, Out]) work(ctx context.Context) error {
	me := &worker{}
	p.waking.Store(false)
	for {
		i, ok := p.take()
		if !ok {
			if p.over() {
				return nil
			}
			if err := p.sleep(ctx, me); err != nil {
				return err
			}
			continue
		}
		if p.pending() {
			p.wake()
		}
		if err := p.solve(ctx, i); err != nil {
			return err
		}
	}
}

// sleep waits until there may be something to do.
func (p *pool[In, Out]) sleep(ctx context.Context, me *worker) error {
	p.mu.Lock()
	p.spare.Add(1)
	if p.pending() || p.over() { // again, now that whoever adds an element sees that somebody is to spare
		p.spare.Add(-1)
		p.mu.Unlock()
		return nil
	}
	p.idle = append(p.idle, me)
	p.mu.Unlock()
	err := me.woken.Wait(ctx)
	me.woken.Clear()
	p.waking.Store(false)
	return err
}

// solve calls fn for element i. It returns an error only if ctx has ended, so that there is nobody to hand it to.
func (p *pool[In, Out]) solve(ctx context.Context, i int64) error {
	s := p.slot(i)
	in := s.in
	if !p.ordered {
		p.clear(s)
		p.makeRoom(p.head.Load()) // the reader may have seen all but this slot free, and this call may be the last to end
	}
	out, err := p.fn(ctx, in)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		err = failedAt(ctx, i, err)
		p.halted.Store(true)
	}
	if p.ordered {
		s.out = result[Out]{out, err}
		s.state.Store(solved)
		if p.head.Load() == i {
			p.ready.ring()
		}
		return nil
	}
	p.mu.Lock()
	p.done = append(p.done, result[Out]{out, err})
	p.mu.Unlock()
	p.ready.ring()
	return nil
}

// clear gives a slot back to the reader.
func (p *pool[In, Out]) clear(s *slot[In, Out]) {
	var zero In
	s.in, s.out = zero, result[Out]{}
	s.state.Store(empty)
}

// passed says that the loop is about to have one element more.
func (p *pool[In, Out]) passed(head int64) {
	p.head.Store(head)
	p.makeRoom(head)
}

// makeRoom wakes the reader if half of the ring is free.
func (p *pool[In, Out]) makeRoom(head int64) {
	if p.room.waiting.Load() && p.tail.Load()-head <= int64(len(p.ring)/2) {
		p.room.ring()
	}
}

// inOrder hands out the results in the order of the source, until its end or the first error.
func (p *pool[In, Out]) inOrder(ctx context.Context, emit func(Out) bool) error {
	var head int64
	ready := func() bool {
		return p.slot(head).state.Load() == solved || p.closed.Load() && head == p.tail.Load()
	}
	for {
		s := p.slot(head)
		if s.state.Load() != solved {
			if p.closed.Load() && head == p.tail.Load() {
				return p.failure
			}
			if err := p.ready.wait(ctx, ready); err != nil {
				return err
			}
			continue
		}
		r := s.out
		p.clear(s)
		head++
		p.passed(head)
		if r.err != nil || !emit(r.value) {
			return r.err
		}
	}
}

// asReady hands out the results in the order in which they come, until the end of the source or the first error.
func (p *pool[In, Out]) asReady(ctx context.Context, emit func(Out) bool) error {
	var head int64
	var batch []result[Out]
	done := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.done) > 0
	}
	ended := func() bool { return p.closed.Load() && head == p.tail.Load() }
	for {
		p.mu.Lock()
		batch, p.done = p.done, batch[:0]
		p.mu.Unlock()
		if len(batch) == 0 {
			if ended() {
				return p.failure
			}
			if err := p.ready.wait(ctx, func() bool { return done() || ended() }); err != nil {
				return err
			}
			continue
		}
		for i, r := range batch {
			batch[i] = result[Out]{}
			head++
			p.passed(head)
			if r.err != nil || !emit(r.value) {
				return r.err
			}
		}
	}
}
