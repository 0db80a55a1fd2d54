package main

import (
	"context"
	"runtime"
	"sync"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc"
	"golang.org/x/sync/errgroup"

	"github.com/braid-go/braid"
)

// crowd is how many tasks are spawned and joined together.
const crowd = 1000

func spawns() []benchmark {
	return []benchmark{{"spawn", spawning().run}, {"spawn/heap", spawningWithHeap}}
}

// spawningWithHeap is spawning in a program that has something on its heap, as most have.
// Without, the garbage is collected each 4 MiB, which is dearer for whoever allocates more.
func spawningWithHeap(ctx context.Context, c config) ([]row, error) {
	d := spawning()
	d.title += ", and 64 MiB on the heap"
	d.sides = d.sides[:4]
	for i := range d.sides {
		d.sides[i].maxRatio, d.sides[i].maxAllocs = 0, 0 // the bounds are those of an empty heap
	}
	heap := make([]byte, 64<<20)
	defer runtime.KeepAlive(heap)
	return d.run(ctx, c)
}

// spawning compares what it costs to start tasks that do nothing and to wait until all have ended.
// The pools are made once a slice, which is kinder to them than to the others.
func spawning() duel {
	return duel{
		title: "spawn+join of 1,000 tasks",
		unit:  "a task",
		batch: crowd,
		sides: []side{
			{name: "errgroup", run: crowds(spawnErrgroup)},
			{name: "braid g.Go", run: crowds(spawnBraid), maxRatio: 1.10, maxAllocs: 2},
			{name: "braid.Go[int]", run: crowds(spawnBraidTyped), maxRatio: 1.25, maxAllocs: 2},
			{name: "braid.Go[int] + Wait", run: crowds(spawnBraidWait)},
			{name: "conc.WaitGroup", run: crowds(spawnConc)},
			{name: "pond pool", run: spawnPond},
			{name: "ants pool", run: spawnAnts},
			{name: "go + WaitGroup", run: crowds(spawnBare)},
		},
	}
}

// crowds does n operations in crowds.
func crowds(one func(context.Context) error) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		for range n / crowd {
			if err := one(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

func spawnErrgroup(ctx context.Context) error {
	g, _ := errgroup.WithContext(ctx)
	for range crowd {
		g.Go(func() error { return nil })
	}
	return g.Wait()
}

func spawnBraid(ctx context.Context) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range crowd {
			g.Go(func(context.Context) error { return nil })
		}
		return nil
	})
}

func spawnBraidTyped(ctx context.Context) error {
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		for range crowd {
			braid.Go(g, func(context.Context) (int, error) { return 1, nil })
		}
		return nil
	})
}

// spawnBraidWait also keeps the handles and takes each result.
func spawnBraidWait(ctx context.Context) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		tasks := make([]*braid.Task[int], crowd)
		for i := range tasks {
			tasks[i] = braid.Go(g, func(context.Context) (int, error) { return 1, nil })
		}
		for _, t := range tasks {
			if _, err := t.Wait(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

func spawnConc(context.Context) error {
	var wg conc.WaitGroup
	for range crowd {
		wg.Go(func() {})
	}
	wg.Wait()
	return nil
}

func spawnPond(ctx context.Context, n int) error {
	pool := pond.NewPool(crowd)
	defer pool.StopAndWait()
	return crowds(func(context.Context) error {
		group := pool.NewGroup()
		for range crowd {
			group.Submit(func() {})
		}
		return group.Wait()
	})(ctx, n)
}

func spawnAnts(ctx context.Context, n int) error {
	pool, err := ants.NewPool(crowd)
	if err != nil {
		return err
	}
	defer pool.Release()
	return crowds(func(context.Context) error {
		var wg sync.WaitGroup
		wg.Add(crowd)
		for range crowd {
			if err := pool.Submit(wg.Done); err != nil {
				return err
			}
		}
		wg.Wait()
		return nil
	})(ctx, n)
}

func spawnBare(context.Context) error {
	var wg sync.WaitGroup
	for range crowd {
		wg.Go(func() {})
	}
	wg.Wait()
	return nil
}
