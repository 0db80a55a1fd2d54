package loop

import (
	"os"
	"os/signal"
	"sync"
)

// OnSignal calls fn on the loop whenever the process receives one of the signals, as a callback, until stop is called
// or the loop ends. As with signal.Notify, that takes the signals' default effect away.
// It may be called from any goroutine, and so may stop, more than once.
func (l *Loop) OnSignal(fn func(os.Signal), signals ...os.Signal) (stop func()) {
	if fn == nil {
		panic("loop: OnSignal needs a function; the one given is nil")
	}
	ch := make(chan os.Signal, 16)
	done := make(chan struct{})
	signal.Notify(ch, signals...)
	var goroutine sync.WaitGroup
	goroutine.Go(func() {
		for {
			select {
			case s := <-ch:
				l.CallSoonThreadsafe(func() {
					select {
					case <-done: // stopped meanwhile
					default:
						fn(s)
					}
				})
			case <-done:
				return
			}
		}
	})
	var once sync.Once
	end := func() {
		once.Do(func() {
			signal.Stop(ch)
			close(done)
			goroutine.Wait()
		})
	}
	forget := l.atEnd(end)
	return func() {
		end()
		forget()
	}
}
