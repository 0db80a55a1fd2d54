package work

// counters are kept under mu.
type counters struct {
	Enqueued, Duplicates, Forgotten      uint64
	Done, Retried, Released, Expired     uint64
	Buried, Dropped, Replayed, Discarded uint64
	Returned                             uint64
}

// MemoryStatistics is a snapshot of a [Memory].
//
// Nothing vanishes: Enqueued + Replayed is always Done + Buried + Returned + Ready + Blocked + Delayed + InHand,
// and Buried is Dead + Dropped + Replayed + Discarded.
type MemoryStatistics struct {
	Capacity  int
	Ready     int // that a Receive would be given
	Blocked   int // that wait for others of their key
	Delayed   int // whose time has not come, retries included
	InHand    int
	Dead      int
	Enqueuing int // parked Enqueues and Replays
	Receiving int // parked Receives

	Enqueued   uint64 // jobs taken
	Duplicates uint64 // jobs not taken, because of Unique
	Forgotten  uint64 // Unique ids forgotten before their time, because of WindowMax
	Done       uint64 // settled with Ack
	Retried    uint64 // settled with Retry
	Released   uint64 // settled with Release
	Expired    uint64 // leases that ran out
	Buried     uint64 // settled with Bury
	Dropped    uint64 // dead letters dropped because of DeadMax
	Replayed   uint64
	Discarded  uint64
	Returned   uint64 // by Close
}

// Statistics returns a snapshot. Jobs whose time has come are counted as Delayed or InHand until somebody looks for them.
func (m *Memory[T]) Statistics() MemoryStatistics {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.count
	return MemoryStatistics{
		Capacity: m.config.Capacity, Ready: m.nready, Blocked: m.blocked, Delayed: m.delayed.len(), InHand: m.leased.len(),
		Dead: len(m.dead.byID), Enqueuing: m.entering.len, Receiving: m.receiving.len,
		Enqueued: c.Enqueued, Duplicates: c.Duplicates, Forgotten: c.Forgotten,
		Done: c.Done, Retried: c.Retried, Released: c.Released, Expired: c.Expired,
		Buried: c.Buried, Dropped: c.Dropped, Replayed: c.Replayed, Discarded: c.Discarded, Returned: c.Returned,
	}
}
