package braid_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-go/braid"
)

// A Limiter is a semaphore that knows its borrowers. The calling task is the borrower,
// so the snapshot says by name who holds the tokens, and giving back what one does not hold is found out.
func ExampleLimiter() {
	printers := braid.NewLimiter("printers", 2)
	err := braid.Run(context.Background(), func(_ context.Context, g *braid.Group) error {
		g.Go(func(ctx context.Context) error {
			if err := printers.Acquire(ctx); err != nil {
				return err
			}
			defer printers.Release(ctx)
			s := printers.Statistics()
			holder, _ := s.Borrowers[0].(*braid.Handle)
			fmt.Println(s.Borrowed, "of", s.Total, printers.Name(), "held by", holder.Path())
			return nil
		}, braid.Name("invoice"))
		return nil
	}, braid.Name("office"))
	fmt.Println(err)
	// Output:
	// 1 of 2 printers held by office/invoice
	// <nil>
}

// A borrower holds at most one token. A second Acquire could wait for the first for ever, so it is an error.
func ExampleLimiter_Acquire() {
	lim := braid.NewLimiter("db", 4)
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		if err := lim.Acquire(ctx); err != nil {
			return err
		}
		defer lim.Release(ctx)
		return lim.Acquire(ctx)
	}, braid.Name("main"))
	fmt.Println(err)
	// Output: task main: braid: task main holds or awaits a token of limiter "db" already; a borrower can hold one token at a time
}

// Any comparable value can borrow: here each customer has one request at a time, and all together two.
func ExampleLimiter_AcquireFor() {
	lim := braid.NewLimiter("requests", 2)
	ctx := context.Background()
	fmt.Println(lim.AcquireFor(ctx, "ada"), lim.AcquireFor(ctx, "bob"))
	fmt.Println(lim.TryAcquireFor("eve")) // no token is left
	lim.ReleaseFor("ada")
	fmt.Println(lim.TryAcquireFor("bob"), lim.TryAcquireFor("eve")) // bob has one already
	// Output:
	// <nil> <nil>
	// false
	// false true
}

// TryAcquire borrows for the calling task if it can do so at once.
func ExampleLimiter_TryAcquire() {
	lim := braid.NewLimiter("gpu", 1)
	err := braid.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		fmt.Println(lim.TryAcquire(ctx))
		fmt.Println(lim.TryAcquireFor("somebody else"))
		lim.Release(ctx)
		return nil
	})
	fmt.Println(err)
	// Output:
	// true
	// false
	// <nil>
}

// Without a task there is no borrower, which is an error and not a guess.
func ExampleLimiter_Acquire_noTask() {
	err := braid.NewLimiter("db", 1).Acquire(context.Background())
	fmt.Println(err)
	// Output: braid: this ctx has no task to borrow for; use AcquireFor and ReleaseFor with a borrower of your own
}

// Giving back what one has not borrowed is a mistake in the program. The text names the borrower and the limiter.
func ExampleLimiter_ReleaseFor() {
	defer func() { fmt.Println(recover()) }()
	braid.NewLimiter("db", 1).ReleaseFor("ada")
	// Output: braid: borrower ada holds no token of limiter "db": each Release must follow an Acquire of the same borrower that succeeded
}

// SetTotal changes the limit while it is in use. Nobody loses a token; fewer are lent from now on.
func ExampleLimiter_SetTotal() {
	lim := braid.NewLimiter("db", 1)
	ctx := context.Background()
	err := errors.Join(lim.AcquireFor(ctx, "a"))
	lim.SetTotal(2)
	fmt.Println(err, lim.TryAcquireFor("b"))
	lim.SetTotal(1)
	s := lim.Statistics()
	fmt.Println(s.Borrowed, "of", s.Total)
	lim.ReleaseFor("a")
	fmt.Println(lim.TryAcquireFor("c"))
	// Output:
	// <nil> true
	// 2 of 1
	// false
}
