// Package braidtest helps tests of programs that use braid, and of others that start goroutines.
//
// It needs the standard library alone, and nothing of package braid.
package braidtest
