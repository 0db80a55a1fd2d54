package worktest

import (
	"context"
	"errors"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

var errDown = errors.New("down")

// engine makes an engine; the zero Settings are made large.
func (e env) engine(s Settings) work.Engine[Payload] {
	e.Helper()
	if s.Capacity == 0 {
		s.Capacity = 100
	}
	if s.Window == 0 {
		s.Window = e.ticks(20)
	}
	return e.suite.New(e.TB, e.ctx, s)
}

func (e env) ticks(n int) time.Duration { return time.Duration(n) * e.suite.Tick }

func (e env) sleep(n int) {
	e.Helper()
	e.must(braid.Sleep(e.ctx, e.ticks(n)))
}

func (e env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatalf("error: %v", err)
	}
}

func (e env) wantErr(err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("error is %v, want %v", err, want)
	}
}

func (e env) equal(what string, got, want any) {
	e.Helper()
	if got != want {
		e.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// put enqueues jobs of these names.
func (e env) put(engine work.Engine[Payload], names ...string) {
	e.Helper()
	for _, n := range names {
		e.putJob(engine, work.Job[Payload]{Payload: Payload{n}})
	}
}

func (e env) putJob(engine work.Engine[Payload], job work.Job[Payload]) work.Receipt {
	e.Helper()
	r, err := engine.Enqueue(e.ctx, job)
	e.must(err)
	return r
}

func putErr(_ work.Receipt, err error) error { return err }

// within calls f with a time limit, and returns what f returns.
func (e env) within(n int, f func(ctx context.Context) error) error {
	return braid.Timeout(e.ctx, e.ticks(n), f)
}

// receive takes the next job, which is there.
func (e env) receive(engine work.Engine[Payload]) (d *work.Delivery[Payload]) {
	e.Helper()
	err := e.within(9, func(ctx context.Context) (err error) {
		d, err = engine.Receive(ctx, e.ticks(10))
		return err
	})
	if err != nil {
		e.Fatalf("no job: %v", err)
	}
	return d
}

// receives takes the next jobs and checks their names.
func (e env) receives(engine work.Engine[Payload], names ...string) (ds []*work.Delivery[Payload]) {
	e.Helper()
	for _, n := range names {
		d := e.receive(engine)
		e.equal("the next job", d.Job.Payload.Name, n)
		ds = append(ds, d)
	}
	return ds
}

// nothing checks that there is no job for n ticks.
func (e env) nothing(engine work.Engine[Payload], n int) {
	e.Helper()
	err := e.within(n, func(ctx context.Context) error {
		d, err := engine.Receive(ctx, e.ticks(10))
		if err == nil {
			e.Fatalf("received %q (attempt %d)", d.Job.Payload.Name, d.Job.Attempts)
		}
		return err
	})
	e.wantErr(err, braid.ErrTimeout)
}

func (e env) settle(engine work.Engine[Payload], d *work.Delivery[Payload], o work.Outcome) {
	e.Helper()
	e.must(engine.Settle(e.ctx, d, o))
}

func (e env) ack(engine work.Engine[Payload], ds ...*work.Delivery[Payload]) {
	e.Helper()
	for _, d := range ds {
		e.settle(engine, d, work.Outcome{})
	}
}

// deadLetters lists the dead letters.
func (e env) deadLetters(engine work.Engine[Payload]) (list []work.DeadLetter[Payload]) {
	e.Helper()
	for letter, err := range engine.DeadLetters(e.ctx) {
		e.must(err)
		list = append(list, letter)
	}
	return list
}

// cancelled returns a ctx that is done, and its cause.
func (e env) cancelled() (context.Context, error) {
	ctx, cancel := context.WithCancelCause(e.ctx)
	cause := errors.New("gone")
	cancel(cause)
	return ctx, cause
}

// queue makes a queue with quick retries.
func (e env) queue(engine work.Engine[Payload], change func(*work.Config[Payload])) *work.Queue[Payload] {
	c := work.Config[Payload]{
		Name: "suite", Workers: 2, MaxAttempts: 3, Base: e.ticks(2), Max: e.ticks(4), Lease: e.ticks(10),
		Rand: func() float64 { return 1 }, OnDead: func(work.DeadLetter[Payload]) {},
	}
	if change != nil {
		change(&c)
	}
	return work.New(engine, c)
}

// consume runs handle on q beside body, and stops q then.
func (e env) consume(q *work.Queue[Payload], handle func(ctx context.Context, job *work.Job[Payload]) error, body func(e env)) {
	e.Helper()
	e.must(braid.Run(e.ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return q.Run(ctx, handle) })
		in := e
		in.ctx = ctx
		body(in)
		_, err := q.Stop(ctx)
		return err
	}))
}

// eventually waits until what holds, for at most 50 ticks.
func (e env) eventually(what string, holds func() bool) {
	e.Helper()
	for range 50 {
		if holds() {
			return
		}
		e.sleep(1)
	}
	e.Fatalf("not within 50 ticks: %s", what)
}
