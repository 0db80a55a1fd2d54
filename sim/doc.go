// Package sim is the simulator: the third scheduler, under which every schedule is a test and every failure can be replayed.
//
// [Test] runs a program many times. Its tasks, timers and waits are those of package braid, the same code as in production;
// here they run one at a time, in virtual time, and at each operation the simulator chooses who goes on.
// When a schedule fails, Test cuts it down to the switches that matter, shows who did what, and says how to run it again.
//
//	func TestTransfer(t *testing.T) {
//		sim.Test(t, func(s *sim.T) {
//			bank := newBank(100, 0)
//			braid.Run(s.Context(), func(ctx context.Context, g *braid.Group) error {
//				g.Go(func(ctx context.Context) error { return bank.transfer(ctx, 0, 1, 60) })
//				g.Go(func(ctx context.Context) error { return bank.transfer(ctx, 0, 1, 60) })
//				return nil
//			})
//			if bank.balance(0) < 0 {
//				s.Errorf("overdrawn: %d", bank.balance(0))
//			}
//		})
//	}
//
// # What is chosen
//
// Which task goes on at each operation of braid; in which order timers fire that are due at the same time;
// whether time passes although somebody could run, as on a slow machine; and, where a test asks for it,
// whether a task is cancelled, a fault happens, a scope crashes, a packet is lost, and what a random value is.
// All choices of a schedule in their order are its tape. The empty tape is the canonical schedule: what the event loop does.
//
// With [Parallel], the default, tasks may switch at the beginning of each operation of braid, as goroutines could;
// with [Loop], only where they wait, as on the event loop. Between two operations a task is alone in both:
// plain memory that tasks share has no points of its own, unless it is kept in a [Var].
//
// # Time
//
// The clock starts at midnight UTC on 1 January 2000 and stands still while tasks run. When nobody can run it goes on to the next timer.
// Some schedules let it go on earlier, so that a timeout may win against work that could have been done; see [Advances].
//
// # What fails a schedule
//
// A failure of the [T], a panic, a deadlock, tasks that are left when the program has returned, more than [MaxSteps] steps,
// an [T.Invariant] or [T.Eventually] that does not hold, and what the simulator cannot control:
// a goroutine started with the go statement that uses braid, a task that blocks on a channel, in time.Sleep or in a system call,
// a context of package context with a deadline, which is one of the real clock.
//
// # Determinism
//
// A schedule depends on the tape and the program. A program that depends on more, such as the order of a map, global random
// numbers or the real clock, fails differently when it is run again; the report says so. Random values of a [T] come from the tape.
package sim
