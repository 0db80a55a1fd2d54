package inspect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The runtime directory holds, for each process that is inspected, PID-START.sock, PID-START.json and, with TCP, PID-START.token.
// START tells the process from an earlier one with the same PID.

// Environment variables that [Serve], [Processes] and [Dial] look at.
const (
	EnvInspect    = "BRAID_INSPECT"     // "off", or "connect:" and the path of a socket
	EnvRuntimeDir = "BRAID_RUNTIME_DIR" // where the sockets are
)

const maxSocketPath = 103 // of the 104 bytes in sun_path on some systems, one is the 0 at the end

// runtimeDir returns where the sockets are. It does not look whether it is there.
func runtimeDir(getenv func(string) string) (string, error) {
	if dir := getenv(EnvRuntimeDir); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("inspect: %s is %q; it must be an absolute path", EnvRuntimeDir, dir)
		}
		return dir, nil
	}
	return systemRuntimeDir(getenv)
}

// makeRuntimeDir makes dir, if it is not there, and checks that nobody else can put anything into it.
func makeRuntimeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("inspect: make the runtime directory: %w", err)
	}
	return checkRuntimeDir(dir)
}

// checkRuntimeDir returns an error that says what is wrong with dir.
// A file in a directory that passes was put there by this user or root, and nobody can exchange it between the check and its use.
func checkRuntimeDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("inspect: the runtime directory: %w", err)
	}
	var what string
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		what = "is a symbolic link; it must be a directory"
	case !info.IsDir():
		what = "is no directory"
	default:
		what = wrongOwner(info)
	}
	if what != "" {
		return fmt.Errorf("inspect: the runtime directory %s %s; mend or remove it, or choose another one with %s", dir, what, EnvRuntimeDir)
	}
	return nil
}

// entry is what PID-START.json says.
type entry struct {
	PID           int       `json:"pid"`
	Start         string    `json:"start"`
	Instance      string    `json:"instance"`
	Name          string    `json:"name"`
	Exe           string    `json:"exe,omitempty"`
	Started       time.Time `json:"started"`
	FormatVersion int       `json:"format_version"`
	Socket        string    `json:"socket"`
	URL           string    `json:"url,omitempty"`
	TokenFile     string    `json:"token_file,omitempty"`
}

// entryName is the name of an entry's files, without what follows the dot.
var entryName = regexp.MustCompile(`^([1-9][0-9]{0,9})-([0-9]{1,20})$`)

// base is one process in the runtime directory.
type base struct {
	dir, name string
	pid       int
	start     string
}

func newBase(dir string, pid int) base {
	start := startOf(pid)
	if start == "" { // this system does not say; it is this process itself, and later ones will differ
		start = strconv.FormatInt(time.Now().UnixNano(), 10)
	}
	return base{dir: dir, name: strconv.Itoa(pid) + "-" + start, pid: pid, start: start}
}

func (b base) path(ext string) string { return filepath.Join(b.dir, b.name+ext) }

// bases lists the processes that have files in dir.
func bases(dir string) ([]base, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("inspect: list the runtime directory: %w", err)
	}
	var list []base
	seen := make(map[string]bool)
	for _, f := range files {
		name, ext, _ := strings.Cut(f.Name(), ".")
		m := entryName.FindStringSubmatch(name)
		if m == nil || seen[name] || (ext != "sock" && ext != "json" && ext != "token") {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		seen[name] = true
		list = append(list, base{dir: dir, name: name, pid: pid, start: m[2]})
	}
	return list, nil
}

// claim makes the process's file in the directory. Until write fills it in, readers know nothing about the process.
func (b base) claim() error {
	for again := false; ; again = true {
		f, err := os.OpenFile(b.path(".json"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		switch {
		case err == nil:
			return f.Close()
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("inspect: %w", err)
		case again || !b.replaced():
			return fmt.Errorf("inspect: this process has an inspector in %s already; close that one first", b.dir)
		}
		b.remove()
	}
}

// replaced says whether the process, which is this one, ran another program before, which has left its files: exec keeps the PID and the start.
func (b base) replaced() bool {
	e, err := b.read()
	return err == nil && e.Instance != "" && e.Instance != process().Instance && !answers(b.path(".sock"))
}

// sweep takes away what processes have left that have died.
// A process in another container may have a PID that means nothing here: what answers stays.
func sweep(dir string) {
	list, err := bases(dir)
	if err != nil {
		return
	}
	for _, b := range list {
		if !b.alive() && !answers(b.path(".sock")) {
			b.remove()
		}
	}
}

// answers says whether somebody listens on a socket.
func answers(path string) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(context.Background(), "unix", path)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// alive says whether the process itself lives: not another one that was given its PID.
func (b base) alive() bool {
	if !pidAlive(b.pid) {
		return false
	}
	now := startOf(b.pid)
	return now == "" || now == b.start
}

func (b base) remove() {
	for _, ext := range []string{".new", ".json", ".token", ".sock"} {
		_ = os.Remove(b.path(ext))
	}
}

// read returns what the process says about itself.
func (b base) read() (entry, error) {
	text, err := readSmall(b.path(".json"))
	if err != nil {
		return entry{}, err
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil {
		return entry{}, fmt.Errorf("inspect: %s: %w", b.path(".json"), err)
	}
	return e, nil
}

// write writes e so that a reader sees all of it or nothing.
func (b base) write(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	temp := b.path(".new")
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	if err := os.Rename(temp, b.path(".json")); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("inspect: %w", err)
	}
	return nil
}

// readSmall reads a file that is expected to be small.
func readSmall(path string) ([]byte, error) {
	const most = 64 << 10
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("inspect: %s is no file of at most %d bytes", path, most)
	}
	text, err := os.ReadFile(path) //nolint:gosec // in a directory that was checked
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return text, nil
}

// random returns 128 random bits in hexadecimal digits.
func random() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
