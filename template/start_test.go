package template_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refuse runs the service with something wrong and returns what it says.
func refuse(t *testing.T, env []string, status int, args ...string) string {
	t.Helper()
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, env...)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != status {
		t.Errorf("%q: exit status %d, want %d; output:\n%s", args, code, status, out)
	}
	return string(out)
}

func TestWrongUse(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		args []string
		want []string
	}{
		"grace is no duration":     {nil, []string{"--grace", "banana"}, []string{"banana", "grace"}},
		"console for all":          {nil, []string{"--console", "0.0.0.0:8081"}, []string{"--console \"0.0.0.0:8081\"", "127.0.0.1:8081"}},
		"grace is zero":            {nil, []string{"--grace", "0s"}, []string{"--grace 0s", "longer than 0"}},
		"heartbeat is negative":    {nil, []string{"--heartbeat=-1s"}, []string{"--heartbeat -1s", "longer than 0"}},
		"address without port":     {nil, []string{"--http", "localhost"}, []string{"localhost", "host:port"}},
		"port out of range":        {nil, []string{"--http", ":70000"}, []string{"70000", "65535"}},
		"empty path":               {nil, []string{"--db", ""}, []string{"--db"}},
		"unknown flag":             {nil, []string{"--color"}, []string{"color"}},
		"flag without its value":   {nil, []string{"--db"}, []string{"db"}},
		"argument":                 {nil, []string{"now"}, []string{"now"}},
		"variable is no duration":  {[]string{"BRAID_GRACE=banana"}, nil, []string{"banana", "BRAID_GRACE"}},
		"variable is out of range": {[]string{"BRAID_HEARTBEAT=-1s"}, nil, []string{"-1s", "heartbeat"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := refuse(t, c.env, 2, c.args...)
			if !containsAll(out, c.want) {
				t.Errorf("output %q, want %q in it", out, c.want)
			}
			if n := strings.Count(out, "\n"); n != 1 {
				t.Errorf("%d lines, want 1:\n%s", n, out)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db := filepath.Join(t.TempDir(), "test.db")
	out := refuse(t, nil, 1, "--http", l.Addr().String(), "--db", db)
	if !containsAll(out, []string{l.Addr().String(), "--http"}) || strings.Count(out, "\n") != 1 {
		t.Errorf("output:\n%s", out)
	}
	// SQLite removes its log when the last connection closes in order.
	if _, err := os.Stat(db + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the database was not closed: %v", err)
	}
}

func TestNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nowhere", "test.db")
	out := refuse(t, nil, 1, "--db", path)
	if !containsAll(out, []string{path, "--db"}) || strings.Count(out, "\n") != 1 {
		t.Errorf("output:\n%s", out)
	}
}

func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0") // in use, so that the service ends
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	db := filepath.Join(dir, "env.db")
	cmd := command(t)
	cmd.Args = cmd.Args[:1] // the variables alone
	cmd.Env = append(cmd.Env, "BRAID_HTTP="+l.Addr().String(), "BRAID_DB="+db, "BRAID_GRACE=1s", "BRAID_HEARTBEAT=1s")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), l.Addr().String()) {
		t.Errorf("exit status %d, output %s", code, out)
	}
	if _, err := os.Stat(db); err != nil {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	out := refuse(t, nil, 0, "--help")
	want := []string{
		"--http", "BRAID_HTTP", "127.0.0.1:8080", "--db", "BRAID_DB", "demo.db", "--grace", "BRAID_GRACE",
		"--heartbeat", "BRAID_HEARTBEAT", "10s", "curl localhost:8080/Ada", "/delay/", "Ctrl-C",
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("the help has no %q", w)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
