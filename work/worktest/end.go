package worktest

import (
	"context"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

var endCases = []testCase{
	{"Drain delivers what is left, waits for what is in hand, and takes nothing more", []Feature{Drains}, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b")
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			by := braid.Time(ctx).Add(e.ticks(30))
			h := g.Go(func(ctx context.Context) error { return engine.Drain(ctx, by) })
			_ = braid.Sleep(ctx, e.ticks(1))
			_, err := engine.Enqueue(ctx, work.Job[Payload]{})
			e.wantErr(err, braid.ErrShutdown)
			ds := e.receives(engine, "a", "b")
			_ = braid.Sleep(ctx, e.ticks(1))
			e.equal("ended", h.State().Ended(), false)
			e.settle(engine, ds[0], work.Outcome{Verdict: work.Retry, After: e.ticks(2), Err: errDown})
			e.ack(engine, ds[1])
			e.ack(engine, e.receives(engine, "a")...) // its retry
			e.must(h.Wait(ctx))
			_, err = engine.Receive(ctx, e.ticks(10))
			e.wantErr(err, braid.ErrShutdown)
			return nil
		}))
	}},
	{"Drain does not wait for what is due too late", []Feature{Drains, Delays}, func(e env) {
		engine := e.engine(Settings{})
		now := braid.Time(e.ctx)
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"late"}, RunAt: now.Add(e.ticks(100))})
		e.must(e.within(10, func(ctx context.Context) error { return engine.Drain(ctx, now.Add(e.ticks(50))) }))
		_, err := engine.Receive(e.ctx, e.ticks(10))
		e.wantErr(err, braid.ErrShutdown)
	}},
	{"Drain that is cancelled goes on: at its time, delivery ends", []Feature{Drains}, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		start := braid.Time(e.ctx)
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			in := e
			in.ctx = ctx
			g.Go(func(ctx context.Context) error {
				_, err := engine.Receive(ctx, e.ticks(10))
				in.wantErr(err, braid.ErrShutdown)
				if took := braid.Time(ctx).Sub(start); took < e.ticks(5) || took > e.ticks(8) {
					e.Errorf("delivery ended after %v", took)
				}
				return nil
			})
			in.sleep(1)
			in.wantErr(in.within(1, func(ctx context.Context) error { return engine.Drain(ctx, start.Add(e.ticks(5))) }), braid.ErrTimeout)
			_, err := engine.Enqueue(ctx, work.Job[Payload]{})
			in.wantErr(err, braid.ErrShutdown)
			return nil
		}))
		e.ack(engine, d)
	}},
	{"Drain with a time that has passed delivers nothing more and waits for what is in hand", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b")
		d := e.receive(engine)
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			h := g.Go(func(ctx context.Context) error { return engine.Drain(ctx, braid.Time(ctx)) })
			_ = braid.Sleep(ctx, e.ticks(1))
			_, err := engine.Receive(ctx, e.ticks(10))
			e.wantErr(err, braid.ErrShutdown)
			e.equal("ended", h.State().Ended(), false)
			e.ack(engine, d)
			return h.Wait(ctx)
		}))
	}},
	{"who waits when the engine ends is told", []Feature{Bounds}, func(e env) {
		engine := e.engine(Settings{Capacity: 1})
		e.put(engine, "a")
		d := e.receive(engine)
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			in := e
			in.ctx = ctx
			g.Go(func(ctx context.Context) error {
				_, err := engine.Receive(ctx, e.ticks(10))
				in.wantErr(err, braid.ErrShutdown)
				return nil
			})
			g.Go(func(ctx context.Context) error {
				_, err := engine.Enqueue(ctx, work.Job[Payload]{})
				in.wantErr(err, braid.ErrShutdown)
				return nil
			})
			in.sleep(1)
			_, err := engine.Close(ctx)
			return err
		}))
		e.wantErr(engine.Settle(e.ctx, d, work.Outcome{}), work.ErrLeaseLost)
		_, err := engine.Enqueue(e.ctx, work.Job[Payload]{})
		e.wantErr(err, braid.ErrShutdown)
		e.must(engine.Drain(e.ctx, braid.Time(e.ctx).Add(e.ticks(100))))
	}},
	{"Close returns what is not done, once", []Feature{Returns, Delays, Keys}, func(e env) {
		engine := e.engine(Settings{PerKey: 1})
		e.putJob(engine, keyed("k", "in hand"))
		e.putJob(engine, keyed("k", "blocked"))
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"delayed"}, RunAt: braid.Time(e.ctx).Add(e.ticks(50))})
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"ready"}, Priority: work.Low})
		e.put(engine, "done", "dead")
		d := e.receives(engine, "in hand", "done", "dead")
		e.ack(engine, d[1])
		e.settle(engine, d[2], work.Outcome{Verdict: work.Bury, Err: errDown})
		left, err := engine.Close(e.ctx)
		e.must(err)
		names := make([]string, 0, len(left))
		for _, job := range left {
			names = append(names, job.Payload.Name)
		}
		e.equal("left", len(names), 4)
		for i, want := range []string{"in hand", "blocked", "delayed", "ready"} {
			e.equal("left", names[i], want)
		}
		e.wantErr(engine.Settle(e.ctx, d[0], work.Outcome{}), work.ErrLeaseLost)
		left, err = engine.Close(e.ctx)
		e.must(err)
		e.equal("left", len(left), 0)
		e.equal("dead letters", len(e.deadLetters(engine)), 1)
	}},
}
