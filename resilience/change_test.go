package resilience_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid/resilience"
)

var breakerChangeCases = []testCase{
	{name: "OnChange: hears of every change, in order", waits: true, run: func(t *testing.T, ctx context.Context) {
		var heard []string
		b := newBreaker(resilience.BreakerConfig{
			Name: "db", MinCalls: 2, OpenFor: time.Second,
			OnChange: func(c resilience.Change) {
				heard = append(heard, fmt.Sprintf("%s %v-%v: %s", c.Breaker, c.From, c.To, c.Reason))
			},
		})
		calls(ctx, b, 2, fail)
		sleep(t, ctx, time.Second)
		calls(ctx, b, 1, succeed)
		b.Isolate()
		b.Reset()
		want := []string{
			"db closed-open: 2 of 2 calls failed",
			"db open-half-open: the open time is over",
			"db half-open-closed: 1 probes succeeded",
			"db closed-isolated: isolated by hand",
			"db isolated-closed: reset by hand",
		}
		if !slices.Equal(heard, want) {
			t.Fatalf("heard %q", heard)
		}
	}},
	{name: "OnChange: may use the breaker, and is told what it does itself afterwards", run: func(t *testing.T, ctx context.Context) {
		var b *resilience.Breaker
		var heard []resilience.BreakerState
		inside := 0
		b = newBreaker(resilience.BreakerConfig{Consecutive: 1, OnChange: func(c resilience.Change) {
			inside++
			equal(t, "calls of OnChange at a time", inside, 1)
			heard = append(heard, c.To)
			if c.To == resilience.Open {
				equal(t, "state", b.State(), resilience.Open)
				equal(t, "opened", b.Statistics().Opened, 1)
				b.Reset()
				calls(ctx, b, 1, succeed)
			}
			inside--
		}})
		calls(ctx, b, 1, fail)
		if !slices.Equal(heard, []resilience.BreakerState{resilience.Open, resilience.Closed}) {
			t.Fatalf("heard %v", heard)
		}
		equal(t, "state", b.State(), resilience.Closed)
	}},
	{name: "OnChange: a Goexit in it ends its task and nothing else", run: func(t *testing.T, ctx context.Context) {
		heard := 0
		b := newBreaker(resilience.BreakerConfig{Consecutive: 1, OnChange: func(resilience.Change) {
			if heard++; heard == 1 {
				runtime.Goexit()
			}
		}})
		_ = inTask(ctx, func(ctx context.Context) { calls(ctx, b, 1, fail) })
		equal(t, "state", b.State(), resilience.Open)
		b.Reset()
		equal(t, "heard", heard, 2)
	}},
}

// It sets the default logger, so it is none of the cases.
func TestOnChangePanics(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)

	heard := 0
	b := newBreaker(resilience.BreakerConfig{Name: "db", Consecutive: 1, OnChange: func(resilience.Change) {
		if heard++; heard == 1 {
			panic("no")
		}
	}})
	_, err := resilience.Do(t.Context(), b, fail)
	wantErr(t, err, errDown)
	equal(t, "state", b.State(), resilience.Open)
	b.Reset()
	equal(t, "heard", heard, 2)
	for _, part := range []string{"breaker=db", "panic=no", "TestOnChangePanics"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %s:\n%s", part, &log)
		}
	}
}
