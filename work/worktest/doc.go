// Package worktest says, as tests, what an engine of package work promises.
//
// An engine's own test hands [Test] a [Suite]: how to make an engine, and how to run a case. It needs package testing,
// so it belongs into tests only.
package worktest
