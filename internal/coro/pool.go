package coro

// maxIdle bounds how many coroutines a pool keeps: more than that wait only after a burst.
const maxIdle = 1024

// Pool keeps coroutines for reuse, since making one costs five times a switch. The zero value is empty.
// It is used by one goroutine at a time, or from coroutines that take turns.
type Pool struct {
	free *Coroutine
	idle int
}

// Get returns a coroutine that runs j at its next Resume.
func (p *Pool) Get(j Job) *Coroutine {
	c := p.free
	if c == nil {
		c = newCoroutine()
	} else {
		p.free, c.free = c.free, nil
		p.idle--
	}
	c.start(j)
	return c
}

// Put takes back a coroutine whose job has ended.
func (p *Pool) Put(c *Coroutine) {
	switch {
	case c.exited: // it is gone
	case p.idle >= maxIdle:
		c.stop()
	default:
		c.free = p.free
		p.free = c
		p.idle++
	}
}

// Close ends all coroutines in the pool. It does not know those that have not been put back.
func (p *Pool) Close() {
	for c := p.free; c != nil; c = c.free {
		c.stop()
	}
	p.free, p.idle = nil, 0
}
