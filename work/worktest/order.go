package worktest

import (
	"context"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

func keyed(key, name string) work.Job[Payload] {
	return work.Job[Payload]{Payload: Payload{name}, Key: key}
}

var orderCases = []testCase{
	{"first in, first out", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b", "c", "d")
		e.ack(engine, e.receives(engine, "a", "b", "c", "d")...)
	}},
	{"the higher priority goes first", []Feature{Priorities}, func(e env) {
		engine := e.engine(Settings{})
		for _, job := range []work.Job[Payload]{
			{Payload: Payload{"low"}, Priority: work.Low},
			{Payload: Payload{"normal"}},
			{Payload: Payload{"high 1"}, Priority: work.High},
			{Payload: Payload{"high 2"}, Priority: work.High},
		} {
			e.putJob(engine, job)
		}
		e.ack(engine, e.receives(engine, "high 1", "high 2", "normal", "low")...)
	}},
	{"jobs of one key run at most so many at a time, in order, and keep no others waiting", []Feature{Keys}, func(e env) {
		engine := e.engine(Settings{PerKey: 2})
		for _, n := range []string{"a1", "a2", "a3", "a4", "a5"} {
			e.putJob(engine, keyed("a", n))
		}
		e.putJob(engine, keyed("b", "b1"))
		e.put(engine, "free")
		ds := e.receives(engine, "a1", "a2", "b1", "free")
		e.nothing(engine, 3)
		e.ack(engine, ds[1])
		a3 := e.receives(engine, "a3")[0]
		e.nothing(engine, 3)
		e.ack(engine, ds[0], a3)
		e.ack(engine, e.receives(engine, "a4", "a5")...)
	}},
	{"a key is free again however its job ends", []Feature{Keys, Delays}, func(e env) {
		engine := e.engine(Settings{PerKey: 1})
		for _, n := range []string{"a1", "a2", "a3"} {
			e.putJob(engine, keyed("a", n))
		}
		d := e.receives(engine, "a1")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Retry, After: e.ticks(100), Err: errDown})
		d = e.receives(engine, "a2")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		d = e.receives(engine, "a3")[0]
		e.settle(engine, d, work.Outcome{Verdict: work.Release})
		e.receives(engine, "a3") // and keeps it until the lease runs out
		e.nothing(engine, 3)
		e.putJob(engine, keyed("a", "a4"))
		e.nothing(engine, 3)
		e.sleep(5)
		e.ack(engine, e.receive(engine))
		e.ack(engine, e.receive(engine))
	}},
	{"a unique job is taken once within the window", []Feature{Uniques}, func(e env) {
		engine := e.engine(Settings{Window: e.ticks(20)})
		job := work.Job[Payload]{Payload: Payload{"a"}, Unique: "u"}
		first := e.putJob(engine, job)
		e.equal("duplicate", first.Duplicate, false)
		e.equal("duplicate", e.putJob(engine, job).Duplicate, true)
		e.ack(engine, e.receive(engine))
		e.equal("duplicate", e.putJob(engine, job).Duplicate, true) // done, and still remembered
		job.Unique = "v"
		e.equal("duplicate", e.putJob(engine, job).Duplicate, false)
		e.ack(engine, e.receive(engine))
		e.nothing(engine, 3)
		e.sleep(20)
		job.Unique = "u"
		e.equal("duplicate", e.putJob(engine, job).Duplicate, false)
		e.ack(engine, e.receive(engine))
	}},
}

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
