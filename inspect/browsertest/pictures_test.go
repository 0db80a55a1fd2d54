package browsertest_test

import (
	"bufio"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "make the pictures in docs/pictures anew, of a demo that this starts")

// views are all views of the console, each with a text that it has when all of it is there. A task's page is that of the task with the path.
var views = []struct{ name, hash, task, has string }{
	{name: "overview", hash: "#/overview", has: "90 %"},
	{name: "tree", hash: "#/tree", has: "lines"},
	{name: "waits", hash: "#/graph", has: "waits on"},
	{name: "findings", hash: "#/findings", has: "deadlock"},
	{name: "tasks", hash: "#/tasks", has: " tasks"},
	{name: "groups", hash: "#/tasks?group=site,wait", has: " groups"},
	{name: "task", hash: "#/task/%d", task: "shop/left", has: "Stack"},
}

// The pictures of the documentation, of a demo with its faults.
func TestPictures(t *testing.T) {
	if !*update {
		t.Skip("with -update it makes the pictures in docs/pictures anew")
	}
	theBrowser(t)
	url := demo(t)
	p := open(t, url, look{1200, 750, "light", false})
	p.until("text('#badge') !== ''")
	p.until("text('#view').includes('deadlock') && $$('.chart path.series').length === 14 && text('.chart .axis') !== ''")
	p.until("$$('.chart')[0].querySelectorAll('path.series')[0].getAttribute('d').split('L').length > 30") // there is something to be drawn
	p.picture("overview-light")
	p.click("#theme")
	p.picture("overview-dark")
	p.click("#theme")
	p.to("#/tree", "tree")
	p.until("line('printer')")
	p.picture("tree")
	p.to("#/graph", "graph")
	p.until("$$('.node.dead').length > 8")
	p.picture("waits")
	p.to("#/findings", "findings")
	p.until("$('.finding')")
	p.picture("findings")
	p.to("#/tasks?group=site,wait", "tasks")
	p.until("$$('#view tbody tr').length > 5")
	p.picture("tasks")
	p.to("#/tree", "tree")
	id := eval[string](p, "line('auditor').dataset.id")
	p.to("#/task/"+id, "task")
	p.wants("#view", "Why it does not go on")
	p.picture("task")
}

func (p *page) picture(name string) {
	p.t.Helper()
	b, err := small(do(p, chromedp.CaptureScreenshot()))
	if err != nil {
		p.t.Fatal(err)
	}
	p.keep(filepath.Join("..", "..", "docs", "pictures", "console-"+name+".png"), b)
	p.t.Logf("%s: %d kB", name, len(b)/1000)
}

// small is the picture with no more than 256 colours, which is enough for text and lines, and makes it a third of the size.
// Colours that hardly differ count as one, so that a few pixels of another colour keep it.
func small(b []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	exact, alike := map[color.RGBA]int{}, map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			c := color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
			exact[c]++
			alike[rough(c)]++
		}
	}
	frequent := func(count map[color.RGBA]int) []color.RGBA {
		return slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
			return cmp.Or(count[b]-count[a], strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
		})
	}
	colors := frequent(exact)
	var palette color.Palette
	for _, c := range colors[:min(128, len(colors))] {
		palette = append(palette, c)
		delete(alike, rough(c))
	}
	for _, kind := range frequent(alike)[:min(128, len(alike))] {
		i := slices.IndexFunc(colors, func(c color.RGBA) bool { return rough(c) == kind })
		palette = append(palette, colors[i])
	}
	paletted := image.NewPaletted(img.Bounds(), palette)
	draw.Draw(paletted, img.Bounds(), img, img.Bounds().Min, draw.Src)
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, paletted)
	return out.Bytes(), err
}

func rough(c color.RGBA) color.RGBA {
	return color.RGBA{c.R >> 4, c.G >> 4, c.B >> 4, 255}
}

// demo starts braid demo with its faults, and returns the URL of its console.
func demo(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	program := filepath.Join(dir, "braid")
	if out, err := exec.CommandContext(background, "go", "build", "-o", program, "github.com/braid-go/braid/cmd/braid").CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(background, program, "demo", "--http", "127.0.0.1:0", "--console", "127.0.0.1:0",
		"--db", filepath.Join(dir, "demo.db"), "--chaos", "--allow-cancel")
	cmd.Env = append(cmd.Environ(), "BRAID_RUNTIME_DIR="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	read := make(chan struct{})
	t.Cleanup(func() {
		must(t, cmd.Process.Kill()) // it has a task that does not end
		<-read
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "http://"); ok && strings.Contains(url, "#token=") {
				found <- "http://" + strings.TrimSpace(url)
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case <-read:
		t.Fatal("the demo ended without having said where its console is")
		return ""
	}
}
