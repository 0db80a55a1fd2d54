package resilience

import (
	"fmt"
	"math"
	"sync/atomic"
)

// What a [Budget] means by 0.
const (
	DefaultBudgetRatio = 0.1
	DefaultBudgetBurst = 10
)

// Budget bounds what retries and hedges add to the load of a dependency, over all callers that share it.
// Each call pays Ratio of a token in, each retry or hedge takes a whole one out; at most Burst are kept.
// So in the long run at most that part of the calls is made twice, however many policies and layers share the budget.
// It has no clock. The zero value is full and has the defaults. A Budget must not be copied after first use.
type Budget struct {
	Ratio float64 // 0 means DefaultBudgetRatio
	Burst int     // 0 means DefaultBudgetBurst

	spent atomic.Int64 // millitokens; so that the zero value is full
}

const token = 1000

func (b *Budget) check() string {
	switch {
	case math.IsNaN(b.Ratio) || b.Ratio < 0 || b.Ratio > 100:
		return fmt.Sprintf("Budget.Ratio is %v: it must be from 0.001 to 100, or 0 for the default", b.Ratio)
	case b.Burst < 0 || b.Burst > 1<<30:
		return fmt.Sprintf("Budget.Burst is %d: it must be positive, or 0 for the default", b.Burst)
	}
	return ""
}

// deposit notes a call. b may be nil.
func (b *Budget) deposit() {
	if b == nil {
		return
	}
	paid := int64(math.Ceil(or(b.Ratio, DefaultBudgetRatio) * token))
	for {
		spent := b.spent.Load()
		if spent == 0 || b.spent.CompareAndSwap(spent, max(spent-paid, 0)) {
			return
		}
	}
}

// take takes a token out and reports whether there was one. b may be nil: then there always is.
func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	for {
		spent := b.spent.Load()
		if spent+token > int64(or(b.Burst, DefaultBudgetBurst))*token {
			return false
		}
		if b.spent.CompareAndSwap(spent, spent+token) {
			return true
		}
	}
}

// Left returns how many retries or hedges the budget would allow now.
func (b *Budget) Left() int {
	return int((int64(or(b.Burst, DefaultBudgetBurst))*token - b.spent.Load()) / token)
}
