package service

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
)

// SignalError is the cause with which a service stops, or is aborted, because of a signal.
type SignalError struct{ Signal os.Signal }

// Error names the signal.
func (e *SignalError) Error() string { return fmt.Sprintf("service: signal: %v", e.Signal) }

// listen makes the first signal stop the Run under way, and the second one abort it, until the function that it returns is called.
// A third one does what signals do by default: it ends the process.
// The goroutine is no task, because it waits for package signal; it has ended when that function returns.
func (s *Service) listen(signals []os.Signal) (release func()) {
	if len(signals) == 0 {
		return func() {}
	}
	arrived := make(chan os.Signal, 2) // package signal drops what finds no room
	over := make(chan struct{})
	signal.Notify(arrived, signals...)
	var listening sync.WaitGroup
	listening.Go(func() {
		for _, act := range []func(error){s.Stop, s.Abort} {
			select {
			case sig := <-arrived:
				act(&SignalError{sig})
			case <-over:
				return
			}
		}
		signal.Stop(arrived) // a third one does what it does by default
	})
	return func() {
		signal.Stop(arrived)
		close(over)
		listening.Wait()
	}
}
