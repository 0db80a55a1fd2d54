package inspect

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/braid-go/braid/internal/record"
)

func thisProcess() Process {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	p := Process{
		FormatVersion: FormatVersion,
		Instance:      hex.EncodeToString(id[:]),
		PID:           os.Getpid(),
		Started:       record.Epoch.Round(0), // of the library, which is as near as a portable program comes
		Go:            runtime.Version(),
	}
	p.Exe, _ = os.Executable()
	p.Name = strings.TrimSuffix(filepath.Base(p.Exe), ".exe")
	p.Hostname, _ = os.Hostname()
	return p
}
