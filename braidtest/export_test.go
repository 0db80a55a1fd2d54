package braidtest

import (
	"strings"
	"testing"
	"time"
)

// CheckLeaksFor is CheckLeaks with a limit of its own.
func CheckLeaksFor(t testing.TB, limit time.Duration) { checkLeaks(t, limit) }

// OwnLabels returns the labels of the calling goroutine.
func OwnLabels() map[string]string {
	m := make(map[string]string)
	for labels := ownLabels(); len(labels) > 0; labels = labels[2:] {
		m[labels[0]] = labels[1]
	}
	return m
}

// Left returns how many goroutines the checks of t would find now, the caller included.
func Left(t testing.TB) int {
	total := 0
	for _, r := range goroutines() {
		if strings.HasPrefix(r.label(labelKey), t.Name()+"#") {
			total += r.count
		}
	}
	return total
}
