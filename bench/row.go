package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"unicode/utf8"
)

// row is one line of the table: a subject, as a rule beside its peer.
type row struct {
	Benchmark string `json:"benchmark"`
	Unit      string `json:"unit"` // of Value and PeerValue
	Subject   string `json:"subject"`
	Peer      string `json:"peer,omitempty"`

	Value     float64    `json:"value"`
	PeerValue float64    `json:"peerValue,omitempty"`
	Ratio     float64    `json:"ratio,omitempty"`    // the median of the rounds' ratios, not the ratio of the medians
	Quartiles [2]float64 `json:"quartiles,omitzero"` // of the rounds' ratios

	// Processor time in the same unit, for rows whose Value is wall time.
	CPU      float64 `json:"cpu,omitempty"`
	PeerCPU  float64 `json:"peerCpu,omitempty"`
	CPURatio float64 `json:"cpuRatio,omitempty"`
	ByCPU    bool    `json:"byCpu,omitempty"` // the verdict goes by it, because the machine was not ours alone

	Allocs  *float64 `json:"allocs,omitempty"`  // an operation; nil if not measured
	Bounds  []string `json:"bounds,omitempty"`  // none for a row that is there for comparison
	Over    []string `json:"over,omitempty"`    // those of the bounds that are not met
	Verdict string   `json:"verdict,omitempty"` // "within" or "over"; empty without bounds
	Note    string   `json:"note,omitempty"`
}

// compare sets the figures from those of all rounds. ys may be nil.
func (r *row) compare(xs, ys []float64) {
	r.Value = median(xs)
	if ys == nil {
		return
	}
	r.PeerValue = median(ys)
	ratios := pairwise(xs, ys)
	r.Ratio = median(ratios)
	r.Quartiles = [2]float64{quantile(ratios, 0.25), quantile(ratios, 0.75)}
}

// check adds a bound and whether it is met.
func (r *row) check(met bool, bound string) {
	r.Bounds = append(r.Bounds, bound)
	if !met {
		r.Over = append(r.Over, bound)
	}
	r.Verdict = "within"
	if len(r.Over) > 0 {
		r.Verdict = "over"
	}
}

var heading = []string{"benchmark", "figure", "peer", "ratio (quartiles)", "bound", "cpu", "peer", "ratio", "allocs", "verdict"}

// cells returns what stands in a row's line, below heading.
func (r *row) cells() []string {
	cells := make([]string, len(heading))
	cells[0], cells[1] = "  "+r.Subject, digits(r.Value)
	if r.Peer != "" {
		cells[2] = digits(r.PeerValue)
		cells[3] = fmt.Sprintf("%.2f (%.2f-%.2f)", r.Ratio, r.Quartiles[0], r.Quartiles[1])
	}
	cells[4] = strings.Join(r.Bounds, ", ")
	if r.CPU > 0 {
		cells[5] = digits(r.CPU)
	}
	if r.PeerCPU > 0 {
		cells[6], cells[7] = digits(r.PeerCPU), fmt.Sprintf("%.2f", r.CPURatio)
	}
	if r.Allocs != nil {
		cells[8] = fmt.Sprintf("%.2f", *r.Allocs)
	}
	cells[9] = r.Verdict
	if r.ByCPU && r.Verdict != "" {
		cells[9] += " by cpu"
	}
	if len(r.Over) > 0 && len(r.Bounds) > 1 {
		cells[9] += ": " + strings.Join(r.Over, ", ")
	}
	return cells
}

// title stands above the rows of one benchmark.
func (r *row) title() string {
	t := r.Benchmark + ", " + r.Unit
	if r.Peer != "" {
		t += "; peer: " + r.Peer
	}
	return t
}

// digits prints three digits, and all of those before the point.
func digits(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// writeTable prints rows for people.
func writeTable(w io.Writer, rows []row) error {
	lines := make([][]string, 1, 1+len(rows))
	lines[0] = heading
	for _, r := range rows {
		lines = append(lines, r.cells())
	}
	width := make([]int, len(heading))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	b.WriteString(aligned(heading, width))
	last := ""
	for i, r := range rows {
		if t := r.title(); t != last {
			b.WriteString(t + "\n")
			last = t
		}
		b.WriteString(aligned(lines[1+i], width))
		if r.Note != "" {
			b.WriteString("    (" + r.Note + ")\n")
		}
	}
	_, err := io.WriteString(w, b.String()+explanation)
	return err
}

// aligned returns a line of the table: numbers to the right, words to the left.
func aligned(cells []string, width []int) string {
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
		switch heading[i] {
		case "benchmark", "ratio (quartiles)", "bound", "verdict":
			b.WriteString(cell + pad + "  ")
		default:
			b.WriteString(pad + cell + "  ")
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

const explanation = `
Figures are medians over the rounds, in which all sides take turns. The first ratio is the median of the ratios within
a round, with the quartiles of these. Verdicts on time go by wall time, as go test -bench counts it. "cpu" is the time of
all processors for the same operation, the garbage collector's and the scheduler's share included; "by cpu" says that
the verdict goes by this, because others used the machine at the same time. A row without a bound is for comparison.
`

// report is what -json prints.
type report struct {
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	CPUs     int    `json:"cpus"`
	CPUClock string `json:"cpuClock"`
	Rounds   int    `json:"rounds"`
	Rows     []row  `json:"rows"`
}

func newReport(c config, rows []row) report {
	return report{
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
		CPUClock: clock, Rounds: c.rounds, Rows: rows,
	}
}

func (r report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (r report) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s/%s, %d processors, %d rounds; cpu: %s\n\n", r.Go, r.OS, r.Arch, r.CPUs, r.Rounds, r.CPUClock)
	return writeTable(w, r.Rows)
}
