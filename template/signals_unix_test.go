//go:build unix

package template_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/braid-go/braid/template/sqlite"
)

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// conn is a raw connection to the service.
type conn struct {
	net.Conn

	t  *testing.T
	in *bufio.Reader
}

func dial(t *testing.T, p *process) *conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &conn{c, t, bufio.NewReader(c)}
}

func (c *conn) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// status reads one response and returns its status.
func (c *conn) status() int {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode
}

const (
	newUser  = `{"name": "Ada", "email": "ada@example.com"}`
	halfPost = "POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
		"Content-Length: 43\r\nExpect: 100-continue\r\n\r\n"
)

// beginPost begins to create a user and returns when the handler waits for the
// body.
func beginPost(t *testing.T, p *process) *conn {
	t.Helper()
	c := dial(t, p)
	c.write(halfPost)
	if s := c.status(); s != http.StatusContinue {
		t.Fatalf("status %d, want 100", s)
	}
	return c
}

// beginDelay begins a long delay and returns when the service says that it is
// under way.
func beginDelay(t *testing.T, p *process) *conn {
	t.Helper()
	c := dial(t, p)
	c.write("GET /delay/3600000 HTTP/1.1\r\nHost: x\r\n\r\n")
	p.await("msg=beat", "requests=1")
	return c
}

func TestIdleStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := startProcess(t, "--db", filepath.Join(t.TempDir(), "test.db"))
			p.signal(sig)
			if code := p.wait(); code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
			p.await("msg=stopping", "task=main/service/stop")
		})
	}
}

// A request that is under way when the signal comes finishes, with the
// database, while new ones are refused. Then the service exits with 0.
func TestStopFinishesRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	p := startProcess(t, "--db", path, "--grace", "30s", "--heartbeat", "20ms")
	post := beginPost(t, p)
	p.signal(syscall.SIGTERM)
	p.await("msg=draining", "requests=1")

	for path, want := range map[string]int{"/readyz": 503, "/Ada": 503, "/healthz": 200} {
		c := dial(t, p)
		c.write("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		if s := c.status(); s != want {
			t.Errorf("while the service stops, %s says %d, want %d", path, s, want)
		}
	}

	post.write(newUser)
	if s := post.status(); s != http.StatusCreated {
		t.Errorf("the request under way ended with %d, want 201", s)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if page, err := db.Users(t.Context(), 10, 0); err != nil || len(page.Users) != 1 {
		t.Errorf("the database has %+v, %v, want one user", page, err)
	}
}

// Connections on which nothing is under way, such as a browser keeps in
// reserve, and clients that dawdle over something that will not be done, hold
// up nobody: the grace is for requests.
func TestStopWaitsForRequestsOnly(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                     "",
		"half of a header":            "GET /Ada HTTP/1.1\r\nHo",
		"a body of the wrong type":    "POST /users HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
		"an answer, and nothing more": "GET /Ada HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t, "--db", filepath.Join(t.TempDir(), "test.db"), "--grace", "4s")
			dial(t, p).write(text)
			last := dial(t, p) // was accepted after the one before
			last.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
			if s := last.status(); s != http.StatusOK {
				t.Errorf("status %d, want 200", s)
			}
			p.signal(syscall.SIGTERM)
			if code := p.wait(); code != 0 {
				t.Errorf("exit status %d, want 0", code)
			}
		})
	}
}

func TestSecondSignal(t *testing.T) {
	p := startProcess(t, "--db", filepath.Join(t.TempDir(), "test.db"), "--grace", "1h", "--heartbeat", "20ms")
	beginDelay(t, p)
	p.signal(syscall.SIGTERM)
	p.await("msg=draining", "requests=1")
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	p.await("still running")
	p.await("main/service/http/GET /delay/{ms}", "old", "waits in braid.Sleep")
	for _, waits := range []string{"main/service,", "main/service/http,", "main/service/http/accept,"} {
		if strings.Contains(p.all(), waits) {
			t.Errorf("%s is listed, which only waits for others", waits)
		}
	}
}

// At the end of the grace the client of a request that obeys its ctx is told.
func TestGraceOver(t *testing.T) {
	p := startProcess(t, "--db", filepath.Join(t.TempDir(), "test.db"), "--grace", "100ms", "--heartbeat", "20ms")
	c := beginDelay(t, p)
	p.signal(syscall.SIGTERM)
	if s := c.status(); s != http.StatusServiceUnavailable {
		t.Errorf("the request ended with %d, want 503", s)
	}
	if code := p.wait(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	p.await("main/service/http/GET /delay/{ms}", "old", "waits in braid.Sleep")
}

// Reading a body ends with the grace too, however slow the client is.
func TestGraceOverInABody(t *testing.T) {
	p := startProcess(t, "--db", filepath.Join(t.TempDir(), "test.db"), "--grace", "100ms")
	c := beginPost(t, p)
	p.signal(syscall.SIGTERM)
	if s := c.status(); s != http.StatusServiceUnavailable {
		t.Errorf("the request ended with %d, want 503", s)
	}
	if code := p.wait(); code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	p.await("main/service/http/POST /users", "old", "blocked outside braid")
}

// A service whose inspector cannot begin works without it, and says so.
func TestWithoutInspector(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // the umask may have taken something
		t.Fatal(err)
	}
	cmd := command(t, "--db", filepath.Join(t.TempDir(), "test.db"))
	cmd.Env = append(cmd.Env, "BRAID_RUNTIME_DIR="+dir)
	p := startCommand(t, cmd)
	p.await("there will be no inspector", dir)
	p.await("There is no inspector")
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}
