package sim

import (
	"fmt"

	"github.com/braid-go/braid"
)

// checkBalances looks at what was given to Balanced.
func (t *T) checkBalances() {
	for _, o := range t.balances {
		if text := unbalanced(o); text != "" {
			t.eng.fail(&failure{kind: failBalance, site: fmt.Sprintf("%T", o), text: text})
			return
		}
	}
}

// unbalanced says what is missing; "" if nothing is.
func unbalanced(o any) string {
	name := ""
	if n, ok := o.(interface{ Name() string }); ok {
		name = n.Name()
	}
	complain := func(kind string, held int64, what string, waiting int) string {
		if held == 0 && waiting == 0 {
			return ""
		}
		return fmt.Sprintf("%s %s: %d %s and %d waiting when all tasks have ended", kind, name, held, what, waiting)
	}
	switch o := o.(type) {
	case interface {
		Statistics() braid.SemaphoreStatistics
	}:
		s := o.Statistics()
		return complain("semaphore", s.InUse, "permits in use", s.Waiting)
	case interface {
		Statistics() braid.LimiterStatistics
	}:
		s := o.Statistics()
		return complain("limiter", int64(s.Borrowed), "tokens borrowed", s.Waiting)
	case interface{ Statistics() braid.MutexStatistics }:
		s := o.Statistics()
		return complain("mutex", one(s.Locked), "holders", s.Waiting)
	case interface {
		Statistics() braid.RWMutexStatistics
	}:
		s := o.Statistics()
		return complain("rwmutex", one(s.Writing)+int64(s.Readers), "holders", s.Waiting)
	case interface{ Statistics() braid.QueueStatistics }:
		s := o.Statistics()
		return complain("queue", int64(s.Unfinished), "items unfinished", s.Getting+s.Putting+s.Joining)
	default:
		return fmt.Sprintf("Balanced does not know objects of type %T: give it semaphores, limiters, mutexes or queues of braid", o)
	}
}

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
