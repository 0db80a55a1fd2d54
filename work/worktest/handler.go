package worktest

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

func never(ctx context.Context) error { return new(braid.Event).Wait(ctx) }

var handlerCases = []testCase{
	{"a job that fails is tried again, and another one is not touched", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, nil)
		var tries, others atomic.Int32
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			if job.Payload.Name == "other" {
				others.Add(1)
				return nil
			}
			if n := int(tries.Add(1)); n != job.Attempts {
				e.Errorf("attempt %d says it is number %d", n, job.Attempts)
			}
			if job.Attempts < 3 {
				return errDown
			}
			return nil
		}, func(e env) {
			e.put(engine, "a", "other")
			e.eventually("all are done", func() bool { return q.Statistics().Done == 2 })
		})
		e.equal("tries", tries.Load(), int32(3))
		e.equal("others", others.Load(), int32(1))
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
	}},
	{"after the last attempt a job is a dead letter, and can be replayed", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		var told atomic.Int32
		q := e.queue(engine, func(c *work.Config[Payload]) { c.OnDead = func(work.DeadLetter[Payload]) { told.Add(1) } })
		var up atomic.Bool
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			if up.Load() {
				return nil
			}
			return errDown
		}, func(e env) {
			e.put(engine, "a")
			e.eventually("it is dead", func() bool { return told.Load() == 1 })
			letter := e.deadLetters(engine)[0]
			e.equal("attempts", letter.Job.Attempts, 3)
			up.Store(true)
			e.must(q.Replay(e.ctx, letter.Job.ID))
			e.eventually("it is done", func() bool { return q.Statistics().Done == 1 })
		})
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
	}},
	{"a permanent error makes a dead letter at once", nil, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, nil)
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error { return work.Permanent(errDown) }, func(e env) {
			e.put(engine, "a")
			e.eventually("it is dead", func() bool { return q.Statistics().Dead == 1 })
		})
		e.equal("attempts", e.deadLetters(engine)[0].Job.Attempts, 1)
	}},
	{"a handler that panics or exits fails its attempt and nothing else", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, func(c *work.Config[Payload]) { c.MaxAttempts = 2 })
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			switch job.Payload.Name {
			case "panic":
				panic("boom")
			case "exit":
				runtime.Goexit()
			}
			return nil
		}, func(e env) {
			e.put(engine, "panic", "exit", "panic", "exit", "a", "b")
			e.eventually("all have ended", func() bool { s := q.Statistics(); return s.Dead == 4 && s.Done == 2 })
			e.equal("workers", q.Statistics().Workers, 2)
		})
		for _, letter := range e.deadLetters(engine) {
			e.equal("attempts", letter.Job.Attempts, 2)
			if letter.Err == nil {
				e.Fatalf("no error")
			}
		}
	}},
	{"the heartbeat keeps a long job in one hand", nil, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, nil)
		var runs atomic.Int32
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			runs.Add(1)
			return braid.Sleep(ctx, e.ticks(45))
		}, func(e env) {
			e.put(engine, "a")
			e.sleep(40)
			e.eventually("it is done", func() bool { return q.Statistics().Done == 1 })
		})
		e.equal("runs", runs.Load(), int32(1))
	}},
	{"without a heartbeat the job goes to somebody else, and the first is told", nil, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, func(c *work.Config[Payload]) { c.ManualLease = true })
		var lost atomic.Bool
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			if job.Attempts > 1 {
				return nil
			}
			err := never(ctx)
			lost.Store(errors.Is(err, work.ErrLeaseLost))
			return err
		}, func(e env) {
			e.put(engine, "a")
			e.eventually("it is done, and the first is told", func() bool { return q.Statistics().Done == 1 && lost.Load() })
		})
	}},
	{"a handler that extends its lease keeps the job", nil, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, func(c *work.Config[Payload]) { c.ManualLease = true })
		var runs atomic.Int32
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			runs.Add(1)
			for range 8 {
				if err := braid.Sleep(ctx, e.ticks(5)); err != nil {
					return err
				}
				if err := job.Extend(ctx, e.ticks(10)); err != nil {
					return err
				}
			}
			return nil
		}, func(e env) {
			e.put(engine, "a")
			e.eventually("it is done", func() bool { return q.Statistics().Done == 1 })
		})
		e.equal("runs", runs.Load(), int32(1))
	}},
	{"a job that nobody gives back is buried after its last attempt", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "poison")
		for i := 1; i <= 3; i++ { // processes that end without a word
			var d *work.Delivery[Payload]
			e.must(e.within(40, func(ctx context.Context) (err error) {
				d, err = engine.Receive(ctx, e.ticks(10))
				return err
			}))
			e.equal("attempts", d.Job.Attempts, i)
		}
		q := e.queue(engine, nil)
		e.consume(q, func(ctx context.Context, job *work.Job[Payload]) error {
			e.Errorf("it has been run")
			return nil
		}, func(e env) {
			e.eventually("it is dead", func() bool { return q.Statistics().Dead == 1 })
		})
	}},
}

var shutdownCases = []testCase{
	{"Drain finishes what is queued", []Feature{Drains, Delays}, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, nil)
		names := []string{"a", "b", "c", "d", "e", "f", "g"}
		e.put(engine, names...)
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				return q.Run(ctx, func(ctx context.Context, job *work.Job[Payload]) error {
					if job.Attempts == 1 {
						return errDown
					}
					return nil
				})
			})
			left, err := q.Drain(ctx, e.ticks(40))
			e.equal("left", len(left), 0)
			return err
		}))
		e.equal("done", q.Statistics().Done, uint64(len(names)))
	}},
	{"Stop interrupts what runs and accounts for everything", []Feature{Returns, Uncounted}, func(e env) {
		engine := e.engine(Settings{})
		q := e.queue(engine, nil)
		names := []string{"quick", "stubborn", "a", "b", "c"}
		e.put(engine, names...)
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			in := e
			in.ctx = ctx
			g.Go(func(ctx context.Context) error {
				return q.Run(ctx, func(ctx context.Context, job *work.Job[Payload]) error {
					switch job.Payload.Name {
					case "quick":
						return nil
					case "stubborn": // is done all the same
						_ = never(ctx)
						return nil
					}
					return never(ctx)
				})
			})
			in.eventually("both workers are busy", func() bool { s := q.Statistics(); return s.Done == 1 && s.Busy == 2 })
			left, err := q.Stop(ctx)
			in.must(err)
			in.equal("left", len(left), 3)
			for i, job := range left {
				in.equal("left", job.Payload.Name, names[i+2])
				in.equal("attempts", job.Attempts, 0)
			}
			in.equal("done", q.Statistics().Done, uint64(2))
			_, err = q.Enqueue(ctx, Payload{"late"})
			in.wantErr(err, braid.ErrShutdown)
			return nil
		}))
	}},
	{"the end of Run's ctx gives jobs back", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b", "c")
		q := e.queue(engine, nil)
		var started atomic.Int32
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			in := e
			in.ctx = ctx
			h := g.Go(func(ctx context.Context) error {
				return q.Run(ctx, func(ctx context.Context, job *work.Job[Payload]) error {
					started.Add(1)
					return never(ctx)
				})
			})
			in.eventually("both workers are busy", func() bool { return started.Load() == 2 })
			h.Cancel(errDown)
			in.wantErr(h.Wait(ctx), errDown)
			return nil
		}))
		seen := map[string]bool{}
		for range 3 {
			d := e.receive(engine)
			seen[d.Job.Payload.Name] = true
			e.ack(engine, d)
		}
		e.equal("jobs", len(seen), 3)
	}},
}
