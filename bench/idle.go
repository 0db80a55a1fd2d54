package main

import (
	"context"
	"fmt"
	"runtime/metrics"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
)

// The sides of the idle benchmark: many tasks that wait for one thing.
const (
	idleBraid   = "braid"   // tasks on an Event
	idleChannel = "channel" // goroutines on a channel, and nothing else
	idleSelect  = "select"  // goroutines of an errgroup, on a channel and their ctx: what the tasks can do
)

// idleFigures is what a child found out about its idle tasks.
type idleFigures struct {
	Go, RSS    float64 // bytes a task
	Ended, CPU float64 // ms from the order to end until the last one had ended, and processor time meanwhile
}

// idle compares the memory of waiting tasks, and how soon they end when they are told to.
func idle(ctx context.Context, c config) ([]row, error) {
	all := map[string][]idleFigures{}
	for range c.children {
		for _, variant := range []string{idleChannel, idleBraid, idleSelect} {
			x, err := send[idleFigures](ctx, "idle", variant, c.idlers)
			if err != nil {
				return nil, err
			}
			all[variant] = append(all[variant], x)
		}
	}
	goBytes := func(x idleFigures) float64 { return x.Go }
	rss := func(x idleFigures) float64 { return x.RSS }
	ended := func(x idleFigures) float64 { return x.Ended }
	cpu := func(x idleFigures) float64 { return x.CPU }

	rows := []row{
		idleRow("heap and stacks", "bytes a task", all, idleBraid, goBytes),
		idleRow("heap and stacks", "bytes a task", all, idleSelect, goBytes),
	}
	if all[idleBraid][0].RSS > 0 {
		rows = append(rows,
			idleRow("resident memory", "bytes a task", all, idleBraid, rss),
			idleRow("resident memory", "bytes a task", all, idleSelect, rss))
	}
	for i := range rows {
		if rows[i].Subject == idleNames[idleBraid] {
			rows[i].check(rows[i].Ratio <= 1.15, "1.15 x")
		}
	}
	for _, variant := range []string{idleBraid, idleSelect} {
		r := idleRow("from the order to end to the last one's end", "ms", all, variant, ended)
		c := idleRow("", "", all, variant, cpu)
		r.CPU, r.PeerCPU, r.CPURatio = c.Value, c.PeerValue, c.Ratio
		if variant == idleBraid {
			took := r.Value
			if r.CPU < 0.9*r.Value {
				r.ByCPU, took = true, r.CPU
			}
			r.check(took < 500, "500 ms")
		}
		rows = append(rows, r)
	}
	return rows, nil
}

var idleNames = map[string]string{
	idleBraid:   "braid, on an Event",
	idleChannel: "go, on a channel",
	idleSelect:  "errgroup, select with ctx",
}

func idleRow(title, unit string, all map[string][]idleFigures, variant string, figure func(idleFigures) float64) row {
	r := row{
		Benchmark: "100,000 waiting tasks: " + title, Unit: unit,
		Subject: idleNames[variant], Peer: idleNames[idleChannel],
	}
	r.compare(figures(all[variant], figure), figures(all[idleChannel], figure))
	return r
}

// idleChild starts n tasks, waits until all of them wait, and measures.
func idleChild(ctx context.Context, variant string, n int) error {
	base := liveMemory()
	var x idleFigures
	var cpu time.Duration
	look := func() time.Time {
		awaitParked(n)
		m := liveMemory()
		x.Go = (float64(m.Go) - float64(base.Go)) / float64(n)
		x.RSS = (float64(m.RSS) - float64(base.RSS)) / float64(n)
		cpu = cpuTime()
		return time.Now()
	}
	var end time.Time
	var err error
	switch variant {
	case idleBraid:
		end, err = idleTasks(ctx, n, look)
	case idleChannel:
		end = idleGoroutines(n, look)
	case idleSelect:
		end, err = idleErrgroup(ctx, n, look)
	default:
		err = fmt.Errorf("no variant %q", variant)
	}
	if err != nil {
		return err
	}
	x.Ended, x.CPU = milliseconds(time.Since(end)), milliseconds(cpuTime()-cpu)
	return tell(x)
}

func idleTasks(ctx context.Context, n int, look func() time.Time) (end time.Time, err error) {
	var event braid.Event
	err = braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range n {
			g.Go(event.Wait)
		}
		end = look()
		g.Cancel(nil)
		return nil
	})
	return end, err
}

func idleGoroutines(n int, look func() time.Time) time.Time {
	ch := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(n)
	wait := func() {
		<-ch
		wg.Done()
	}
	for range n {
		go wait()
	}
	end := look()
	close(ch)
	wg.Wait()
	return end
}

func idleErrgroup(ctx context.Context, n int, look func() time.Time) (time.Time, error) {
	ch := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	wait := func() error {
		select {
		case <-ch:
		case <-ctx.Done():
		}
		return nil
	}
	for range n {
		g.Go(wait)
	}
	end := look()
	cancel()
	return end, g.Wait()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// awaitParked returns when at least n goroutines wait for something.
func awaitParked(n int) {
	waiting := []metrics.Sample{{Name: "/sched/goroutines/waiting:goroutines"}}
	for {
		metrics.Read(waiting)
		if waiting[0].Value.Kind() == metrics.KindUint64 && waiting[0].Value.Uint64() >= uint64(n) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}
