package sim

import "fmt"

// check is something that must hold after each step, or at some step.
type check struct {
	name      string
	invariant func() error // nil for an Eventually
	ever      func() bool
	cameTrue  bool
}

// check looks at all invariants. A task may be running, and stands at the beginning of an operation.
func (e *engine) check() {
	e.call(func() {
		for i := range e.checks {
			c := &e.checks[i]
			if c.invariant == nil {
				c.cameTrue = c.cameTrue || c.ever()
				continue
			}
			if err := c.invariant(); err != nil {
				e.fail(&failure{kind: failInvariant, site: c.name, text: fmt.Sprintf("%s: %v", c.name, err)})
				return
			}
		}
	})
}

// checkEnd looks once more when all tasks have ended.
func (e *engine) checkEnd() {
	if len(e.checks) == 0 || e.ending {
		return
	}
	e.check()
	for _, c := range e.checks {
		if c.invariant == nil && !c.cameTrue {
			e.fail(&failure{kind: failEventually, site: c.name, text: c.name})
		}
	}
}
