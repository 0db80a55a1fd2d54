package work_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/braidtest"
	"github.com/braid-go/braid/work"
)

var errDown = errors.New("down")

func nothing(context.Context, *work.Job[int]) error { return nil }

func fail(context.Context, *work.Job[int]) error { return errDown }

// never ends before its ctx does.
func never(ctx context.Context, _ *work.Job[int]) error { return new(braid.Event).Wait(ctx) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("error: %v", err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// wantPanic checks that f panics with a text that has part in it.
func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if text, _ := recover().(string); !strings.Contains(text, part) {
			t.Errorf("panicked with %q, want %q", text, part)
		}
	}()
	f()
}

// inBubble runs body in virtual time and checks that nothing is left.
func inBubble(t *testing.T, body func(t *testing.T, ctx context.Context, g *braid.Group)) {
	t.Helper()
	braidtest.CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		must(t, braid.Run(t.Context(), func(ctx context.Context, g *braid.Group) error {
			body(t, ctx, g)
			return nil
		}))
	})
}

func memory(capacity int) *work.Memory[int] {
	return work.NewMemory(work.MemoryConfig[int]{Name: "jobs", Capacity: capacity})
}

// quiet is a config of one worker whose waits are as long as they can be, and which logs nothing.
func quiet() work.Config[int] {
	return work.Config[int]{
		Name: "jobs", Workers: 1, Base: time.Second, Max: time.Minute, Rand: func() float64 { return 1 },
		OnDead: func(work.DeadLetter[int]) {}, OnError: func(error) {},
	}
}

// run starts a Run of q and returns its task.
func run(g *braid.Group, q *work.Queue[int], handle func(context.Context, *work.Job[int]) error) *braid.Handle {
	return g.Go(func(ctx context.Context) error { return q.Run(ctx, handle) })
}

func enqueue(t testing.TB, ctx context.Context, q *work.Queue[int], n int, opts ...work.Option) {
	t.Helper()
	for i := range n {
		_, err := q.Enqueue(ctx, i, opts...)
		must(t, err)
	}
}

// accounted checks that nothing has vanished.
func accounted(t testing.TB, s work.MemoryStatistics) {
	t.Helper()
	if in, out := s.Enqueued+s.Replayed, s.Done+s.Buried+s.Returned+uint64(s.Ready+s.Blocked+s.Delayed+s.InHand); in != out {
		t.Errorf("%d jobs came in, and %d are accounted for: %+v", in, out, s)
	}
	if dead := uint64(s.Dead) + s.Dropped + s.Replayed + s.Discarded; s.Buried != dead {
		t.Errorf("%d jobs were buried, and %d dead letters are accounted for: %+v", s.Buried, dead, s)
	}
}

// broken is an engine some of whose calls fail.
type broken struct {
	work.Engine[int]

	receive, settle, extend func() error
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (b *broken) Receive(ctx context.Context, lease time.Duration) (*work.Delivery[int], error) {
	if err := call(b.receive); err != nil {
		return nil, err
	}
	return b.Engine.Receive(ctx, lease)
}

func (b *broken) Settle(ctx context.Context, d *work.Delivery[int], o work.Outcome) error {
	if err := call(b.settle); err != nil {
		return err
	}
	return b.Engine.Settle(ctx, d, o)
}

func (b *broken) Extend(ctx context.Context, d *work.Delivery[int], lease time.Duration) (time.Time, error) {
	if err := call(b.extend); err != nil {
		return time.Time{}, err
	}
	return b.Engine.Extend(ctx, d, lease)
}
