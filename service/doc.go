// Package service is a program's life: components that are started in order, run, are restarted, and are stopped in reverse order,
// each within its time, and a word on who is in the way if that does not go as planned.
//
//	svc := service.New(service.Config{Name: "shop"})
//	svc.Add(
//		service.Component{Name: "db", Start: db.Open, Stop: db.Close, Ready: db.Ping},
//		service.HTTP(service.HTTPConfig{Addr: ":8080", Handler: routes(db)}),
//		service.Periodic(service.PeriodicConfig{Name: "cleanup", Every: time.Hour, Do: db.Cleanup, KeepGoing: true}),
//	)
//	os.Exit(svc.Main(context.Background()))
//
// # Lifetime
//
// Everything that runs is a task of [Service.Run], below the task that called it, named after its component: "shop/db", "shop/db/start".
// Nothing outlives Run but what ignores the end of its ctx, after its time to stop and a last moment; the error lists it.
//
// A component's life is Start, Run, Stop. Stop is called after each Start that has succeeded, whatever became of Run, and not before Run has returned:
// what a task uses is not pulled away from it. If a start fails, what was started before is stopped in reverse order.
//
// # Cancellation
//
// The end of Run's ctx is the order to stop. No component sees it: the last one is told to stop first, by the end of its own ctx, and the next one when it has.
// A Run that has work in hand finishes it in a [Shield], which ends with the component's time.
// The ctx of a Stop has not been cancelled, and its time is its own.
//
// # Errors
//
// [Service.Run] returns nil after a stop that went as it should, or an [*Error] with all that went wrong: a [*ComponentError] names the component and
// the phase, and holds the tasks' paths, their ages and what they wait on if it is about time that ran out.
//
// # Panics
//
// A panic in a component's function is a failure of the component, with its stack: in the error, in the log, and in the line that tells of the restart.
// runtime.Goexit is a failure too. Neither keeps another component from being stopped.
//
// A panic in what is no component, a slog.Handler or Config.Rand, is one of Run, after what was started has been released as in an abort.
//
// # Time
//
// Time passes on the clock of the scheduler that Run's ctx runs on: goroutines, a bubble of testing/synctest, the event loop, the simulator.
// [HTTP] and signals are of the operating system, and not for the simulator.
//
// # What it does not do
//
// It does not build the components nor find out their order: they start in the order in which they were added, one after another, never at the same time.
// Components cannot be added or removed while the service runs; a tree of services is made with [Service.Component].
package service
