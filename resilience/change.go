package resilience

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Change is a breaker's step from one state to another.
type Change struct {
	Breaker  string // the name from the config
	From, To BreakerState
	Reason   string        // for people, such as "12 of 20 calls failed"
	OpenFor  time.Duration // how long it stays open; 0 for other states
}

// changes hands changes to the user's function: in their order, one at a time, with no lock of the breaker held,
// so that the function may use the breaker. What is added while one call is under way is delivered by whoever makes that call.
type changes struct {
	tell func(Change)

	mu      sync.Mutex
	queue   []Change
	telling bool
}

// add queues a change. The breaker's lock is held, which gives the order.
func (c *changes) add(ch Change) {
	if c.tell == nil {
		return
	}
	c.mu.Lock()
	c.queue = append(c.queue, ch)
	c.mu.Unlock()
}

// deliver tells what is queued, unless somebody does so already. No lock is held.
func (c *changes) deliver() {
	if c.tell == nil {
		return
	}
	c.mu.Lock()
	if c.telling {
		c.mu.Unlock()
		return
	}
	c.telling = true
	defer func() { // also if the user's function ends the goroutine: the next change will be told all the same
		c.telling = false
		c.mu.Unlock()
	}()
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()
		c.tellOne(next)
	}
}

// tellOne returns with mu held, whatever tell does.
func (c *changes) tellOne(ch Change) {
	defer c.mu.Lock()
	defer func() {
		if v := recover(); v != nil { // it must not fail the call that happened to bring the news
			slog.Error("resilience: OnChange panicked", "breaker", ch.Breaker, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	c.tell(ch)
}
