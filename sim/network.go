package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/braid-go/braid"
)

// NetConfig says what may go wrong in a [Network]. Everything that is enabled is drawn from the tape:
// the canonical schedule has none of it, random schedules have some, and [Sweep] tries each once.
// The zero value is a network without latency on which nothing goes wrong.
type NetConfig struct {
	Latency    time.Duration // from one host to another, on the virtual clock
	Jitter     time.Duration // a segment or packet may take this much longer; packets overtake each other then, as do those that arrive in the same moment
	Window     int           // bytes on their way in one direction before a write waits; 0 means 64 KiB
	ShortReads bool          // a read may return less than there is
	Resets     bool          // a connection may be reset at a read or write, and a dial be refused
	Loss       bool          // a packet may be lost, or come twice
	Partitions time.Duration // hosts may be cut off from each other for this long; 0 for never
}

// Network is a simulated network of named hosts, on the virtual clock. Make one with [NewNetwork], for one schedule.
//
// Its connections, listeners and packet connections are those of package net, so bufio, crypto/tls and http.ReadRequest work on them.
// They are for tasks of the schedule. A call obeys the ctx of the task that makes it: if the task is cancelled, it returns
// the cause in a *net.OpError. It does not know of a [braid.Timeout] inside the task; use a deadline, of the clock of [braid.Time].
// Closing and what is said about the network may be called by callbacks, too.
type Network struct {
	NetConfig

	eng       *engine
	listeners map[string]*listener
	packets   map[string]*packetConn
	cut       map[[2]string]bool
	held      []heldDelivery
	port      int
}

// heldDelivery is on its way between hosts that are cut off from each other.
type heldDelivery struct {
	pair    [2]string
	deliver func()
}

// NewNetwork returns a network for the schedule of s.
func NewNetwork(s *T, c NetConfig) *Network {
	if c.Window == 0 {
		c.Window = 64 << 10
	}
	return &Network{
		NetConfig: c, eng: s.eng, port: 49152,
		listeners: make(map[string]*listener), packets: make(map[string]*packetConn), cut: make(map[[2]string]bool),
	}
}

// Addr is the address of a simulated socket: a host and a port.
type Addr string

// Network returns "sim".
func (Addr) Network() string { return "sim" }

func (a Addr) String() string { return string(a) }

// host is the part before the port.
func (a Addr) host() string {
	h, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return string(a)
	}
	return h
}

// Partition cuts two hosts off from each other: what is sent waits, or is lost if it is a packet, until [Network.Heal].
func (n *Network) Partition(a, b string) { n.cut[pairOf(a, b)] = true }

// Heal connects two hosts again. What has waited is delivered.
func (n *Network) Heal(a, b string) {
	pair := pairOf(a, b)
	delete(n.cut, pair)
	held := n.held
	n.held = nil
	for _, h := range held {
		if h.pair == pair {
			h.deliver()
		} else {
			n.held = append(n.held, h)
		}
	}
}

func pairOf(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// goesWrong draws whether something happens that is enabled.
func (n *Network) goesWrong(enabled bool, what string) bool {
	if !enabled || n.eng.choose(kindNet, 2) == 0 {
		return false
	}
	n.eng.injected++
	n.eng.note(n.eng.cur.Load(), loud+"network: "+what)
	return true
}

// delay draws how long something takes on its way.
func (n *Network) delay() time.Duration {
	if n.Jitter > 0 && n.eng.choose(kindNet, 2) == 1 {
		return n.Latency + n.Jitter
	}
	return n.Latency
}

// cutOff draws whether a partition begins between two hosts. It heals by itself.
func (n *Network) cutOff(a, b string) bool {
	pair := pairOf(a, b)
	if n.Partitions > 0 && a != b && !n.cut[pair] && n.goesWrong(true, "partition of "+a+" and "+b) {
		n.Partition(a, b)
		n.eng.After(n.Partitions, func() { n.Heal(a, b) })
	}
	return n.cut[pair]
}

// later calls deliver after d, and when the hosts are connected. At once if there is nothing to wait for.
func (n *Network) later(a, b string, d time.Duration, deliver func()) {
	arrive := func() {
		if pair := pairOf(a, b); n.cut[pair] {
			n.held = append(n.held, heldDelivery{pair, deliver})
			return
		}
		deliver()
	}
	if d <= 0 {
		arrive()
		return
	}
	n.eng.After(d, arrive)
}

// ephemeral returns an address of host that is not in use.
func (n *Network) ephemeral(host string) Addr {
	n.port++
	return Addr(net.JoinHostPort(host, strconv.Itoa(n.port)))
}

// task returns the ctx of the task that calls.
func (n *Network) task(op string) (context.Context, error) {
	t := n.eng.cur.Load()
	if t == nil {
		return nil, fmt.Errorf("sim: %s where no task of the schedule runs", op)
	}
	Point(n.eng.ctx, op)
	return t.context(), nil
}

// opError wraps an error as package net does. What is nil, io.EOF or wrapped already stays as it is.
func opError(op string, from, to net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "sim", Source: from, Addr: to, Err: err}
}

var (
	errRefused = syscall.ECONNREFUSED
	errReset   = syscall.ECONNRESET
	errPipe    = syscall.EPIPE
	errInUse   = errors.New("address already in use")
)

// signal wakes all who wait for a change. Each change has an event of its own:
// with one that is cleared again, a waiter's Clear would hide a change from another that has not come to its Wait yet.
type signal struct{ event *braid.Event }

func (s *signal) set() {
	if e := s.event; e != nil {
		s.event = nil
		e.Set()
	}
}

// wait waits until ready returns true.
func (s *signal) wait(ctx context.Context, ready func() bool) error {
	for {
		if s.event == nil {
			s.event = &braid.Event{}
		}
		e := s.event
		if ready() {
			return nil
		}
		if err := e.Wait(ctx); err != nil {
			return err
		}
	}
}
