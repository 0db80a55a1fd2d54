package work

import (
	"container/list"
	"context"
	"fmt"
	"iter"
	"time"
)

// deadLetters holds the dead letters of a Memory, the oldest first.
type deadLetters[T any] struct {
	max    int
	byID   map[uint64]*list.Element
	letter list.List // of *deadLetter[T]
}

type deadLetter[T any] struct {
	record *record[T]
	err    error
	at     time.Time
}

// letter gives l to the user.
func (l *deadLetter[T]) letter(c *Codec[T]) (DeadLetter[T], error) {
	d := DeadLetter[T]{Job: l.record.job, Err: l.err, At: l.at}
	var err error
	if c != nil {
		d.Job.Payload, err = c.decode(l.record.data)
	}
	return d, err
}

// bury adds a dead letter, and drops the oldest if there are too many. mu is held.
func (m *Memory[T]) bury(r *record[T], err error, now time.Time) {
	if m.dead.byID == nil {
		m.dead.byID = make(map[uint64]*list.Element)
	}
	m.dead.byID[r.job.ID] = m.dead.letter.PushBack(&deadLetter[T]{record: r, err: err, at: now})
	if len(m.dead.byID) > m.dead.max {
		oldest, _ := m.dead.letter.Front().Value.(*deadLetter[T])
		m.unbury(oldest.record.job.ID)
		m.count.Dropped++
		if m.config.OnDrop != nil {
			m.dropped = append(m.dropped, oldest)
		}
	}
}

// unbury takes a dead letter out; nil if there is none of that id. mu is held.
func (m *Memory[T]) unbury(id uint64) *deadLetter[T] {
	e := m.dead.byID[id]
	if e == nil {
		return nil
	}
	delete(m.dead.byID, id)
	l, _ := m.dead.letter.Remove(e).(*deadLetter[T])
	return l
}

// DeadLetters implements [Engine]. It gives those that are there when the loop begins, also after Close,
// and the body of the loop may replay and discard them. With a codec that cannot decode one, the error comes beside the rest of it,
// and the loop goes on.
func (m *Memory[T]) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter[T], error] {
	return func(yield func(DeadLetter[T], error) bool) {
		if err := m.enter(ctx, "work.DeadLetters"); err != nil {
			yield(DeadLetter[T]{}, err)
			return
		}
		m.mu.Lock()
		all := make([]*deadLetter[T], 0, m.dead.letter.Len())
		for e := m.dead.letter.Front(); e != nil; e = e.Next() {
			l, _ := e.Value.(*deadLetter[T])
			frozen := *l.record // a replay would change it
			all = append(all, &deadLetter[T]{record: &frozen, err: l.err, at: l.at})
		}
		m.mu.Unlock()
		for _, l := range all {
			if err := causeOf(ctx); err != nil {
				yield(DeadLetter[T]{}, err)
				return
			}
			if !yield(l.letter(m.config.Codec)) {
				return
			}
		}
	}
}

// Replay implements [Engine].
//
// # Cancellation
//
// If ctx ends before there is room, or is done already, Replay returns its cause and the dead letter stays one.
func (m *Memory[T]) Replay(ctx context.Context, id uint64) error {
	if err := m.enter(ctx, "work.Replay"); err != nil {
		return err
	}
	m.mu.Lock()
	if m.dead.byID[id] == nil {
		m.unlock()
		return fmt.Errorf("%w: %d", ErrNoSuchJob, id)
	}
	if err := m.room(ctx); err != nil {
		return err
	}
	defer m.unlock()
	l := m.unbury(id)
	if l == nil { // somebody else was quicker
		m.leave()
		return fmt.Errorf("%w: %d", ErrNoSuchJob, id)
	}
	m.count.Replayed++
	r := l.record
	r.job.Attempts = 0
	m.push(r, false)
	return nil
}

// Discard implements [Engine]. It does not wait.
func (m *Memory[T]) Discard(ctx context.Context, id uint64) error {
	if err := m.enter(ctx, "work.Discard"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.unlock()
	if m.unbury(id) == nil {
		return fmt.Errorf("%w: %d", ErrNoSuchJob, id)
	}
	m.count.Discarded++
	return nil
}

var _ Engine[int] = (*Memory[int])(nil)
