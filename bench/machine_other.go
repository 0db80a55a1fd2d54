//go:build !unix

package main

import "time"

// clock says what cpuTime counts.
const clock = "wall time, for want of the process's own"

// descriptors stands in for a limit that other systems do not have.
func descriptors() int { return 1 << 30 }

var start = time.Now()

// cpuTime stands in for the processor time that this process has used.
func cpuTime() time.Duration { return time.Since(start) }
