package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// Peers in Python: asyncio, uvloop and trio, as Debian packages them (python3, python3-uvloop, python3-trio).

//go:embed python/peers.py
var pythonFiles embed.FS

// The libraries.
const (
	asyncio = "asyncio"
	uvloop  = "uvloop"
	trio    = "trio"
)

// python is an interpreter with what it can import of the peers.
type python struct {
	exe       string
	script    string
	libraries []string
	version   string
}

// findPython returns the system's Python. Without one, or without a library, rows are left out, and the table says so.
func findPython(ctx context.Context) (*python, func(), error) {
	none := &python{}
	for _, exe := range []string{"/usr/bin/python3", "python3"} {
		path, err := exec.LookPath(exe)
		if err != nil {
			continue
		}
		dir, err := os.MkdirTemp("", "braid-bench-")
		if err != nil {
			return nil, nil, err
		}
		clean := func() { _ = os.RemoveAll(dir) }
		data, err := pythonFiles.ReadFile("python/peers.py")
		if err != nil {
			return nil, clean, err
		}
		p := &python{exe: path, script: filepath.Join(dir, "peers.py")}
		if err := os.WriteFile(p.script, data, 0o600); err != nil {
			return nil, clean, err
		}
		out, err := exec.CommandContext(ctx, path, "-c", probePython).Output() //nolint:gosec // the system's own interpreter
		if err != nil {
			clean()
			continue // too old, for example
		}
		fields := bytes.Fields(out)
		if len(fields) == 0 {
			clean()
			continue
		}
		p.version = string(fields[0])
		for _, f := range fields[1:] {
			p.libraries = append(p.libraries, string(f))
		}
		return p, clean, nil
	}
	return none, func() {}, nil
}

// measure runs a program of ours in an interpreter of its own, which prints what one operation took.
func (p *python) measure(ctx context.Context, name string, program []byte, args ...string) (sample, error) {
	script := filepath.Join(filepath.Dir(p.script), name)
	if err := os.WriteFile(script, program, 0o600); err != nil {
		return sample{}, err
	}
	cmd := exec.CommandContext(ctx, p.exe, append([]string{script}, args...)...) //nolint:gosec // the system's own interpreter
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", name, err)
	}
	var x cost
	if err := json.Unmarshal(out, &x); err != nil {
		return sample{}, fmt.Errorf("%s: %w", name, err)
	}
	return sample{wall: x.Wall, cpu: x.CPU}, nil
}

// probePython prints the version and the libraries. TaskGroup came with 3.11.
const probePython = `
import asyncio, importlib.util, platform
asyncio.TaskGroup
print(platform.python_version(), "asyncio", *[m for m in ("uvloop", "trio") if importlib.util.find_spec(m)])
`

func (p *python) has(library string) bool { return slices.Contains(p.libraries, library) }

// missing says what is not there to compare with; empty if all is.
func (p *python) missing() string {
	var list []string
	for _, l := range []string{asyncio, uvloop, trio} {
		if !p.has(l) {
			list = append(list, l)
		}
	}
	if list == nil {
		return ""
	}
	return fmt.Sprintf("not measured, because they are not installed: %v", list)
}

// cost is what one operation took, in ns.
type cost struct {
	Wall float64 `json:"Wall"`
	CPU  float64 `json:"CPU"`
}

// work runs one of the works in an interpreter of its own.
func (p *python) work(ctx context.Context, library, work string, n int) (sample, error) {
	cmd := exec.CommandContext(ctx, p.exe, p.script, library, work, strconv.Itoa(n)) //nolint:gosec // the system's own interpreter
	var errText bytes.Buffer
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		return sample{}, errors.Join(fmt.Errorf("%s %s: %w", library, work, err), errors.New(errText.String()))
	}
	var c cost
	if err := json.Unmarshal(out, &c); err != nil {
		return sample{}, err
	}
	return sample{wall: c.Wall, cpu: c.CPU}, nil
}

// server returns the command of one of the servers.
func (p *python) server(ctx context.Context, library, kind string) *exec.Cmd {
	return exec.CommandContext(ctx, p.exe, p.script, library, kind) //nolint:gosec // the system's own interpreter
}
