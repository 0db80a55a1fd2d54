package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/braid-go/braid/inspect"
	"github.com/braid-go/braid/template"
)

var update = flag.Bool("update", false, "make docs/pictures/top.svg anew, of a demo that this starts")

// The picture of braid top in the documentation, of a demo with its faults.
func TestPicture(t *testing.T) {
	const width, height = 110, 26
	screen := func(c *inspect.Client) *top {
		m := &top{ctx: t.Context(), client: c}
		m.Update(tea.WindowSizeMsg{Width: width, Height: height})
		m.Update(m.look()())
		return m
	}
	if !*update {
		wedged(t, inspect.Options{})
		view := screen(inspect.Take().Client()).View().Content
		picture := drawing(view, width)
		if got, want := textOf(t, picture), visible(view); got != want {
			t.Errorf("the picture says\n%q, the screen\n%q", got, want)
		}
		for _, color := range []string{palette[34], background} { // a state, the chosen row
			if !strings.Contains(picture, `fill="`+color+`"`) {
				t.Errorf("nothing in the picture is %s", color)
			}
		}
		return
	}
	m := screen(faulty(t))
	m.at = slices.IndexFunc(m.data.page.Items, func(i inspect.Item) bool { return strings.HasSuffix(i.Path, "/printer") })
	pictures := filepath.Join("..", "..", "docs", "pictures")
	if err := os.MkdirAll(pictures, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, "top.svg"), []byte(drawing(m.View().Content, width)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// faulty starts a demo with its faults, and returns a client of it when the one that takes longest has been found.
func faulty(t *testing.T) *inspect.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "braid") //nolint:usetesting // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("BRAID_RUNTIME_DIR", filepath.Join(dir, "run"))

	ctx, stop := context.WithCancel(t.Context())
	out, ended := &screen{more: make(chan struct{}, 1)}, make(chan struct{})
	go func() {
		defer close(ended)
		template.Main(ctx, command(), []string{
			"braid", "demo", "--chaos", "--http", "127.0.0.1:0", "--console", "",
			"--db", filepath.Join(dir, "demo.db"), "--grace", "100ms",
		}, out, io.Discard)
	}()
	t.Cleanup(func() { stop(); <-ended })
	out.await(t, "Serving on")

	c, err := inspect.Dial(t.Context(), strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for e, err := range c.Events(t.Context(), 0, "point") {
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.Findings(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(found.Items, func(f inspect.Finding) bool { return strings.Contains(f.Text, "from queue orders") }) {
			t.Logf("found after event %d", e.ID)
			break
		}
	}
	return c
}

const foreground, background = "#d5d8de", "#1d1f25"

// palette has the colours of SGR, for the dark background.
var palette = map[int]string{31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 34: "#79b8ff", 35: "#d2a8ff"}

// drawing makes an SVG of what a terminal with so many columns shows. It knows the colours and styles that top uses.
func drawing(view string, width int) string {
	const column, line, margin, ascent = 8, 18, 12, 14
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">`+"\n",
		width*column+2*margin, (strings.Count(view, "\n")+1)*line+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="6" fill="%s"/>`+"\n", background)
	for row, text := range strings.Split(view, "\n") {
		at := 0
		for _, r := range runs(text) {
			x, y, wide := margin+at*column, margin+row*line, r.width*column
			at += r.width
			ink := foreground
			if c := palette[r.color]; c != "" {
				ink = c
			}
			if r.reverse {
				fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`, x, y, wide, line, ink)
				ink = background
			}
			more := ""
			if r.bold {
				more += ` font-weight="bold"`
			}
			if r.faint {
				more += ` opacity=".65"`
			}
			fmt.Fprintf(&b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" style="white-space:pre" fill="%s"%s>`, x, y+ascent, wide, ink, more)
			_ = xml.EscapeText(&b, []byte(r.text)) // a Builder takes all
			b.WriteString("</text>\n")
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// run is a piece of a line in one style.
type run struct {
	text                 string
	width, color         int
	bold, faint, reverse bool
}

// runs takes a line apart, and leaves the blanks at its end away.
func runs(line string) []run {
	var all []run
	var now run
	end := func() {
		if now.text != "" {
			all = append(all, now)
		}
		now.text, now.width = "", 0
	}
	p := ansi.NewParser()
	for state := byte(0); line != ""; {
		seq, width, n, next := ansi.DecodeSequence(line, state, p)
		line, state = line[n:], next
		if width > 0 {
			now.text += seq
			now.width += width
			continue
		}
		if ansi.Cmd(p.Command()).Final() != 'm' {
			continue
		}
		end()
		if len(p.Params()) == 0 {
			now = run{}
		}
		p.Params().ForEach(0, func(_, param int, _ bool) {
			switch {
			case param == 0:
				now = run{}
			case param == 1:
				now.bold = true
			case param == 2:
				now.faint = true
			case param == 7:
				now.reverse = true
			case param == 39:
				now.color = 0
			case palette[param] != "":
				now.color = param
			}
		})
	}
	now.text = strings.TrimRight(now.text, " ")
	now.width = ansi.StringWidth(now.text)
	end()
	return all
}

// textOf returns what stands in a picture, without its blanks.
func textOf(t *testing.T, picture string) string {
	t.Helper()
	var b bytes.Buffer
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return visible(b.String())
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			b.Write(text)
		}
	}
}

// visible returns the text of a view without its blanks.
func visible(view string) string { return strings.Join(strings.Fields(ansi.Strip(view)), "") }
