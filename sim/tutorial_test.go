package sim_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/sim"
)

// The programs of docs/sim.md.

// account is one account of a bank.
type account struct {
	id      int
	mu      braid.Mutex
	balance int
}

func newAccount(id, balance int) *account {
	a := &account{id: id, balance: balance}
	a.mu.SetName(fmt.Sprintf("account-%d", id))
	return a
}

// bank moves money. journal is called in the middle of each transfer, and may wait.
type bank struct {
	accounts []*account
	ordered  bool // lock the account with the lower number first
	undo     bool // give the money back if the transfer cannot be completed
}

func (b *bank) total() int {
	sum := 0
	for _, a := range b.accounts {
		sum += a.balance
	}
	return sum
}

func (b *bank) transfer(ctx context.Context, from, to *account, amount int) error {
	first, second := from, to
	if b.ordered && to.id < from.id {
		first, second = to, from
	}
	if err := first.mu.Lock(ctx); err != nil {
		return err
	}
	defer first.mu.Unlock()
	if err := second.mu.Lock(ctx); err != nil {
		return err
	}
	defer second.mu.Unlock()

	if from.balance < amount {
		return nil // refused
	}
	from.balance -= amount
	if err := writeJournal(ctx); err != nil {
		if b.undo {
			from.balance += amount
		}
		return err
	}
	to.balance += amount
	return nil
}

// writeJournal stands for a write that takes a while.
func writeJournal(ctx context.Context) error { return braid.Yield(ctx) }

// transfers lets two customers send each other money, and says what must be true afterwards.
func transfers(b bank) func(*sim.T) {
	return func(s *sim.T) {
		b := b // each schedule starts from nothing
		b.accounts = []*account{newAccount(0, 100), newAccount(1, 100)}
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { return b.transfer(ctx, b.accounts[0], b.accounts[1], 30) }, braid.Name("alice"))
			g.Go(func(ctx context.Context) error { return b.transfer(ctx, b.accounts[1], b.accounts[0], 50) }, braid.Name("bob"))
			return nil
		})
		if err != nil && !errors.Is(err, sim.ErrInjected) {
			s.Errorf("the transfers failed: %v", err)
		}
		if b.total() != 200 {
			s.Errorf("the bank holds %d of 200", b.total())
		}
	}
}

func TestTutorialBank(t *testing.T) {
	fails(t, transfers(bank{}), nil, "deadlock", "mutex.Lock account-0", "mutex.Lock account-1")
	passes(t, transfers(bank{ordered: true}), sim.Exhaustive)
	fails(t, transfers(bank{ordered: true}), []sim.Option{sim.Sweep()}, "the bank holds 170 of 200", "cancelled by the simulator")
	passes(t, transfers(bank{ordered: true, undo: true}), sim.Sweep(), sim.Cancels())
}

// cache keeps what has been loaded from a database until it is invalidated.
type cache struct {
	db     *sim.Var[string]
	mu     braid.Mutex
	value  string
	full   bool
	writes int
	safe   bool // do not keep what was loaded before the last write
}

func (c *cache) get(ctx context.Context) (string, error) {
	if err := c.mu.Lock(ctx); err != nil {
		return "", err
	}
	value, full, writes := c.value, c.full, c.writes
	c.mu.Unlock()
	if full {
		return value, nil
	}
	value = c.db.Load(ctx) // takes a while, so not under the lock
	if err := c.mu.Lock(ctx); err != nil {
		return "", err
	}
	defer c.mu.Unlock()
	if !c.safe || writes == c.writes {
		c.value, c.full = value, true
	}
	return value, nil
}

func (c *cache) set(ctx context.Context, value string) error {
	c.db.Store(ctx, value)
	if err := c.mu.Lock(ctx); err != nil {
		return err
	}
	defer c.mu.Unlock()
	c.full = false
	c.writes++
	return nil
}

func caching(safe bool) func(*sim.T) {
	return func(s *sim.T) {
		c := &cache{db: sim.NewVar("db", "old"), safe: safe}
		c.mu.SetName("cache")
		err := braid.Run(s.Context(), func(_ context.Context, g *braid.Group) error {
			g.Go(func(ctx context.Context) error { _, err := c.get(ctx); return err }, braid.Name("reader"))
			g.Go(func(ctx context.Context) error { return c.set(ctx, "new") }, braid.Name("writer"))
			return nil
		})
		if err != nil {
			s.Errorf("%v", err)
		}
		if c.full && c.value != c.db.Peek() {
			s.Errorf("the cache says %q for ever, and the database %q", c.value, c.db.Peek())
		}
	}
}

func TestTutorialCache(t *testing.T) {
	fails(t, caching(false), nil, `the cache says "old" for ever`)
	passes(t, caching(true), sim.Exhaustive)
}
