package sim

import "time"

// pick chooses who runs next when the task that ran cannot go on. It returns nil when all have ended.
func (e *engine) pick() *task {
	for {
		e.poll()
		if len(e.checks) > 0 && !e.ending {
			e.check()
		}
		e.mu.Lock()
		c := &e.cands
		*c = candidates{clock: len(e.timers.heap) > 0}
		c.list, e.listBuf = e.ready.eligible(e.listBuf)
		live := e.live
		e.mu.Unlock()
		if len(c.list) == 0 {
			if live == 0 {
				return nil
			}
			e.idle(c.clock)
			continue
		}
		c.clock = c.clock && e.advances < e.maxAdvances && !e.ending
		t := c.at(e.decide(kindNext, c))
		if t == nil {
			e.advances++
			e.advance()
			continue
		}
		e.take(t)
		return t
	}
}

// idle is called when nobody can run.
func (e *engine) idle(timers bool) {
	if e.foreign || e.outside.Load() > 0 {
		if e.settle(e.grace) {
			return
		}
		e.poll()
	}
	switch {
	case e.someReady():
	case e.returned && !e.ending && !e.allowLeft:
		e.failLeft()
	case e.returned && !e.ending && !e.lenient:
		e.over() // what is left is ended
	case timers:
		e.advance()
	case e.await():
	case e.ending:
		e.poison()
	default:
		e.failDeadlock()
	}
	if e.ending && !e.cancelled {
		e.cancelled = true
		e.endRoot(errOver)
	}
}

// settle waits until something outside has woken a task, if there is anything outside, and reports whether it has.
func (e *engine) settle(limit time.Duration) bool {
	if !e.foreign && e.outside.Load() == 0 {
		return false
	}
	e.waiting.Store(true)
	defer e.waiting.Store(false)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-e.wakeup:
		return true
	case <-timer.C:
		return false
	}
}

// await is settle for as long as something outside may take.
func (e *engine) await() bool {
	for range 100 {
		if !e.foreign && e.outside.Load() == 0 {
			return false
		}
		if e.settle(e.patience / 100) {
			return true
		}
		e.poll()
		if e.someReady() {
			return true
		}
	}
	e.patience = min(e.patience, patienceLater)
	return false
}

// patienceLater is the patience of an engine that has lost it once: a call outside that never returns
// is waited for again when the schedule is ended, and when it is run again.
const patienceLater = guardLimit / 20

func (e *engine) someReady() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready.len() > 0
}

// poke says that something outside has changed.
func (e *engine) poke() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

func (e *engine) take(t *task) {
	e.mu.Lock()
	e.ready.remove(t)
	e.mu.Unlock()
}

// decide chooses one of c.
func (e *engine) decide(k kind, c *candidates) int {
	n := c.len()
	if e.red != nil && !e.ending {
		i := e.decideReduced(c)
		if n > 1 && !e.ending {
			e.tape = append(e.tape, choice{value: uint32(i), n: uint32(n), kind: k, clock: c.clock})
		}
		return i
	}
	if n < 2 || e.ending {
		return 0
	}
	i := e.src.task(c)
	e.tape = append(e.tape, choice{value: uint32(i), n: uint32(n), kind: k, clock: c.clock})
	return i
}

// choose chooses one of n.
func (e *engine) choose(k kind, n int) int {
	if n < 2 || e.ending {
		return 0
	}
	var i int
	e.seeds = e.seeds || isSeed(k, n)
	if e.red != nil {
		if !isSeed(k, n) {
			i = e.red.choose(n)
		}
	} else {
		i = e.src.other(k, n)
	}
	e.tape = append(e.tape, choice{value: uint32(i), n: uint32(n), kind: k})
	return i
}
