package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/work"
)

// A job that does nothing, from the call that enqueues it to its end: one producer, four workers, room for a thousand.
// The peers are what one writes by hand: goroutines on a channel, bare and with what a job needs at the least – a ctx of its own,
// a recover, an attempt that is counted – and an asyncio.Queue with workers. None of them has leases, retries or dead letters.

const (
	workWorkers = 4
	workRoom    = 1000
	workQueued  = 100_000
)

func works() []benchmark {
	return []benchmark{
		{"work/jobs", workJobs},
		{"work/drain", duel{
			title: "work, 100,000 queued jobs, drained",
			unit:  "a job",
			batch: workQueued,
			sides: []side{{name: "work", maxNS: 2_000, run: func(ctx context.Context, n int) error { return workShutdown(ctx, n, true) }}},
		}.run},
		{"work/stop", duel{
			title: "work, 100,000 queued jobs, stopped and returned",
			unit:  "a job",
			batch: workQueued,
			sides: []side{{name: "work", maxNS: 2_000, run: func(ctx context.Context, n int) error { return workShutdown(ctx, n, false) }}},
		}.run},
	}
}

func workJobs(ctx context.Context, c config) ([]row, error) {
	own := side{name: "work", maxNS: 2_000, run: func(ctx context.Context, n int) error { return workOff(ctx, n, work.MemoryConfig[int]{}) }} // 500,000 a second
	d := duel{title: "work, a job that does nothing", unit: "a job", sides: []side{
		{name: "channel pool", run: poolBare},
		own,
		{name: "work, a key each", run: func(ctx context.Context, n int) error { return workOff(ctx, n, work.MemoryConfig[int]{PerKey: 1}) }},
		{name: "work, strict", run: func(ctx context.Context, n int) error {
			return workOff(ctx, n, work.MemoryConfig[int]{Codec: work.JSON[int]()})
		}},
		{name: "channel pool, ctx and recover", run: poolCareful},
	}}
	rows, err := d.run(ctx, c)
	if err != nil {
		return nil, err
	}
	py, clean, err := findPython(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if !py.has(asyncio) {
		rows[0].Note = "asyncio was not measured: there is no Python 3.11 or newer"
		return rows, nil
	}
	var xs, ys []sample
	for range c.children {
		x, err := measure(ctx, own, 200_000)
		if err != nil {
			return nil, err
		}
		y, err := pythonJobs(ctx, py.exe, 50_000)
		if err != nil {
			return nil, err
		}
		xs, ys = append(xs, x), append(ys, y)
	}
	return append(rows, d.row(side{name: "work"}, xs, side{name: "asyncio.Queue and workers, Python " + py.version}, ys)), nil
}

// workOff enqueues n jobs and drains the queue.
func workOff(ctx context.Context, n int, config work.MemoryConfig[int]) error {
	config.Capacity = workRoom
	q := work.New(work.NewMemory(config), work.Config[int]{Workers: workWorkers})
	var opts []work.Option
	if config.PerKey > 0 {
		opts = append(opts, work.Key("key"))
	}
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error { return q.Run(ctx, noJob) })
		for i := range n {
			if _, err := q.Enqueue(ctx, i, opts...); err != nil {
				return err
			}
		}
		left, err := q.Drain(ctx, time.Hour)
		return workAccounted(err, q, left, 0, n)
	})
}

func noJob(context.Context, *work.Job[int]) error { return nil }

// workAccounted makes sure that each of n jobs is done or left, and at most so many are left.
func workAccounted(err error, q *work.Queue[int], left []work.Job[int], most, n int) error {
	switch done := int(q.Statistics().Done); {
	case err != nil:
		return err
	case done+len(left) != n:
		return fmt.Errorf("%d of %d jobs are done, and %d are left", done, n, len(left))
	case len(left) > most:
		return fmt.Errorf("%d jobs are left", len(left))
	}
	return nil
}

// workShutdown ends queues of 100,000 jobs as soon as they are worked on. The figure has the enqueueing in it.
func workShutdown(ctx context.Context, n int, drain bool) error {
	for range n / workQueued {
		q := work.New(work.NewMemory(work.MemoryConfig[int]{Capacity: workQueued}), work.Config[int]{Workers: workWorkers})
		err := braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
			for i := range workQueued {
				if _, err := q.Enqueue(ctx, i); err != nil {
					return err
				}
			}
			var started braid.Event
			g.Go(func(ctx context.Context) error {
				return q.Run(ctx, func(_ context.Context, job *work.Job[int]) error {
					if job.Payload == 0 {
						started.Set()
					}
					return nil
				})
			})
			if err := started.Wait(ctx); err != nil {
				return err
			}
			if drain {
				left, err := q.Drain(ctx, time.Hour)
				return workAccounted(err, q, left, 0, workQueued)
			}
			left, err := q.Stop(ctx)
			return workAccounted(err, q, left, workQueued, workQueued)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func poolBare(ctx context.Context, n int) error {
	return pool(n, func(done *atomic.Int64, job int) {
		if noJob(ctx, nil) == nil {
			done.Add(1)
		}
	})
}

func poolCareful(ctx context.Context, n int) error {
	var failed sync.Map
	return pool(n, func(done *atomic.Int64, job int) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer func() {
			if v := recover(); v != nil {
				failed.Store(job, v)
			}
		}()
		if err := noJob(ctx, nil); err != nil {
			failed.Store(job, err)
			return
		}
		done.Add(1)
	})
}

func pool(n int, handle func(done *atomic.Int64, job int)) error {
	jobs := make(chan int, workRoom)
	var done atomic.Int64
	var workers sync.WaitGroup
	for range workWorkers {
		workers.Go(func() {
			for job := range jobs {
				handle(&done, job)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	workers.Wait()
	if done.Load() != int64(n) {
		return fmt.Errorf("%d of %d jobs are done", done.Load(), n)
	}
	return nil
}

// pythonWork is the worker queue as the documentation of asyncio.Queue has it. It prints what a job took, as JSON.
const pythonWork = `
import asyncio, json, sys, time

async def handle(job):
    pass

async def main(n):
    jobs, failed = asyncio.Queue(1000), []
    async def worker():
        while True:
            job = await jobs.get()
            try:
                await handle(job)
            except Exception as e:
                failed.append((job, e))
            finally:
                jobs.task_done()
    workers = [asyncio.create_task(worker()) for _ in range(4)]
    for i in range(n):
        await jobs.put(i)
    await jobs.join()
    for w in workers:
        w.cancel()
    await asyncio.gather(*workers, return_exceptions=True)

n = int(sys.argv[1])
wall, cpu = time.perf_counter_ns(), time.process_time_ns()
asyncio.run(main(n))
print(json.dumps({"Wall": (time.perf_counter_ns() - wall) / n, "CPU": (time.process_time_ns() - cpu) / n}))
`

func pythonJobs(ctx context.Context, exe string, n int) (sample, error) {
	out, err := exec.CommandContext(ctx, exe, "-c", pythonWork, strconv.Itoa(n)).Output() //nolint:gosec // the system's own interpreter
	if err != nil {
		return sample{}, fmt.Errorf("the worker queue in Python: %w", err)
	}
	var x cost
	if err := json.Unmarshal(out, &x); err != nil {
		return sample{}, err
	}
	return sample{wall: x.Wall, cpu: x.CPU}, nil
}
