package sim

import (
	"os"
	"path/filepath"
	"testing"
)

const firstRace = `==================
WARNING: DATA RACE
Write at 0x00c0000a43c8 by goroutine 14:
  example.count()
      /src/count.go:32 +0x107
  example.main()
      /src/count.go:5 +0x1

Previous read at 0x00c0000a43c8 by goroutine 13:
  example.look()
      /src/count.go:40 +0x11c

Goroutine 14 (running) created at:
  example.main()
      /src/count.go:7 +0x11c
==================
`

const secondRace = `==================
WARNING: DATA RACE
Read at 0x00c0000a4000 by goroutine 14:
  example.other()
      /src/other.go:1 +0x107

Previous write at 0x00c0000a4000 by goroutine 13:
  [failed to restore the stack]

==================
`

// The same race in the other order, at another address.
const firstAgain = `==================
WARNING: DATA RACE
Read at 0x00c000111111 by goroutine 3:
  example.look()
      /src/count.go:40 +0x11c

Previous write at 0x00c000111111 by goroutine 4:
  example.count()
      /src/count.go:32 +0x107

==================
`

// A race is told from others by what is done where, whoever comes first; the one that was seen first is looked for among several.
func TestRaceReports(t *testing.T) {
	r := &raceReports{path: filepath.Join(t.TempDir(), "report")}
	if got := r.site(); got != "" {
		t.Errorf("without a file: %q", got)
	}
	text := ""
	const first, second = "read at /src/count.go:40 and write at /src/count.go:32", "read at /src/other.go:1"
	for i, c := range []struct{ more, want string }{
		{firstRace, first}, {secondRace, second}, {"", ""}, {secondRace + firstAgain, first},
	} {
		text += c.more
		if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := r.site(); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
	}
}
