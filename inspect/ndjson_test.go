package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
)

func ndjsonText(t testing.TB, s *inspect.Snapshot) string {
	t.Helper()
	var b bytes.Buffer
	must(t, inspect.WriteSnapshot(&b, s))
	return b.String()
}

func withFinding() *inspect.Snapshot {
	s := demoShop()
	s.Findings = []inspect.Finding{{Code: "H2", Title: "long hold", Severity: "warning", Confidence: inspect.Likely, Subjects: []inspect.Subject{{Kind: "task", ID: 4}}, Since: taken, Count: 1, Text: "writer holds db"}}
	s.Counters = inspect.Counters{Started: 5, Failed: 1, SelfUS: 99}
	return s
}

func TestSnapshot_roundTrip(t *testing.T) {
	want := withFinding()
	got, err := inspect.ReadSnapshot(strings.NewReader(ndjsonText(t, want)))
	must(t, err)
	for _, part := range []struct{ got, want any }{
		{got.Process, want.Process}, {got.Sites, want.Sites}, {got.Scopes, want.Scopes}, {got.Tasks, want.Tasks},
		{got.Resources, want.Resources}, {got.Findings, want.Findings}, {got.Counters, want.Counters},
		{got.Seq, want.Seq}, {got.Taken, want.Taken}, {got.TookUS, want.TookUS}, {got.CoarseUS, want.CoarseUS},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			t.Errorf("read %+v, written was %+v", part.got, part.want)
		}
	}
}

// Wherever a file is cut, what is before the cut is there, and the error says that something is missing.
func TestSnapshot_truncatedAnywhere(t *testing.T) {
	whole := ndjsonText(t, withFinding())
	lines := strings.Count(whole, "\n")
	for n := range len(whole) - 1 { // without the last line break it is whole
		s, err := inspect.ReadSnapshot(strings.NewReader(whole[:n]))
		var e *inspect.SnapshotError
		if !errors.As(err, &e) {
			t.Fatalf("cut at %d: error %v", n, err)
		}
		complete := strings.Count(whole[:n], "\n")
		if e.Line < complete || e.Line > complete+1 {
			t.Fatalf("cut at %d: the error names line %d, and %d lines were whole: %v", n, e.Line, complete, err)
		}
		if complete == 0 {
			continue // the first line may not say enough
		}
		if !e.Truncated || s == nil {
			t.Fatalf("cut at %d: %v (snapshot %v)", n, err, s)
		}
		if got := len(s.Sites) + len(s.Scopes) + len(s.Tasks) + len(s.Resources) + len(s.Findings); got < complete-1 || got > lines-2 {
			t.Fatalf("cut at %d: %d records were read of %d lines", n, got, complete)
		}
	}
	if _, err := inspect.ReadSnapshot(strings.NewReader(strings.TrimSuffix(whole, "\n"))); err != nil {
		t.Errorf("without the last line break: %v", err)
	}
}

func TestSnapshot_foreign(t *testing.T) {
	whole := ndjsonText(t, demoShop())
	lines := strings.SplitAfter(whole, "\n")
	first, rest := lines[0], strings.Join(lines[1:], "")
	for _, c := range []struct {
		name, text string
		want       []string
		none       bool // there is no snapshot beside the error
	}{
		{"empty", "", []string{"line 1", "empty"}, true},
		{"text", "hello\nworld\n", []string{"line 1", "no snapshot", "hello"}, true},
		{"binary", "\x00\x01\x02\xff\n\n", []string{"line 1", "no snapshot"}, true},
		{"other JSON", `{"type":"snapshot","format":"else"}` + "\n", []string{"line 1", "no snapshot"}, true},
		{"an array", "[1,2]\n", []string{"line 1", "no snapshot"}, true},
		{"null", "null\n", []string{"line 1", "no snapshot"}, true},
		{"a record first", lines[1] + whole, []string{"line 1", "no snapshot"}, true},
		{"newer", strings.Replace(whole, `"format_version":1`, `"format_version":9`, 1), []string{"line 1", "version 9", "newer"}, true},
		{"garbage in line 2", first + "garbage\n" + rest, []string{"line 2", "JSON"}, false},
		{"a wrong field", first + `{"type":"task","id":"four"}` + "\n" + rest, []string{"line 2", "no task"}, false},
		{"no type", first + `{"id":4}` + "\n" + rest, []string{"line 2", "without a type"}, false},
		{"twice", first + whole, []string{"line 2", "second snapshot"}, false},
		{"one after the other", whole + whole, []string{"follows the end record"}, false},
		{"a record less", first + strings.Join(lines[2:], ""), []string{"counts 8 records, but 7"}, false},
		{"a long line", first + `{"type":"task","name":"` + strings.Repeat("x", 2<<20) + `"}` + "\n" + rest, []string{"line 2", "longer than"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := inspect.ReadSnapshot(strings.NewReader(c.text))
			wantError(t, err, c.want...)
			if (s == nil) != c.none {
				t.Errorf("snapshot %v beside %v", s, err)
			}
			var e *inspect.SnapshotError
			if errors.As(err, &e) && e.Truncated {
				t.Errorf("%v is said to be truncated", err)
			}
		})
	}
}

// Records and fields that later versions add are no reason to fail.
func TestSnapshot_unknownIsIgnored(t *testing.T) {
	whole := ndjsonText(t, demoShop())
	whole = strings.Replace(whole, `{"type":"site",`, `{"type":"colour","x":1}`+"\n"+`{"new":[1,{}],"type":"site",`, 1)
	whole = strings.Replace(whole, `"records":8`, `"records":9`, 1)
	s, err := inspect.ReadSnapshot(strings.NewReader(whole))
	must(t, err)
	if !reflect.DeepEqual(s.Sites, demoShop().Sites) {
		t.Errorf("sites: %+v", s.Sites)
	}
}

func TestSnapshot_readerFails(t *testing.T) {
	boom := errors.New("boom")
	whole := ndjsonText(t, demoShop())
	s, err := inspect.ReadSnapshot(io.MultiReader(strings.NewReader(whole[:len(whole)/2]), iotest.ErrReader(boom)))
	if !errors.Is(err, boom) || s == nil {
		t.Errorf("%v, %v", s, err)
	}
	if err := inspect.WriteSnapshot(failing{boom}, demoShop()); !errors.Is(err, boom) {
		t.Errorf("write: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Whatever is read, there is a snapshot or an error, and what was read can be written and read again.
func FuzzReadSnapshot(f *testing.F) {
	f.Add(ndjsonText(f, withFinding()))
	f.Add(`{"type":"snapshot","format":"braid-snapshot","format_version":1}` + "\n" + `{"type":"end","records":0}`)
	f.Add(`{"type":"snapshot","format":"braid-snapshot","format_version":1,"process":{}}` + "\n{\"type\":\"task\",\"id\":1,\"parent\":1}\n")
	f.Add("\n\n")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := inspect.ReadSnapshot(strings.NewReader(in))
		if s == nil && err == nil {
			t.Fatal("neither a snapshot nor an error")
		}
		if s == nil {
			return
		}
		once := ndjsonText(t, s)
		again, err := inspect.ReadSnapshot(strings.NewReader(once))
		must(t, err)
		if twice := ndjsonText(t, again); once != twice {
			t.Fatalf("written once:\n%s\nand again:\n%s", once, twice)
		}
		c := s.Client()
		defer c.Close()
		for _, path := range []string{"info", "tasks", "tree", "graph", "findings", "resources"} {
			for _, text := range []bool{false, true} {
				if err := c.Get(background, path, nil, text, io.Discard); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
			}
		}
	})
}

// A name that is too long for a line of a file is cut when the snapshot is taken.
func TestTake_longNames(t *testing.T) {
	long := strings.Repeat("n", 2<<20)
	var text bytes.Buffer
	must(t, braid.Run(background, func(ctx context.Context, g *braid.Group) error {
		var m braid.Mutex
		m.SetName(long)
		if err := m.Lock(ctx); err != nil {
			return err
		}
		h := g.Go(func(ctx context.Context) error {
			return braid.Run(ctx, func(ctx context.Context, g *braid.Group) error { return m.Lock(ctx) }, braid.Name(long))
		}, braid.Name(long))
		g.Go(h.Wait, braid.Name("waits"))
		for waiting := 0; waiting < 2; {
			s := inspect.Take()
			waiting = 0
			for i := range s.Tasks {
				if w := s.Tasks[i].Wait; w != nil && (strings.Contains(w.Target, "nnn")) {
					waiting++
				}
			}
			text.Reset()
			if err := inspect.WriteSnapshot(&text, s); err != nil {
				return err
			}
		}
		m.Unlock()
		return nil
	}))
	s, err := inspect.ReadSnapshot(&text)
	must(t, err)
	for i := range s.Tasks {
		if n := len(s.Tasks[i].Name); n > 5000 {
			t.Errorf("a name of %d bytes", n)
		}
	}
}
