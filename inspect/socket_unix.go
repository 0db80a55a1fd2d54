//go:build unix

package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

func systemRuntimeDir(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, "braid"), nil
		}
	}
	temp := getenv("TMPDIR")
	if !filepath.IsAbs(temp) {
		temp = "/tmp"
	}
	return filepath.Join(temp, "braid-"+strconv.Itoa(os.Geteuid())), nil
}

// wrongOwner says what is wrong with the owner or the mode of a directory, or "".
func wrongOwner(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d, and this is user %d", st.Uid, os.Geteuid())
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		return fmt.Sprintf("has mode %04o; it must be 0700", mode)
	}
	return ""
}

// pidAlive says whether there is a process with that PID, whoever owns it.
func pidAlive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return (err == nil || errors.Is(err, syscall.EPERM)) && !zombie(pid)
}
