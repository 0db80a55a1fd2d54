// Package work is a work queue: jobs are put in, workers run them, and what fails is tried again, or kept as a dead letter.
//
//	jobs := work.New(work.NewMemory(work.MemoryConfig[Mail]{Capacity: 1000}), work.Config[Mail]{Name: "mail", Workers: 8})
//
//	g.Go(func(ctx context.Context) error {
//		return jobs.Run(ctx, func(ctx context.Context, job *work.Job[Mail]) error { return send(ctx, job.Payload) })
//	})
//	_, err := jobs.Enqueue(ctx, Mail{To: "ada@example.org"}, work.After(time.Minute))
//	...
//	left, err := jobs.Drain(ctx, time.Minute) // Run goes on until then
//
// A [Queue] is the rules by which jobs are run; an [Engine] stores them. [Memory] is the engine of this package. Others, which keep jobs
// in a database or a broker, live in modules of their own, and package worktest says as tests what all of them promise.
//
// # The life of a job
//
// A job is ready, or delayed until its time, or waits for others of its [Key]. [Queue.Run] takes it into hand under a lease and calls the handler.
// If the handler returns nil the job is done. If it fails, the job is delayed by a random time that grows with each attempt, and is ready again.
// After the last attempt, or after an error marked with [Permanent], it is a dead letter: [Queue.DeadLetters] lists those,
// [Queue.Replay] makes one a job again, [Queue.Discard] drops it.
//
// A job is run at least once, which is to say: sometimes more than once. Handlers have to bear that.
//
// # Leases
//
// A worker has a job in hand for as long as its lease lasts. While the handler runs, the lease is extended; if that ends, because the process is gone or
// the handler is over its [Config].Timeout, the job is given to somebody else, and the ctx of the handler that has lost it ends.
// With [Config].ManualLease the handler extends the lease itself, with [Job.Extend].
//
// # Lifetime
//
// All work belongs to the scope of [Queue.Run]: its workers, a heartbeat, and each attempt are tasks of it, and it returns when they have ended.
// An engine in memory has no goroutine. Nothing that this package starts outlives Run, and no handler is left running.
//
// [Queue.Drain] finishes what is queued, within a time, and [Queue.Stop] does not; both return what was not done, so that
// every job is done, a dead letter, or returned. Without either, jobs in memory stay in it when Run's ctx ends.
//
// # Errors and panics
//
// A handler's error is an event in the life of its job and never one of the scope. So are its panics, and runtime.Goexit,
// and an error whose methods panic, such as a nil pointer: that is a [*braid.PanicError].
// Hooks that panic are logged; one that calls runtime.Goexit ends its worker, in whose place another one goes on. Only what is wrong with an engine can fail Run.
//
// # Time
//
// Time passes on the clock of the scheduler that ctx runs on: goroutines, a bubble of testing/synctest, the event loop, the simulator.
//
// # What it does not do
//
// There are no workflows, no schedules that repeat, and no way to take a single job out of a queue.
// A job's result is the handler's to store.
package work
