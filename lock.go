package braid

import "sync"

// lock is a sync.Mutex for a few instructions that many tasks want at once.
//
// sync.Mutex puts a goroutine to sleep at once if others are ready to run on its processor, which is the normal state
// of a busy queue; falling asleep and being woken then costs ten times what the lock protects.
// So lock tries for about as long as such a critical section takes, and only then sleeps.
// A pure spin lock was rejected: a holder that is preempted would keep the others spinning for its whole absence.
type lock struct{ mu sync.Mutex }

const lockTries = 20

func (l *lock) Lock() {
	if l.mu.TryLock() {
		return
	}
	for range lockTries {
		for range 20 {
			pause()
		}
		if l.mu.TryLock() {
			return
		}
	}
	l.mu.Lock()
}

func (l *lock) Unlock() { l.mu.Unlock() }

//go:noinline
func pause() {}
