//go:build race

package braid

// raceEnabled: with the race detector every task gets a goroutine of its own.
// Tasks that share one would be ordered by it, and a race between them would stay hidden.
const raceEnabled = true
