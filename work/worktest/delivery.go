package worktest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

var deliveryCases = []testCase{
	{"a job is received once, with all that it has", nil, func(e env) {
		engine := e.engine(Settings{})
		before := braid.Time(e.ctx)
		r := e.putJob(engine, work.Job[Payload]{Payload: Payload{"a"}, Key: "k", Unique: "u", ID: 4711})
		d := e.receive(engine)
		e.equal("payload", d.Job.Payload, Payload{"a"})
		e.equal("key", d.Job.Key, "k")
		e.equal("unique", d.Job.Unique, "u")
		e.equal("id", d.Job.ID, r.ID)
		e.equal("attempts", d.Job.Attempts, 1)
		e.equal("error", d.Job.Err, nil)
		if d.Job.Enqueued.Before(before.Add(-e.suite.Tick)) || d.At.Before(d.Job.Enqueued) || d.Until.Sub(d.At) < e.suite.Tick {
			e.Fatalf("enqueued at %v, in hand from %v until %v", d.Job.Enqueued, d.At, d.Until)
		}
		e.nothing(engine, 3)
		e.ack(engine, d)
	}},
	{"Receive waits for a job", nil, func(e env) {
		engine := e.engine(Settings{})
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				d, err := engine.Receive(ctx, e.ticks(10))
				if err != nil {
					return err
				}
				return engine.Settle(ctx, d, work.Outcome{})
			})
			if err := braid.Sleep(ctx, e.ticks(2)); err != nil {
				return err
			}
			_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"a"}})
			return err
		}))
	}},
	{"a Receive that is cancelled has taken nothing", nil, func(e env) {
		engine := e.engine(Settings{})
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			var got *work.Delivery[Payload]
			h := g.Go(func(ctx context.Context) (err error) {
				got, err = engine.Receive(ctx, e.ticks(10))
				return err
			})
			_ = braid.Sleep(ctx, e.ticks(1))
			h.Cancel(errDown)
			_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"a"}}) // in the same moment
			_ = h.Wait(ctx)
			if got != nil {
				return engine.Settle(ctx, got, work.Outcome{})
			}
			e.ack(engine, e.receive(engine))
			return err
		}))
		e.nothing(engine, 3)
	}},
	{"a Receive that is cancelled when there is a job leaves it to the next", nil, func(e env) {
		engine := e.engine(Settings{})
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			var got atomic.Int32
			receive := func(ctx context.Context) error {
				d, err := engine.Receive(ctx, e.ticks(100))
				if err != nil {
					return err
				}
				got.Add(1)
				return engine.Settle(ctx, d, work.Outcome{})
			}
			first := g.Go(receive)
			_ = braid.Sleep(ctx, e.ticks(1))
			second := g.Go(receive)
			_ = braid.Sleep(ctx, e.ticks(1))
			e.must(putErr(engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"a"}})))
			first.Cancel(errDown)
			_ = first.Wait(ctx)
			_ = braid.Sleep(ctx, e.ticks(2)) // less than it takes for anybody to look by himself
			if !first.State().Ended() || got.Load() == 0 {
				e.Errorf("nobody has taken the job")
			}
			second.Cancel(errDown)
			_ = second.Wait(ctx)
			e.equal("received", got.Load(), int32(1))
			return nil
		}))
	}},
	{"a ctx that is done does nothing", nil, func(e env) {
		engine := e.engine(Settings{})
		ctx, cause := e.cancelled()
		_, err := engine.Enqueue(ctx, work.Job[Payload]{})
		e.wantErr(err, cause)
		e.put(engine, "a")
		_, err = engine.Receive(ctx, e.ticks(10))
		e.wantErr(err, cause)
		d := e.receives(engine, "a")[0]
		_, err = engine.Extend(ctx, d, e.ticks(20))
		e.wantErr(err, cause)
		e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		e.wantErr(engine.Replay(ctx, d.Job.ID), cause)
		e.wantErr(engine.Discard(ctx, d.Job.ID), cause)
		for _, err := range engine.DeadLetters(ctx) {
			e.wantErr(err, cause)
		}
		e.wantErr(engine.Drain(ctx, braid.Time(e.ctx)), cause)
		e.put(engine, "b")
		e.equal("dead letters", len(e.deadLetters(engine)), 1)
	}},
	{"a priority that there is not is refused", []Feature{Priorities}, func(e env) {
		engine := e.engine(Settings{})
		if _, err := engine.Enqueue(e.ctx, work.Job[Payload]{Priority: 7}); err == nil || !strings.Contains(err.Error(), "7") {
			e.Fatalf("error: %v", err)
		}
		e.nothing(engine, 1)
	}},
	{"a delayed job is not received before its time", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		at := braid.Time(e.ctx).Add(e.ticks(4))
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"late"}, RunAt: at})
		e.put(engine, "now")
		e.ack(engine, e.receives(engine, "now", "late")...)
		if now := braid.Time(e.ctx); now.Before(at) {
			e.Fatalf("%v too early", at.Sub(now))
		}
	}},
	{"a job that is due earlier is not kept waiting by a Receive that waits for a later one", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		start := braid.Time(e.ctx)
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"late"}, RunAt: start.Add(e.ticks(300))})
		e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error {
				d, err := engine.Receive(ctx, e.ticks(10))
				if err != nil {
					return err
				}
				e.equal("job", d.Job.Payload.Name, "early")
				return engine.Settle(ctx, d, work.Outcome{})
			})
			_ = braid.Sleep(ctx, e.ticks(1))
			_, err := engine.Enqueue(ctx, work.Job[Payload]{Payload: Payload{"early"}, RunAt: start.Add(e.ticks(5))})
			return err
		}))
		if took := braid.Time(e.ctx).Sub(start); took > e.ticks(100) {
			e.Fatalf("it took %v", took)
		}
	}},
}

var settleCases = []testCase{
	{"a job that is done is gone", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		e.ack(engine, e.receive(engine))
		e.nothing(engine, 15)
	}},
	{"a delivery is settled once", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		e.ack(engine, d)
		for v := work.Ack; v <= work.Release; v++ {
			e.wantErr(engine.Settle(e.ctx, d, work.Outcome{Verdict: v, Err: errDown}), work.ErrLeaseLost)
		}
		_, err := engine.Extend(e.ctx, d, e.ticks(10))
		e.wantErr(err, work.ErrLeaseLost)
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
		e.nothing(engine, 3)
	}},
	{"a delivery of a job that is done does not touch the next one", nil, func(e env) {
		engine := e.engine(Settings{})
		const rounds = 5
		old := make([]*work.Delivery[Payload], 0, rounds)
		for range rounds {
			e.put(engine, "a")
			d := e.receive(engine)
			for _, o := range old {
				e.wantErr(engine.Settle(e.ctx, o, work.Outcome{Verdict: work.Bury, Err: errDown}), work.ErrLeaseLost)
				_, err := engine.Extend(e.ctx, o, e.ticks(10))
				e.wantErr(err, work.ErrLeaseLost)
			}
			e.ack(engine, d)
			old = append(old, d)
		}
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
	}},
	{"a verdict that there is not is refused", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		if err := engine.Settle(e.ctx, d, work.Outcome{Verdict: 17}); err == nil || errors.Is(err, work.ErrLeaseLost) {
			e.Fatalf("error: %v", err)
		}
		e.ack(engine, d)
	}},
	{"a job that is retried comes back after the wait, with its error", []Feature{Delays}, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		id := d.Job.ID
		start := braid.Time(e.ctx)
		e.settle(engine, d, work.Outcome{Verdict: work.Retry, After: e.ticks(5), Err: errDown})
		d = e.receive(engine)
		if took := braid.Time(e.ctx).Sub(start); took < e.ticks(5) {
			e.Fatalf("it came back after %v", took)
		}
		e.equal("attempts", d.Job.Attempts, 2)
		e.equal("id", d.Job.ID, id)
		if d.Job.Err == nil || d.Job.Err.Error() != errDown.Error() {
			e.Fatalf("error: %v", d.Job.Err)
		}
		e.ack(engine, d)
	}},
	{"a job that is released comes back at once", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b")
		e.settle(engine, e.receives(engine, "a")[0], work.Outcome{Verdict: work.Release})
		seen := map[string]bool{}
		for range 2 {
			d := e.receive(engine)
			seen[d.Job.Payload.Name] = true
			e.ack(engine, d)
		}
		e.equal("jobs", len(seen), 2)
	}},
	{"an attempt that is released does not count", []Feature{Uncounted}, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		for range 3 {
			d := e.receive(engine)
			e.equal("attempts", d.Job.Attempts, 1)
			e.settle(engine, d, work.Outcome{Verdict: work.Release})
		}
	}},
	{"a job is settled under a ctx with a limit as well", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		ctx, _ := e.cancelled()
		e.must(braid.Shield(ctx, e.ticks(9), func(ctx context.Context) error { return engine.Settle(ctx, d, work.Outcome{}) }))
		e.nothing(engine, 15)
	}},
}

var leaseCases = []testCase{
	{"a job whose lease runs out is given to somebody else", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		first := e.receive(engine)
		e.nothing(engine, 5)
		var second *work.Delivery[Payload]
		e.must(e.within(40, func(ctx context.Context) (err error) {
			second, err = engine.Receive(ctx, e.ticks(10))
			return err
		}))
		e.equal("attempts", second.Job.Attempts, 2)
		e.wantErr(engine.Settle(e.ctx, first, work.Outcome{}), work.ErrLeaseLost)
		_, err := engine.Extend(e.ctx, first, e.ticks(10))
		e.wantErr(err, work.ErrLeaseLost)
		e.ack(engine, second)
		e.nothing(engine, 15)
	}},
	{"a lease that is extended lasts", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		d := e.receive(engine)
		for range 4 {
			e.nothing(engine, 5)
			until, err := engine.Extend(e.ctx, d, e.ticks(10))
			e.must(err)
			if left := until.Sub(braid.Time(e.ctx)); left < e.ticks(8) || left > e.ticks(11) {
				e.Fatalf("it lasts for %v", left)
			}
		}
		e.ack(engine, d)
		e.nothing(engine, 15)
	}},
}

var deadCases = []testCase{
	{"a dead letter has its job and its error, and is not delivered", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b")
		for _, d := range e.receives(engine, "a", "b") {
			e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		}
		e.nothing(engine, 15)
		letters := e.deadLetters(engine)
		e.equal("dead letters", len(letters), 2)
		for i, name := range []string{"a", "b"} {
			e.equal("payload", letters[i].Job.Payload.Name, name)
			e.equal("attempts", letters[i].Job.Attempts, 1)
			if err := letters[i].Err; err == nil || err.Error() != errDown.Error() {
				e.Fatalf("error: %v", err)
			}
		}
	}},
	{"a dead letter that is replayed is a job again", nil, func(e env) {
		engine := e.engine(Settings{})
		e.putJob(engine, work.Job[Payload]{Payload: Payload{"a"}, Unique: "u"})
		e.settle(engine, e.receive(engine), work.Outcome{Verdict: work.Bury, Err: errDown})
		letter := e.deadLetters(engine)[0]
		e.must(engine.Replay(e.ctx, letter.Job.ID))
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
		d := e.receives(engine, "a")[0]
		e.equal("attempts", d.Job.Attempts, 1)
		e.equal("unique", d.Job.Unique, "u")
		e.ack(engine, d)
		e.nothing(engine, 3)
		e.wantErr(engine.Replay(e.ctx, letter.Job.ID), work.ErrNoSuchJob)
	}},
	{"a dead letter that is discarded is gone", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a")
		e.settle(engine, e.receive(engine), work.Outcome{Verdict: work.Bury, Err: errDown})
		id := e.deadLetters(engine)[0].Job.ID
		e.must(engine.Discard(e.ctx, id))
		e.equal("dead letters", len(e.deadLetters(engine)), 0)
		e.wantErr(engine.Discard(e.ctx, id), work.ErrNoSuchJob)
		e.wantErr(engine.Replay(e.ctx, id), work.ErrNoSuchJob)
	}},
	{"dead letters can be replayed in the loop over them", nil, func(e env) {
		engine := e.engine(Settings{})
		e.put(engine, "a", "b", "c")
		for _, d := range e.receives(engine, "a", "b", "c") {
			e.settle(engine, d, work.Outcome{Verdict: work.Bury, Err: errDown})
		}
		for letter, err := range engine.DeadLetters(e.ctx) {
			e.must(err)
			if letter.Job.Payload.Name == "c" {
				break
			}
			e.must(engine.Replay(e.ctx, letter.Job.ID))
		}
		e.ack(engine, e.receives(engine, "a", "b")...)
		e.equal("dead letters", len(e.deadLetters(engine)), 1)
	}},
}
