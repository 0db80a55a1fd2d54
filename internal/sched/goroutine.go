package sched

import "context"

// The goroutine scheduler parks on a channel of capacity one.
//
// A channel and not a sync.Cond or a runtime semaphore, because a receive can share a select with a foreign context,
// and because testing/synctest counts it as durably blocked.
// The channel is made by the first Park and kept with the Parker, never pooled:
// a channel that is made in one synctest bubble must not be used in another.

func parkGoroutine(p *Parker, foreign context.Context) {
	ch, ok := p.slot.(chan struct{})
	if !ok {
		ch = make(chan struct{}, 1)
	}
	if !p.Block(ch) {
		return
	}
	if foreign == nil {
		<-ch
		return
	}
	select {
	case <-ch:
	case <-foreign.Done():
		if !p.Retract() {
			<-ch // a wake is on its way; leave the channel empty for the next Park
		}
	}
}

func unparkGoroutine(p *Parker) {
	if slot, ok := p.Wake(); ok {
		slot.(chan struct{}) <- struct{}{} // never blocks: one send for each Block
	}
}
