package template

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/braid-go/braid"
)

// errSecondSignal is the cause of the ctx that [signals] returns.
var errSecondSignal = errors.New("a second signal came before the end")

// signals turns the signals that ask a program to end into what [Serve] takes:
// the first sets stop, the second ends ctx. The caller must call release, after
// which the signals do again what they do by default.
//
// Windows has Ctrl-C, which arrives as os.Interrupt, and nothing like SIGTERM.
func signals(parent context.Context) (ctx context.Context, stop *braid.Event, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	stop = new(braid.Event)
	arrived := make(chan os.Signal, 2) // package signal drops what finds no room
	signal.Notify(arrived, os.Interrupt, syscall.SIGTERM)
	go func() {
		for _, act := range []func(){stop.Set, func() { cancel(errSecondSignal) }} {
			select {
			case <-arrived:
				act()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, stop, func() {
		signal.Stop(arrived)
		cancel(nil)
	}
}
