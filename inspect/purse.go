package inspect

import (
	"context"
	"sync"
	"time"
)

// purse is the time that something for clients may take: a share of all time, and some of it saved, so that the first questions are answered at once.
type purse struct {
	share int // one in so many

	mu    sync.Mutex
	spent time.Duration // more than has come in since; negative if it is less
	at    time.Time
}

const saved = time.Second

// wait waits until there is something in the purse. It returns the cause of ctx if that ends first.
func (p *purse) wait(ctx context.Context) error {
	wait := p.debt(time.Now())
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// debt returns how long it takes until there is something in the purse.
func (p *purse) debt(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		p.spent = -saved
	} else {
		p.spent = max(-saved, p.spent-now.Sub(p.at)/time.Duration(p.share))
	}
	p.at = now
	return max(0, p.spent*time.Duration(p.share))
}

func (p *purse) spend(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent += d
}
