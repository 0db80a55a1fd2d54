//go:build !linux

package inspect

import "net"

// checkPeer lets everybody in: the standard library does not say here who is on the other side. The directory's mode keeps others out.
func checkPeer(*net.UnixConn) error { return nil }

// startOf returns "": the standard library does not say here when a process was started.
func startOf(int) string { return "" }

// zombie says no: the standard library does not say here whether a process has ended that its parent has not asked about.
func zombie(int) bool { return false }
