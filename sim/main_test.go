package sim_test

import (
	"context"
	"strings"
	"testing"

	"github.com/braid-go/braid/sim"
)

// fails runs prog, which must fail with a report that says all parts, and returns the report.
func fails(t *testing.T, prog func(*sim.T), opts []sim.Option, parts ...string) string {
	t.Helper()
	err := sim.Find(t, prog, nil, opts...)
	if err == nil {
		t.Fatal("nothing was found")
	}
	says(t, err.Error(), parts...)
	return err.Error()
}

func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("the report does not say %q:\n%s", p, text)
		}
	}
}

// passes runs prog, which must not fail.
func passes(t *testing.T, prog func(*sim.T), opts ...sim.Option) {
	t.Helper()
	if err := sim.Find(t, prog, nil, opts...); err != nil {
		t.Error(err)
	}
}

// replayString takes the string out of a report.
func replayString(t *testing.T, report string) string {
	t.Helper()
	_, s, ok := strings.Cut(report, "BRAID_SIM_REPLAY=")
	if !ok {
		t.Fatalf("no replay string in\n%s", report)
	}
	s, _, _ = strings.Cut(s, " ")
	return s
}

func nothing(context.Context) error { return nil }
