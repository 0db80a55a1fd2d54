package conformance

import "runtime"

func goexit() { runtime.Goexit() }
