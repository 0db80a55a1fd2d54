package main

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
)

const slots = 100 // tasks that may run at a time

// flat is how much more memory may be in use at the peak than after a tenth of the tasks:
// what grew with the tasks would be ten times as much.
const flat = 1.25

// way is a means to run many short tasks, a few at a time.
type way struct {
	name, title string
	flat        bool // must be flat
	queues      bool // does not hold back the spawner
	run         func(ctx context.Context, n int, look func(done int)) error
}

var ways = []way{
	{name: "gowait", title: "braid g.GoWait", flat: true, run: throughGoWait},
	{name: "map", title: "braid.Map", flat: true, run: throughMap},
	{name: "errgroup", title: "errgroup SetLimit", run: throughLimit},
	{name: "go", title: "braid g.Go, which queues by design", queues: true, run: throughGo},
}

// growth is the memory of a child at three points of its work, and the most that was seen.
type growth struct {
	Tenth, Half, End, Peak usage
}

// million shows whether memory grows with the number of tasks that have been.
func million(ctx context.Context, c config) ([]row, error) {
	all := map[string][]growth{}
	for range (c.children + 1) / 2 {
		for _, w := range ways {
			x, err := send[growth](ctx, "million", w.name, c.tasks)
			if err != nil {
				return nil, err
			}
			all[w.name] = append(all[w.name], x)
		}
	}
	var rows []row
	for _, w := range ways {
		rows = append(rows, w.row("heap and stacks", all[w.name], func(u usage) uint64 { return u.Go }))
	}
	for _, w := range ways {
		if all[w.name][0].Peak.RSS > 0 {
			rows = append(rows, w.row("resident memory", all[w.name], func(u usage) uint64 { return u.RSS }))
		}
	}
	return rows, nil
}

func (w way) row(title string, all []growth, figure func(usage) uint64) row {
	at := func(when func(growth) usage) []float64 {
		return figures(all, func(x growth) float64 { return float64(figure(when(x))) / (1 << 20) })
	}
	half := at(func(x growth) usage { return x.Half })
	end := at(func(x growth) usage { return x.End })
	r := row{
		Benchmark: "1,000,000 tasks, 100 at a time: " + title, Unit: "MiB at the peak",
		Subject: w.title, Peer: "the same after 10 %",
		Note: fmt.Sprintf("%s after 50 %%, %s after 100 %%", digits(median(half)), digits(median(end))),
	}
	r.compare(at(func(x growth) usage { return x.Peak }), at(func(x growth) usage { return x.Tenth }))
	if w.flat {
		r.check(r.Ratio <= flat, fmt.Sprintf("%.2f x", flat))
	}
	return r
}

// millionChild runs n tasks in one of the ways and looks at its memory after each hundredth of them.
func millionChild(ctx context.Context, variant string, n int) error {
	var x growth
	for _, w := range ways {
		if w.name == variant {
			err := w.run(ctx, n, func(done int) {
				if done%(n/100) == 0 {
					x.look(done*100/n, !w.queues)
				}
			})
			if err != nil {
				return err
			}
			return tell(x)
		}
	}
	return fmt.Errorf("no variant %q", variant)
}

// look takes the memory as it is when so much of the work has been done. The heap is looked at
// without the garbage, whose amount depends on when the last collection was. Not so where tasks queue up:
// collecting would hold back the one that spawns, and hide what it piles up.
func (x *growth) look(percent int, collect bool) {
	now := memory()
	if collect {
		runtime.GC()
		now.Go = memory().Go
	}
	x.Peak.Go, x.Peak.RSS = max(x.Peak.Go, now.Go), max(x.Peak.RSS, now.RSS)
	switch percent {
	case 10:
		x.Tenth = now
	case 50:
		x.Half = now
	case 100:
		x.End = now
	}
}

// brief is a short task: it lets others run, so that all slots come into use.
func brief(context.Context) error {
	runtime.Gosched()
	return nil
}

func throughGoWait(ctx context.Context, n int, look func(int)) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		for i := range n {
			if _, err := g.GoWait(ctx, brief); err != nil {
				return err
			}
			look(i + 1)
		}
		return nil
	}, braid.Limit(slots))
}

func throughMap(ctx context.Context, n int, look func(int)) error {
	numbers := func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
	double := func(ctx context.Context, i int) (int, error) { return 2 * i, brief(ctx) }
	done := 0
	for got, err := range braid.Map(ctx, numbers, slots, double) {
		if err != nil {
			return err
		}
		if got != 2*done {
			return fmt.Errorf("got %d, want %d", got, 2*done)
		}
		done++
		look(done)
	}
	if done != n {
		return fmt.Errorf("got %d results of %d", done, n)
	}
	return nil
}

func throughGo(ctx context.Context, n int, look func(int)) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for i := range n {
			g.Go(brief)
			look(i + 1)
		}
		return nil
	}, braid.Limit(slots))
}

func throughLimit(ctx context.Context, n int, look func(int)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(slots)
	for i := range n {
		g.Go(func() error { return brief(ctx) })
		look(i + 1)
	}
	return g.Wait()
}
