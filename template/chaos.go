package template

import (
	"context"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/service"
)

// The faults of --chaos, for the inspector to find; docs/inspector.md walks through them. Nothing else of the service depends on them,
// but that the last of them keeps it from stopping.

// chaos returns a component with each of the faults.
func (a *app) chaos() []service.Component {
	return []service.Component{
		{Name: "leak", Run: leak},
		{Name: "deadlock", Run: deadlock},
		{Name: "deaf", Run: deaf},
	}
}

// leak starts four tasks a second that put an order where nobody takes it from any more.
func leak(ctx context.Context) error {
	return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error {
		orders := braid.NewQueue[int](10)
		orders.SetName("orders")
		g.Go(func(ctx context.Context) error { // the only one that takes orders, and not for long
			_, err := orders.Get(ctx)
			return err
		}, braid.Name("consumer"))
		n := 0
		return braid.Every(ctx, time.Second/4, func(context.Context) error {
			n++
			order := n
			g.Go(func(ctx context.Context) error { return orders.Put(ctx, order) }, braid.Name("order"))
			return nil
		})
	})
}

// deadlock makes five tasks wait for each other: through a semaphore, two queues, a mutex, and one that waits for another to end.
func deadlock(ctx context.Context) error {
	o := office{
		connections: braid.NewSemaphore(1),
		letters:     braid.NewQueue[string](1),
		receipts:    braid.NewQueue[string](1),
		ready:       braid.NewBarrier(5),
	}
	o.connections.SetName("connections")
	o.letters.SetName("letters")
	o.receipts.SetName("receipts")
	o.ledger.SetName("ledger")
	o.ready.SetName("ready")
	return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
		archivist := g.Go(o.archivist, braid.Name("archivist"))
		g.Go(o.writer, braid.Name("writer"))
		g.Go(func(ctx context.Context) error { return o.clerk(ctx, archivist) }, braid.Name("clerk"))
		g.Go(o.auditor, braid.Name("auditor"))
		g.Go(o.printer, braid.Name("printer"))
		return nil
	})
}

// office is where they work. Each takes what it needs first, and asks for more when all are ready.
type office struct {
	connections       *braid.Semaphore
	letters, receipts *braid.Queue[string]
	ledger            braid.Mutex
	ready             *braid.Barrier
}

// writer keeps the connection while it waits for room for its letters, which the clerk makes.
func (o *office) writer(ctx context.Context) error {
	if err := o.connections.Acquire(ctx, 1); err != nil {
		return err
	}
	defer o.connections.Release(1)
	if err := o.letters.Put(ctx, "first"); err != nil {
		return err
	}
	if _, err := o.ready.Wait(ctx); err != nil {
		return err
	}
	for {
		if err := o.letters.Put(ctx, "next"); err != nil {
			return err
		}
	}
}

// clerk takes no more letters until the archivist has finished.
func (o *office) clerk(ctx context.Context, archivist *braid.Handle) error {
	if _, err := o.letters.Get(ctx); err != nil {
		return err
	}
	if _, err := o.ready.Wait(ctx); err != nil {
		return err
	}
	return archivist.Wait(ctx)
}

// archivist needs the ledger, which the auditor has.
func (o *office) archivist(ctx context.Context) error {
	if _, err := o.ready.Wait(ctx); err != nil {
		return err
	}
	if err := o.ledger.Lock(ctx); err != nil {
		return err
	}
	o.ledger.Unlock()
	return nil
}

// auditor keeps the ledger until there is another receipt, which the printer makes.
func (o *office) auditor(ctx context.Context) error {
	if err := o.ledger.Lock(ctx); err != nil {
		return err
	}
	defer o.ledger.Unlock()
	if _, err := o.receipts.Get(ctx); err != nil {
		return err
	}
	if _, err := o.ready.Wait(ctx); err != nil {
		return err
	}
	_, err := o.receipts.Get(ctx)
	return err
}

// printer needs a connection for the next receipt, and the writer has it.
func (o *office) printer(ctx context.Context) error {
	if err := o.receipts.Put(ctx, "first"); err != nil {
		return err
	}
	if _, err := o.ready.Wait(ctx); err != nil {
		return err
	}
	if err := o.connections.Acquire(ctx, 1); err != nil {
		return err
	}
	defer o.connections.Release(1)
	return o.receipts.Put(ctx, "second")
}

// deaf does not listen to its ctx, so it does not end when it should.
func deaf(context.Context) error {
	<-make(chan struct{})
	return nil
}
