package main

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/braid-go/braid/bus"
)

// What docs/parts.md says about watermill's gochannel is true of the version in go.mod; see resilience_test.go.

// sent publishes n messages, each of which nobody has acknowledged when the next one is published, to one subscription.
func sent(t *testing.T, n int) (*gochannel.GoChannel, <-chan *message.Message) {
	t.Helper()
	ch := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	messages, err := ch.Subscribe(t.Context(), "ticks")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := ch.Publish("ticks", message.NewMessage("", message.Payload{byte(i)})); err != nil {
			t.Fatal(err)
		}
	}
	return ch, messages
}

func TestBus_order(t *testing.T) {
	const n = 200
	inOrder := func() []byte {
		var want []byte
		for i := range n {
			want = append(want, byte(i))
		}
		return want
	}()
	disorder := false
	for range 50 { // it depends on the scheduler
		ch, messages := sent(t, n)
		var got []byte
		for range n {
			m := <-messages
			got = append(got, m.Payload[0])
			m.Ack()
		}
		_ = ch.Close()
		if disorder = !slices.Equal(got, inOrder); disorder {
			break
		}
	}
	if !disorder {
		t.Error("gochannel keeps the order without BlockPublishUntilSubscriberAck")
	}

	var got []byte
	err := bus.Run(t.Context(), bus.Config{}, func(ctx context.Context, b *bus.Bus) error {
		if _, err := bus.Subscribe(ctx, b, func(_ context.Context, e busTick) error { got = append(got, byte(e.n)); return nil }); err != nil {
			return err
		}
		for i := range n {
			if err := bus.Publish(ctx, b, busTick{i}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !slices.Equal(got, inOrder) {
		t.Errorf("bus: %v, %v", err, got)
	}
}

// A subscription that is stuck has a goroutine for each message with gochannel.
func TestBus_unbounded(t *testing.T) {
	before := runtime.NumGoroutine()
	ch, _ := sent(t, 1000)
	more := 0
	for range 100_000 { // each message has a goroutine that will start another one, which cannot end
		if more = runtime.NumGoroutine() - before; more >= 1000 {
			break
		}
		runtime.Gosched()
	}
	if more < 900 { // some of those that there were before may have ended
		t.Errorf("%d goroutines more", more)
	}
	_ = ch.Close()
}

// A nack is answered with the same message at once, again and again.
func TestBus_nack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch, messages := sent(t, 1)
		for range 1000 { // in no time: the clock of the bubble stands still
			m := <-messages
			m.Nack()
		}
		_ = ch.Close()
		synctest.Wait()
	})
}
