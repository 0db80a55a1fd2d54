package inspect

import (
	"encoding/json"
)

// Vars returns the numbers of the last look, for programs that publish theirs with package expvar:
//
//	expvar.Publish("braid", in.Vars())
//
// Package inspect does not import expvar, which would add a handler to http.DefaultServeMux.
func (in *Inspector) Vars() Vars { return Vars{in} }

// Vars are the numbers of the last look of an [Inspector]. They are an expvar.Var.
type Vars struct{ in *Inspector }

// String returns the numbers as a JSON object: those of a [Point], and those of [Counters] below "counters". It does not look itself, and does not wait.
func (v Vars) String() string {
	var now struct {
		Point

		Counters Counters `json:"counters"`
	}
	if l := v.in.api.looker; l != nil {
		l.mu.Lock()
		now.Point, now.Counters = l.point, l.counters
		l.mu.Unlock()
	}
	text, err := json.Marshal(now)
	if err != nil {
		return "{}"
	}
	return string(text)
}
