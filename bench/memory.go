package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
)

// usage is the memory of this process.
type usage struct {
	Go  uint64 // heap and stacks in use, by the runtime's own count
	RSS uint64 // resident, by the system's; 0 where it does not tell
}

// memory looks as it is, garbage included.
func memory() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{Go: m.HeapInuse + m.StackInuse, RSS: resident()}
}

// liveMemory collects the garbage first and gives free memory back to the system.
func liveMemory() usage {
	runtime.GC() // a second one, below, sweeps what finalisers of the first let go
	debug.FreeOSMemory()
	return memory()
}

// resident returns the resident set size, from a file that only Linux has.
func resident() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
