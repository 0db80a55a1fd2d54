package template_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/braid-go/braid/template"
)

// asService makes the test binary run the service instead of the tests.
const asService = "BRAID_TEST_AS_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(asService) != "" {
		os.Exit(template.Main(context.Background(), template.Command("service"), os.Args, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is the service in a process of its own, where it can be killed.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string

	mu     sync.Mutex
	output []string
	more   chan struct{} // closed and replaced when output grows
}

// command returns the service's process, not yet started, on a free port.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"--http", "127.0.0.1:0", "--console", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), asService+"=1", "HOME="+t.TempDir(), "XDG_DATA_HOME=", "BRAID_RUNTIME_DIR="+filepath.Join(t.TempDir(), "run"),
		"GORACE=atexit_sleep_ms=0") // or the race detector takes a second for each exit
	return cmd
}

// startProcess starts the service and returns when it serves.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	return startCommand(t, command(t, args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, more: make(chan struct{})}
	out, in := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = in, in // one stream, in the order of writing
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Wait()
		}
		_ = in.Close()
		if t.Failed() {
			t.Log("the service wrote:\n" + p.all())
		}
	})
	line := p.await("Serving on ")
	_, rest, _ := strings.Cut(line, "Serving on ")
	p.url, _, _ = strings.Cut(rest, ",")
	return p
}

func (p *process) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.output = append(p.output, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *process) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.output, "\n")
}

// await returns the first line of the output, past or future, that contains
// all of the words.
func (p *process) await(words ...string) string {
	p.t.Helper()
	late := time.After(30 * time.Second)
	for seen := 0; ; {
		p.mu.Lock()
		lines, more := p.output[seen:], p.more
		seen = len(p.output)
		p.mu.Unlock()
		for _, line := range lines {
			if containsAll(line, words) {
				return line
			}
		}
		select {
		case <-more:
		case <-late:
			p.t.Fatalf("the service never wrote %q", words)
		}
	}
}

func containsAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// wait returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	err := p.cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}
