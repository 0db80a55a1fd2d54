package inspect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The form of a snapshot in a file: one JSON object a line, each with a type.
// The first line says what it is, the last one that nothing is missing.

const (
	snapshotFormat = "braid-snapshot"

	recordSite     = "site"
	recordScope    = "scope"
	recordTask     = "task"
	recordResource = "resource"
	recordIncident = "incident"
	recordFinding  = "finding"

	maxLine = 1 << 20 // a record is some hundred bytes; this is far above the largest and bounds what a foreign file costs
)

// heading is the first line.
type heading struct {
	Format        string    `json:"format"`
	FormatVersion int       `json:"format_version"`
	Process       Process   `json:"process"`
	Seq           uint64    `json:"seq"`
	Taken         time.Time `json:"taken"`
	TookUS        int64     `json:"took_us"`
	CoarseUS      int64     `json:"coarse_us"`
}

// trailer is the last line.
type trailer struct {
	Records  int      `json:"records"` // lines between the first and this one
	Counters Counters `json:"counters"`
}

// SnapshotError says why a file with a snapshot could not be read to its end.
type SnapshotError struct {
	Line      int    // where, counted from 1
	Records   int    // how many records were read before
	Truncated bool   // the file is a snapshot, and ends too early
	Reason    string // what is wrong there
	Err       error  // what reading or decoding said, or nil
}

func (e *SnapshotError) Error() string {
	text := fmt.Sprintf("inspect: line %d of the snapshot: %s", e.Line, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Records > 0 {
		text += fmt.Sprintf(" (%d records before it were read)", e.Records)
	}
	return text
}

func (e *SnapshotError) Unwrap() error { return e.Err }

// WriteSnapshot writes s to w in the form that [ReadSnapshot] reads, which is that of v1/snapshot.ndjson.
// It writes one record at a time and does not hold the text of the whole.
func WriteSnapshot(w io.Writer, s *Snapshot) error {
	out := &lineWriter{w: bufio.NewWriterSize(w, 64<<10)}
	out.line("snapshot", heading{
		Format: snapshotFormat, FormatVersion: FormatVersion,
		Process: s.Process, Seq: s.Seq, Taken: s.Taken, TookUS: s.TookUS, CoarseUS: s.CoarseUS,
	})
	lines(out, recordSite, s.Sites)
	lines(out, recordScope, s.Scopes)
	lines(out, recordTask, s.Tasks)
	lines(out, recordResource, s.Resources)
	lines(out, recordIncident, s.Incidents)
	lines(out, recordFinding, s.Findings)
	out.line("end", trailer{Records: out.n - 1, Counters: s.Counters})
	if out.err != nil {
		return fmt.Errorf("inspect: write the snapshot: %w", out.err)
	}
	if err := out.w.Flush(); err != nil {
		return fmt.Errorf("inspect: write the snapshot: %w", err)
	}
	return nil
}

type lineWriter struct {
	w   *bufio.Writer
	n   int
	err error // the first one
}

func lines[T any](out *lineWriter, kind string, records []T) {
	for i := range records {
		if out.err != nil {
			return
		}
		out.line(kind, &records[i])
	}
}

// line writes the object v with the type in front of its fields.
func (out *lineWriter) line(kind string, v any) {
	if out.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		out.err = err
		return
	}
	out.n++
	// An error of the first ones is that of the last one, too.
	_, _ = out.w.WriteString(`{"type":"`)
	_, _ = out.w.WriteString(kind)
	_, _ = out.w.WriteString(`",`)
	_, _ = out.w.Write(b[1:]) // no record is empty, so that there is a field after the comma
	out.err = out.w.WriteByte('\n')
}

// ReadSnapshot reads a snapshot that [WriteSnapshot] or v1/snapshot.ndjson has written.
//
// If r ends too early, or holds something else from some line on, it returns what came before beside a [*SnapshotError] that says
// what is wrong in which line; the snapshot is nil if not even the first line is one of a snapshot.
// Records of types that it does not know are left out: later versions may add some.
func ReadSnapshot(r io.Reader) (*Snapshot, error) {
	in := &snapshotReader{r: bufio.NewReaderSize(r, maxLine)}
	err := in.all()
	if err != nil {
		err.Line, err.Records = in.line, in.records
		return in.s, err
	}
	return in.s, nil
}

type snapshotReader struct {
	r       *bufio.Reader
	line    int // the one that is read, counted from 1
	records int
	s       *Snapshot
}

func (in *snapshotReader) all() *SnapshotError {
	b, err := in.next()
	switch {
	case err != nil && err.Truncated && len(b) == 0:
		return &SnapshotError{Reason: "the file is empty"}
	case err != nil && !err.Truncated:
		return err
	}
	if e := in.heading(b); e != nil {
		return e
	}
	if err != nil {
		return err
	}
	for {
		b, err := in.next()
		if err != nil && (!err.Truncated || !json.Valid(b)) { // an editor may have taken the last line break
			return err
		}
		kind, e := kindOf(b)
		if e != nil {
			return e
		}
		if kind == "end" {
			return in.end(b)
		}
		if err != nil {
			return err
		}
		if e := in.record(kind, b); e != nil {
			return e
		}
		in.records++
	}
}

// next returns the next line, which is good until the one after it is read. At the end of r it returns what is left beside a Truncated.
func (in *snapshotReader) next() ([]byte, *SnapshotError) {
	in.line++
	b, err := in.r.ReadSlice('\n')
	switch {
	case err == nil:
		return b, nil
	case errors.Is(err, io.EOF):
		return b, &SnapshotError{Truncated: true, Reason: "it ends before its end record: it is truncated"}
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, &SnapshotError{Reason: fmt.Sprintf("longer than %d bytes: no line of a snapshot", maxLine)}
	default:
		return nil, &SnapshotError{Reason: "cannot read it", Err: err}
	}
}

func (in *snapshotReader) heading(b []byte) *SnapshotError {
	var h heading
	kind, err := kindOf(b)
	if err != nil || kind != "snapshot" || json.Unmarshal(b, &h) != nil || h.Format != snapshotFormat {
		return &SnapshotError{Reason: fmt.Sprintf("this is no snapshot of a braid program; it begins with %.40q", bytes.TrimSpace(b))}
	}
	if h.FormatVersion < 1 || h.FormatVersion > FormatVersion {
		return &SnapshotError{Reason: fmt.Sprintf("a snapshot of format version %d, and this program reads version %d; use a newer one", h.FormatVersion, FormatVersion)}
	}
	in.s = &Snapshot{Process: h.Process, Seq: h.Seq, Taken: h.Taken, TookUS: h.TookUS, CoarseUS: h.CoarseUS}
	return nil
}

func (in *snapshotReader) record(kind string, b []byte) *SnapshotError {
	switch kind {
	case recordSite:
		return add(&in.s.Sites, kind, b)
	case recordScope:
		return add(&in.s.Scopes, kind, b)
	case recordTask:
		return add(&in.s.Tasks, kind, b)
	case recordResource:
		return add(&in.s.Resources, kind, b)
	case recordIncident:
		return add(&in.s.Incidents, kind, b)
	case recordFinding:
		return add(&in.s.Findings, kind, b)
	case "snapshot":
		return &SnapshotError{Reason: "a second snapshot begins before the end record of the first"}
	}
	return nil
}

func add[T any](to *[]T, kind string, b []byte) *SnapshotError {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return &SnapshotError{Reason: "no " + kind, Err: err}
	}
	*to = append(*to, v)
	return nil
}

func (in *snapshotReader) end(b []byte) *SnapshotError {
	var t trailer
	if err := json.Unmarshal(b, &t); err != nil {
		return &SnapshotError{Reason: "no end record", Err: err}
	}
	in.s.Counters = t.Counters
	if t.Records != in.records {
		return &SnapshotError{Reason: fmt.Sprintf("the end record counts %d records, but %d are here", t.Records, in.records)}
	}
	rest, err := in.next()
	if err == nil || !err.Truncated || len(bytes.TrimSpace(rest)) > 0 {
		return &SnapshotError{Reason: "something follows the end record"}
	}
	return nil
}

// kindOf returns the type of a record. WriteSnapshot writes it first, where it is found without decoding the line.
func kindOf(b []byte) (string, *SnapshotError) {
	if rest, ok := bytes.CutPrefix(b, []byte(`{"type":"`)); ok {
		if kind, _, ok := bytes.Cut(rest, []byte(`"`)); ok && !bytes.ContainsRune(kind, '\\') {
			return string(kind), nil
		}
	}
	var v struct {
		Type *string `json:"type"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return "", &SnapshotError{Reason: "no JSON object", Err: err}
	}
	if v.Type == nil {
		return "", &SnapshotError{Reason: "a record without a type"}
	}
	return *v.Type, nil
}
