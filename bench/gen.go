package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os/exec"
	"strconv"
	"sync"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/gen"
)

// Coroutines beside iter.Pull, which they are made of, and beside Python's generators;
// the ordered Map of streams beside a pool of workers that is written by hand.

func gens() []benchmark {
	list := make([]benchmark, 0, 6)
	list = append(list, []benchmark{
		{"gen/next", generators{"gen: Next", "a step", "next", 90, genNext}.run},
		{"gen/send", generators{"gen: Send", "a step", "send", 110, genSend}.run},
		{"gen/delegate", generators{"gen: Next through two YieldFrom", "a step", "delegate", 0, genDelegate}.run},
	}...)
	for _, cost := range []int{10, 1000, 20000} {
		list = append(list, benchmark{fmt.Sprintf("gen/map/%d", cost), mapDuel(cost).run})
	}
	return list
}

// generators is a step of a coroutine, with the bound of the project in ns.
type generators struct {
	title, unit string
	python      string // the name of the work in pythonGenerators
	maxNS       float64
	steps       func(ctx context.Context, n int) error
}

func (g generators) run(ctx context.Context, c config) ([]row, error) {
	subject := side{name: "gen", run: g.steps, maxNS: g.maxNS, maxAllocs: none}
	rows, err := duel{title: g.title, unit: g.unit, sides: []side{{name: "iter.Pull", run: pullNext}, subject}}.run(ctx, c)
	if err != nil {
		return nil, err
	}
	p, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if p.exe == "" {
		rows[0].Note = "Python's generators were not measured: there is no Python 3.11 or newer"
		return rows, nil
	}
	const steps = 200_000
	var xs, ys []sample
	for range max(c.children, 3) {
		x, err := measure(ctx, subject, steps)
		if err != nil {
			return nil, err
		}
		y, err := pythonSteps(ctx, p.exe, g.python, steps)
		if err != nil {
			return nil, err
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	peer := side{name: "a generator of Python " + p.version}
	r := duel{title: g.title, unit: g.unit}.row(side{name: "gen"}, xs, peer, ys)
	return append(rows, r), nil
}

// pythonGenerators prints what a step took, as JSON.
const pythonGenerators = `
import itertools, json, sys, time

def counting():
    for i in itertools.count():
        yield i

def twice():
    def once():
        yield from counting()
    yield from once()

def run_next(n):
    g = counting()
    for _ in range(n):
        next(g)

def run_send(n):
    g = counting()
    next(g)
    send = g.send
    for _ in range(n):
        send(1)

def run_delegate(n):
    g = twice()
    for _ in range(n):
        next(g)

n = int(sys.argv[2])
work = globals()["run_" + sys.argv[1]]
wall, cpu = time.perf_counter_ns(), time.process_time_ns()
work(n)
print(json.dumps({"Wall": (time.perf_counter_ns() - wall) / n, "CPU": (time.process_time_ns() - cpu) / n}))
`

func pythonSteps(ctx context.Context, exe, work string, n int) (sample, error) {
	out, err := exec.CommandContext(ctx, exe, "-c", pythonGenerators, work, strconv.Itoa(n)).Output() //nolint:gosec // the system's own interpreter
	if err != nil {
		return sample{}, fmt.Errorf("python %s: %w", work, err)
	}
	var c cost
	if err := json.Unmarshal(out, &c); err != nil {
		return sample{}, err
	}
	return sample{wall: c.Wall, cpu: c.CPU}, nil
}

func genCounting(y *gen.Yielder[int, int]) (int, error) {
	for i := 0; ; i++ {
		if _, err := y.Yield(i); err != nil {
			return i, err
		}
	}
}

func genNext(_ context.Context, n int) error {
	c := gen.New(genCounting)
	for range n {
		c.Next()
	}
	return c.Close()
}

func genSend(_ context.Context, n int) error {
	c := gen.New(genCounting)
	c.Next()
	for range n {
		c.Send(1)
	}
	return c.Close()
}

func genDelegate(_ context.Context, n int) error {
	once := func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, gen.New(genCounting)) }
	c := gen.New(func(y *gen.Yielder[int, int]) (int, error) { return gen.YieldFrom(y, gen.New(once)) })
	for range n {
		c.Next()
	}
	return c.Close()
}

func pullNext(_ context.Context, n int) error {
	next, stop := iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	defer stop()
	for range n {
		next()
	}
	return nil
}

const mapWorkers = 8

// mapDuel compares what an element costs on its way through an ordered Map, if the function itself takes about cost ns.
// The pool by hand knows neither errors nor ctx; the one with ctx does what a Map does about them.
func mapDuel(cost int) duel {
	fn := func(_ context.Context, v int) (int, error) { return spin(cost, v), nil } //nolint:unparam // a function for Map can fail
	return duel{
		title: fmt.Sprintf("gen: ordered Map, 8 workers, %d ns of work", cost),
		unit:  "an element",
		sides: []side{
			{name: "pool by hand", run: func(_ context.Context, n int) error {
				sum := 0
				mapByHand(upTo(n), func(v int) int { return spin(cost, v) }, func(v int) { sum += v })
				return nil
			}},
			{name: "gen.Map", maxRatio: 1.2, run: func(ctx context.Context, n int) error {
				return drainAll(gen.Map(ctx, gen.Values(upTo(n)), mapWorkers, fn))
			}},
			{name: "gen.MapUnordered", run: func(ctx context.Context, n int) error {
				return drainAll(gen.MapUnordered(ctx, gen.Values(upTo(n)), mapWorkers, fn))
			}},
			{name: "braid.Map", run: func(ctx context.Context, n int) error {
				return drainAll(braid.Map(ctx, upTo(n), mapWorkers, fn))
			}},
			{name: "pool by hand, ctx", run: func(ctx context.Context, n int) error {
				sum := 0
				return mapByHandContext(ctx, upTo(n), fn, func(v int) { sum += v })
			}},
		},
	}
}

func drainAll(seq iter.Seq2[int, error]) error {
	sum := 0
	for v, err := range seq {
		if err != nil {
			return err
		}
		sum += v
	}
	return nil
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && yield(i); i++ {
		}
	}
}

// spin is work of about n ns.
func spin(n, v int) int {
	for range n {
		v = v*1664525 + 1013904223
	}
	return v
}

// mapByHand is what people write: a feeder, workers on a channel, and a channel of one result for each element,
// which stand in a channel in the order of the elements.
func mapByHand(seq iter.Seq[int], fn func(int) int, each func(int)) {
	type job struct {
		v   int
		out chan int
	}
	jobs, order := make(chan job, mapWorkers), make(chan chan int, mapWorkers)
	var all sync.WaitGroup
	for range mapWorkers {
		all.Go(func() {
			for j := range jobs {
				j.out <- fn(j.v)
			}
		})
	}
	all.Go(func() {
		for v := range seq {
			out := make(chan int, 1)
			order <- out
			jobs <- job{v, out}
		}
		close(jobs)
		close(order)
	})
	for out := range order {
		each(<-out)
	}
	all.Wait()
}

// mapByHandContext is mapByHand with failures and a ctx, looked at wherever it waits.
func mapByHandContext(ctx context.Context, seq iter.Seq[int], fn func(context.Context, int) (int, error), each func(int)) error {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		v   int
		err error
	}
	type job struct {
		v   int
		out chan result
	}
	jobs, order := make(chan job, mapWorkers), make(chan chan result, mapWorkers)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range mapWorkers {
		all.Go(func() {
			for {
				select {
				case j, open := <-jobs:
					if !open {
						return
					}
					v, err := fn(ctx, j.v)
					j.out <- result{v, err}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Go(func() {
		defer close(order)
		defer close(jobs)
		for v := range seq {
			out := make(chan result, 1)
			select {
			case order <- out:
			case <-ctx.Done():
				return
			}
			select {
			case jobs <- job{v, out}:
			case <-ctx.Done():
				return
			}
		}
	})
	for out := range order {
		select {
		case r := <-out:
			if r.err != nil {
				return r.err
			}
			each(r.v)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
