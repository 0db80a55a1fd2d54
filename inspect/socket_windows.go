package inspect

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

func systemRuntimeDir(getenv func(string) string) (string, error) {
	dir := getenv("LocalAppData")
	if !filepath.IsAbs(dir) {
		return "", errors.New("inspect: LocalAppData is not set; say where the sockets are with " + EnvRuntimeDir)
	}
	return filepath.Join(dir, "braid"), nil
}

// wrongOwner finds nothing: what is in a user's own directory is closed to others by that directory's access list.
func wrongOwner(fs.FileInfo) string { return "" }

// pidAlive says whether there is a process with that PID.
func pidAlive(pid int) bool {
	p, err := os.FindProcess(pid) // opens the process
	if err != nil {
		return false
	}
	p.Release()
	return true
}
