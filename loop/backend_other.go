//go:build !linux

package loop

// backend returns what opens the loop's sockets.
func (l *Loop) backend() backend { return portable{l} }
