package inspect

import (
	"context"
	"net"
	"time"
)

// Fake is what an inspector of a test looks through. Fields that are nil are left out.
type Fake struct {
	Take      func() *Snapshot
	Cancel    func(id uint64, cause error) bool
	Attend    func() (leave func())
	Outcomes  func() Counters
	Durations func() []int64
	Env       map[string]string
}

// ServeFake is Serve, looking through f.
func ServeFake(ctx context.Context, o Options, f Fake) (*Inspector, error) {
	return serve(ctx, o, hooks{
		take: f.Take, cancel: f.Cancel, attend: f.Attend, outcomes: f.Outcomes, durations: f.Durations,
		getenv: func(name string) string { return f.Env[name] },
	})
}

// DialEnv is Dial with an environment of its own.
func DialEnv(ctx context.Context, target string, env map[string]string) (*Client, error) {
	return dialWith(ctx, target, func(name string) string { return env[name] })
}

// RuntimeDir is where an environment puts the sockets.
func RuntimeDir(env map[string]string) (string, error) {
	return runtimeDir(func(name string) string { return env[name] })
}

// Names for tests.
const (
	MaxConns    = maxConns
	MaxClients  = maxClients
	MaxRequests = maxRequests
	MaxDumps    = maxDumps
	FeedEvents  = feedEvents
	ChunkTime   = chunkTime
	PingEvery   = pingEvery
)

// StartOf and PIDAlive look at another process.
var (
	StartOf  = startOf
	PIDAlive = pidAlive

	// WrongOwner says what is wrong with a directory.
	WrongOwner = wrongOwner
)

// Followers returns how many clients follow events.
func (in *Inspector) Followers() int { return in.api.looker.followers() }

// Publish tells those who follow events something.
func (in *Inspector) Publish(kind string, v any) { in.api.looker.feed.publish(kind, v) }

// Seq is that of the last event.
func (in *Inspector) Seq() uint64 { return in.api.looker.feed.seq() }

// Pause is how long the inspector waits between two looks.
func (in *Inspector) Pause() time.Duration { return in.api.looker.pause() }

// Holding says whether the inspector keeps a snapshot.
func (in *Inspector) Holding() bool {
	l := in.api.looker
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest != nil
}

// Look waits for n more looks.
func (in *Inspector) Look(ctx context.Context, n int) error {
	f := in.api.looker.feed
	at := f.seq()
	for {
		b := f.after(at, eventsBatch)
		for _, e := range b.events {
			if e.Type == "point" {
				n--
			}
		}
		if at = b.next; n <= 0 {
			return nil
		}
		if len(b.events) > 0 {
			continue
		}
		select {
		case <-b.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ServeOn serves on ln too.
func (in *Inspector) ServeOn(ln net.Listener) { in.serve(context.Background(), ln, in.api.handler()) }

// Orders is how many lock orders m remembers.
func Orders(m *Monitor) int { return len(m.orders.orders) }
