package braid

import (
	"runtime"
	"sync"
)

// lock is a sync.Mutex for a few instructions that many tasks want at once.
//
// sync.Mutex puts a goroutine to sleep at once if others are ready to run on its processor, which is the normal state
// of a busy queue; falling asleep and being woken then costs ten times what the lock protects.
// So lock tries a few times before it sleeps. It pauses for about a microsecond in between, as the runtime's own locks do:
// meanwhile the processor that has the lock, and what it protects, in its cache uses it some twenty times.
// With pauses as short as the critical section, the lock went to and fro between the processors with each item,
// and an item took up to three times as long.
//
// A pure spin lock was rejected: a holder that is preempted would keep the others spinning for its whole absence.
type lock struct{ mu sync.Mutex }

const (
	lockTries = 4
	lockPause = 1000 // calls of pause, of about a nanosecond each
)

func (l *lock) Lock() {
	if l.mu.TryLock() {
		return
	}
	for range lockTries {
		for range lockPause {
			pause()
		}
		if l.mu.TryLock() {
			return
		}
	}
	l.mu.Lock()
}

// lockSoon is Lock for those who cannot wait for a holder that may never let go. It returns false if it has not got the lock.
func (l *lock) lockSoon() bool {
	for range 1000 { // which is long enough for others to get a processor
		if l.mu.TryLock() {
			return true
		}
		runtime.Gosched()
	}
	return false
}

func (l *lock) Unlock() { l.mu.Unlock() }

//go:noinline
func pause() {}
