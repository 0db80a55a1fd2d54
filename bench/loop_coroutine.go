package main

import "iter"

// bareCoroutines makes n coroutines of iter.Pull and ends them, a crowd at a time: what a task costs that has no coroutine to use again.
func bareCoroutines(n int) {
	for range n / crowd {
		stops := make([]func(), 0, crowd)
		for range crowd {
			next, stop := iter.Pull(func(yield func(int) bool) { yield(1) })
			next()
			stops = append(stops, stop)
		}
		for _, stop := range stops {
			stop()
		}
	}
}
