package sched

import "context"

// How goroutines park.
//
// A call that waits for its Unpark alone waits on a sync.WaitGroup of count one, which lives in the Parker:
// it needs no allocation, where a channel would add a hundred bytes to every waiting task.
// A call that also waits for a foreign context needs a select, and so a channel; it is made by the first such call.
// testing/synctest counts both as durably blocked. Neither is pooled: what is made in one synctest bubble
// must not be used in another.

func parkGoroutine(p *Parker, foreign context.Context) {
	if p.state.Load() == permit {
		p.state.Store(idle)
		return
	}
	if foreign != nil {
		parkOnSelect(p, foreign)
		return
	}
	p.gate.Add(1)
	if !p.block(parked) {
		p.gate.Done()
		return
	}
	p.gate.Wait()
}

func parkOnSelect(p *Parker, foreign context.Context) {
	m := p.more.Load()
	if m == nil {
		m = &more{ch: make(chan struct{}, 1)}
		p.more.Store(m)
	}
	if !p.block(parkedOnSelect) {
		return
	}
	select {
	case <-m.ch:
	case <-foreign.Done():
		if !p.state.CompareAndSwap(parkedOnSelect, idle) {
			<-m.ch // a wake is on its way; leave the channel empty for the next Park
		}
	}
}

func unparkGoroutine(p *Parker) {
	switch p.wake() {
	case parked:
		p.gate.Done()
	case parkedOnSelect:
		p.more.Load().ch <- struct{}{} // never blocks: one send for each time the state says so
	}
}
