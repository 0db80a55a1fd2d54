package sim

import (
	"context"

	"github.com/braid-go/braid/internal/sched"
)

// engineOf returns the simulator that ctx runs under; nil if it runs under none.
func engineOf(ctx context.Context) *engine {
	e, _ := sched.From(ctx).(*engine)
	return e
}

// Simulated reports whether code with ctx runs under the simulator.
func Simulated(ctx context.Context) bool { return engineOf(ctx) != nil }

// Fault is a named point where something may go wrong, such as "db.write". It returns true in schedules in which it does.
// Outside the simulator it returns false, and costs a look into ctx.
//
// Random schedules make about every eighth fault happen; [Sweep] makes each happen once.
func Fault(ctx context.Context, name string) bool {
	e := engineOf(ctx)
	if e == nil {
		return false
	}
	e.Point(sched.Op{Name: "sim.Fault " + name})
	return e.fault(name)
}

//go:norace
func (e *engine) fault(name string) (happens bool) {
	if raceBackend && e.remote(func() { happens = e.fault(name) }) {
		return happens
	}
	t := e.cur.Load()
	if t == nil || e.ending || e.choose(kindFault, 2) == 0 {
		return false
	}
	e.injected++
	e.note(t, loud+"fault "+name)
	return true
}

// Point is a place where tasks may switch, in code that calls nothing of braid. Outside the simulator it does nothing.
func Point(ctx context.Context, name string) {
	if e := engineOf(ctx); e != nil {
		e.Point(sched.Op{Name: "sim.Point " + name})
	}
}
