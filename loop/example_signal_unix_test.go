//go:build unix

package loop_test

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/loop"
)

// A signal becomes a callback on the loop. This is how a server ends.
func ExampleLoop_OnSignal() {
	err := loop.Run(context.Background(), func(ctx context.Context, _ *braid.Group) error {
		l := loop.Current(ctx)
		l.OnSignal(func(s os.Signal) {
			fmt.Println("got", s)
			l.Stop()
		}, syscall.SIGUSR1)
		_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
		return new(braid.Event).Wait(ctx) // until the loop is stopped
	})
	fmt.Println(err)
	// Output:
	// got user defined signal 1
	// <nil>
}
