package sim

import "time"

// Defaults of what bounds a schedule and a search.
const (
	defaultMaxSteps = 100_000
	defaultAdvances = 16
	guardLimit      = 10 * time.Second
)
