package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/braid-go/braid/template"
)

func TestCommands(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		stdout string
		stderr string
	}{
		"":                        {0, "braid demo", ""},
		"--help":                  {0, "braid demo", ""},
		"demo --help":             {0, "BRAID_HTTP", ""},
		"dance":                   {2, "", `no command "dance"`},
		"--color":                 {2, "", "color"},
		"demo --color":            {2, "", "color"},
		"demo --grace soon":       {2, "", "soon"},
		"demo --http nowhere":     {2, "", "host:port"},
		"demo --db /no/such/file": {1, "", "/no/such/file"},
	} {
		t.Run(args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := template.Main(t.Context(), command(), append([]string{"braid"}, strings.Fields(args)...), &stdout, &stderr)
			if status != want.status {
				t.Errorf("status %d, want %d", status, want.status)
			}
			if !strings.Contains(stdout.String(), want.stdout) || (want.stdout == "") != (stdout.Len() == 0) {
				t.Errorf("stdout %q, want %q", &stdout, want.stdout)
			}
			if !strings.Contains(stderr.String(), want.stderr) || (want.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stderr %q, want %q", &stderr, want.stderr)
			}
		})
	}
}
