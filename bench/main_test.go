package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// The test binary is the program that the measurements start again as their children.
func TestMain(m *testing.M) {
	if ran, err := child(context.Background()); ran {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Every measurement works, small as it may be.
func TestAll(t *testing.T) {
	for _, b := range benchmarks() {
		t.Run(b.name, func(t *testing.T) {
			c := config{rounds: 1, slice: time.Millisecond, children: 1, idlers: 1000, tasks: 1000, requests: 320}
			rows, err := b.run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			bounds := 0
			for _, r := range rows {
				if r.Value <= 0 || r.Peer != "" && (r.PeerValue <= 0 || r.Ratio <= 0) {
					t.Errorf("a figure is missing: %+v", r)
				}
				bounds += len(r.Bounds)
			}
			if bounds == 0 && b.name != "spawn/heap" {
				t.Error("no bound is looked at")
			}
		})
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args string
		err  string // a part of it; "" for success
		out  string // a part of it
	}{
		{"-list", "", "queue/10x10\n"},
		{"-list -run ^sema", "", "semaphore/contended\n"},
		{"-short -rounds 1 -run instant/current", "", "Current(ctx), ns a call\n  braid "},
		{"-run nonsense", `nothing is called "nonsense"`, ""},
		{"-run (", "missing closing )", ""},
		{"queue", `there is no argument "queue"`, ""},
		{"-nonsense", "flag provided but not defined", ""},
	} {
		var out bytes.Buffer
		err := run(t.Context(), strings.Fields(c.args), &out, io.Discard)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: error %v, want %q", c.args, err, c.err)
		}
		if !strings.Contains(out.String(), c.out) {
			t.Errorf("%s: printed %q, want %q in it", c.args, out.String(), c.out)
		}
	}
	if err := run(t.Context(), []string{"-help"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Error("-help:", err)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-short", "-rounds", "2", "-json", "-run", "semaphore/uncontended"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Rounds != 2 || len(r.Rows) != 3 || r.Rows[0].Subject != "braid" || r.Rows[0].Ratio <= 0 || r.Rows[0].Verdict == "" {
		t.Errorf("report %+v", r)
	}
}

func TestTable(t *testing.T) {
	allocs := 0.004
	rows := []row{
		{Benchmark: "queue", Unit: "ns an item", Subject: "braid", Peer: "channel", Value: 100, PeerValue: 50, Ratio: 2, Quartiles: [2]float64{1.9, 2.1}},
		{Benchmark: "queue", Unit: "ns an item", Subject: "other", Peer: "channel", Value: 1234, PeerValue: 50, Ratio: 24.68},
		{Benchmark: "event", Unit: "ns a call", Subject: "braid", Value: 9.5, CPU: 9.6, Allocs: &allocs, Note: "a remark"},
	}
	rows[0].check(false, "1.5 x")
	rows[2].check(true, "10 ns")
	var out strings.Builder
	if err := writeTable(&out, rows); err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(out.String(), "\n\n")
	want := strings.TrimPrefix(`
benchmark  figure  peer  ratio (quartiles)  bound  cpu  peer  ratio  allocs  verdict
queue, ns an item; peer: channel
  braid       100    50  2.00 (1.90-2.10)   1.5 x                            over
  other      1234    50  24.68 (0.00-0.00)
event, ns a call
  braid       9.5                           10 ns  9.6                 0.00  within
    (a remark)`, "\n")
	if table != want {
		t.Errorf("the table is\n%s\nwant\n%s", table, want)
	}
}
