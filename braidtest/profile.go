package braidtest

import (
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
)

// record is a line of the goroutine profile: goroutines with the same stack and the same labels.
type record struct {
	count  int
	labels []string // keys and values by turns
	frames []frame  // innermost first
}

type frame struct{ function, position string }

func (r record) label(key string) string {
	for i := 0; i+1 < len(r.labels); i += 2 {
		if r.labels[i] == key {
			return r.labels[i+1]
		}
	}
	return ""
}

// entry is the function that the goroutine was started with.
func (r record) entry() string {
	if len(r.frames) == 0 {
		return ""
	}
	return r.frames[len(r.frames)-1].function
}

// String looks like the traceback of a panic.
func (r record) String() string {
	var b strings.Builder
	if r.count == 1 {
		b.WriteString("goroutine:")
	} else {
		fmt.Fprintf(&b, "%d goroutines:", r.count)
	}
	for _, f := range r.frames {
		fmt.Fprintf(&b, "\n%s\n\t%s", f.function, f.position)
	}
	return b.String()
}

// goroutines takes a goroutine profile. The text form is the one that has the labels in it.
func goroutines() []record {
	var b strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		panic(fmt.Sprintf("braidtest: cannot take a goroutine profile: %v", err)) // a Builder takes everything
	}
	return parse(b.String())
}

// parse reads what a profile writes with debug=1: for each record
//
//	2 @ 0x47a2ce 0x40e5a5 0x47fa61
//	# labels: {"key":"value", "other":"value"}
//	#	0x50c6a4	example.com/pkg.serve+0x24	/src/pkg/serve.go:12
//
// and an empty line. Records without labels have no such line; innermost functions of the runtime are left out.
func parse(profile string) []record {
	var all []record
	for line := range strings.Lines(profile) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# labels: ") && len(all) > 0:
			all[len(all)-1].labels = parseLabels(strings.TrimPrefix(line, "# labels: "))
		case strings.HasPrefix(line, "#\t") && len(all) > 0:
			if fields := strings.Split(line, "\t"); len(fields) >= 4 {
				r := &all[len(all)-1]
				r.frames = append(r.frames, frame{function: functionName(fields[2]), position: fields[3]})
			}
		default:
			if count, _, ok := strings.Cut(line, " @"); ok {
				if n, err := strconv.Atoi(count); err == nil {
					all = append(all, record{count: n})
				}
			}
		}
	}
	return all
}

// functionName cuts the offset off, and the blanks that fill the column.
func functionName(s string) string {
	s = strings.TrimRight(s, " ")
	if i := strings.LastIndex(s, "+0x"); i >= 0 {
		s = s[:i]
	}
	return s
}

// parseLabels reads {"key":"value", "other":"value"}, all of them quoted as Go does.
func parseLabels(s string) []string {
	var pairs []string
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return pairs
		}
		quoted, err := strconv.QuotedPrefix(s[i:])
		if err != nil {
			return pairs
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return pairs
		}
		pairs = append(pairs, text)
		s = s[i+len(quoted):]
	}
}

// ownLabels returns the labels of the calling goroutine.
//
// runtime/pprof can set them and cannot tell them. But the profile shows them beside the stack,
// and the stack with readOwn in it is ours, because only one goroutine at a time gets there.
func ownLabels() []string {
	reading.Lock()
	defer reading.Unlock()
	return readOwn()
}

var reading sync.Mutex

//go:noinline
func readOwn() []string {
	for _, r := range goroutines() {
		for _, f := range r.frames {
			if strings.HasSuffix(f.function, "/braidtest.readOwn") {
				return r.labels
			}
		}
	}
	return nil
}
