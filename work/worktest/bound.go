package worktest

import (
	"context"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

var boundCases = []testCase{
	{"Enqueue waits for room, first come, first served", []Feature{Bounds}, func(e env) {
		engine := e.engine(Settings{Capacity: 2})
		e.put(engine, "a", "b")
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			for _, n := range []string{"c", "d"} {
				g.Go(func(ctx context.Context) error {
					_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{n}})
					return err
				})
				_ = braid.Sleep(ctx, e.ticks(1))
			}
			a := e.receives(engine, "a")[0] // in hand it still has its place
			b := e.receives(engine, "b")[0]
			e.nothing(engine, 2)
			e.ack(engine, a)
			c := e.receives(engine, "c")[0]
			e.settle(engine, b, work.Outcome{Verdict: work.Bury, Err: errDown})
			e.ack(engine, c, e.receives(engine, "d")[0])
			return nil
		}))
	}},
	{"an Enqueue that is cancelled has put nothing in, and its place goes to the next", []Feature{Bounds}, func(e env) {
		engine := e.engine(Settings{Capacity: 1})
		e.put(engine, "a")
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			b := g.Go(func(ctx context.Context) error {
				_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"b"}})
				return err
			})
			_ = braid.Sleep(ctx, e.ticks(1))
			g.Go(func(ctx context.Context) error {
				_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"c"}})
				return err
			})
			_ = braid.Sleep(ctx, e.ticks(1))
			d := e.receive(engine)
			b.Cancel(errDown)
			e.ack(engine, d) // in the same moment
			if b.Wait(ctx) == nil {
				e.ack(engine, e.receives(engine, "b")...)
			}
			e.ack(engine, e.receives(engine, "c")...)
			return nil
		}))
		e.nothing(engine, 3)
	}},
	{"Replay waits for room", []Feature{Bounds}, func(e env) {
		engine := e.engine(Settings{Capacity: 1})
		e.put(engine, "a")
		d := e.receive(engine)
		e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		e.put(engine, "b")
		e.wantErr(e.within(3, func(ctx context.Context) error { return engine.Replay(ctx, d.Job.ID) }), braid.ErrTimeout)
		e.equal("dead letters", len(e.deadLetters(engine)), 1)
		e.ack(engine, e.receives(engine, "b")...)
		e.must(engine.Replay(e.ctx, d.Job.ID))
		e.ack(engine, e.receives(engine, "a")...)
	}},
	{"a duplicate does not wait for room", []Feature{Bounds, Uniques}, func(e env) {
		engine := e.engine(Settings{Capacity: 1})
		job := work.Job[Payload]{Payload: Payload{"a"}, Unique: "u"}
		e.putJob(engine, job)
		e.must(e.within(3, func(ctx context.Context) error {
			r, err := engine.Enqueue(ctx, job)
			e.equal("duplicate", r.Duplicate, true)
			return err
		}))
	}},
}
