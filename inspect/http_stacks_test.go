package inspect_test

import (
	"context"
	"log/slog"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/braid-go/braid/inspect"
)

// labelled keeps a goroutine with these labels until the test ends.
func labelled(t *testing.T, labels ...string) {
	t.Helper()
	begun, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go pprof.Do(background, pprof.Labels(labels...), func(context.Context) {
		defer close(ended)
		close(begun)
		<-end
	})
	<-begun
	t.Cleanup(func() {
		close(end)
		<-ended
	})
}

// What the program has put into labels is redacted as names are; the ids of tasks are braid's.
func TestRedact_labels(t *testing.T) {
	labelled(t, "task", "secret name", "task_id", "4", "user", "secret user")
	labelled(t, "task", "secret and gone", "task_id", "999")
	labelled(t, "task", "secret name", "task_id", "secret number")
	in := start(t, inspect.Options{NoSocket: true, Redact: func(s string) string {
		return strings.ReplaceAll(s, "secret", "***")
	}}, inspect.Fake{})
	for range 2 { // the second time from the same profile
		for _, path := range []string{"v1/stacks", "v1/stacks?format=text", "v1/stacks?task=4"} {
			r := get(in.Handler(), path)
			if r.status != 200 || strings.Contains(r.body, "secret") {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
	}
	wantText(t, get(in.Handler(), "v1/stacks").body, `"task":"*** name"`, `"user":"*** user"`, `"task_id":"4"`, `"path":"*** and gone"`, `"task_id":"*** number"`)
	wantText(t, get(in.Handler(), "v1/stacks?task=4").body, `"match":"label"`, `"task_id":"4"`, `"user":"*** user"`)
	wantText(t, get(in.Handler(), "v1/stacks?format=text").body, "of task 999 *** and gone")
}

func TestRedact_labelsPanics(t *testing.T) {
	labelled(t, "user", "bad label")
	in := start(t, inspect.Options{NoSocket: true, Logger: slog.New(slog.DiscardHandler), Redact: func(s string) string {
		if s == "bad label" {
			panic("redact")
		}
		return s
	}}, inspect.Fake{})
	if r := get(in.Handler(), "v1/stacks"); r.status != 500 || !strings.Contains(r.body, "Options.Redact panicked: redact") {
		t.Errorf("%d %.300s", r.status, r.body)
	}
}
