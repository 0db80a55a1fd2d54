package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/braid-go/braid"
	"github.com/braid-go/braid/inspect"
	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "make the pictures in docs/pictures anew, of a demo that this starts")

// views are all views of the console, each with the text that it has when all of it is there. A task's page is that of the task %d.
var views = []struct{ name, hash, has string }{
	{"overview", "#/overview", "90 %"},
	{"tree", "#/tree", "lines"},
	{"waits", "#/graph", "waits on"},
	{"findings", "#/findings", "deadlock"},
	{"tasks", "#/tasks", "tasks"},
	{"groups", "#/tasks?group=site,wait", "groups"},
	{"task", "#/task/%d", "Stack"},
}

// Each view, light and dark, wide and narrow, for people to look at.
func TestShots(t *testing.T) {
	s := serve(t, inspect.Options{LabelIDs: true, Write: true})
	begin := new(braid.Event)
	begin.Set()
	run(t, "shop", func(ctx context.Context, g *braid.Group) error {
		deadlocked(g, begin)
		many(g, 300, false)
		g.Go(func(ctx context.Context) error {
			return braid.Every(ctx, 50*time.Millisecond, func(ctx context.Context) error {
				return braid.Run(ctx, func(_ context.Context, g *braid.Group) error {
					for range 5 {
						g.Go(func(ctx context.Context) error { return braid.Sleep(ctx, 20*time.Millisecond) }, braid.Name("request"))
					}
					return nil
				})
			})
		}, braid.Name("requests"))
		return park(ctx)
	})
	id := s.id(t, "shop/left")
	for _, l := range []look{{1400, 900, "light", false}, {1400, 900, "dark", false}, {800, 900, "light", false}} {
		t.Run(fmt.Sprintf("%d-%s", l.width, l.scheme), func(t *testing.T) {
			p := open(t, s.url, l)
			p.until("text('#badge') !== ''")
			for _, v := range views {
				hash := v.hash
				if strings.Contains(hash, "%d") {
					hash = fmt.Sprintf(hash, id)
				}
				p.to(hash, strings.FieldsFunc(hash, func(r rune) bool { return strings.ContainsRune("#/?", r) })[0])
				p.wants("body", v.has)
				p.until("document.documentElement.scrollWidth <= innerWidth") // nothing makes the page itself wider than it is
				p.shoot(fmt.Sprintf("%s-%d-%s", v.name, l.width, l.scheme))
			}
		})
	}
}

// The pictures of the documentation, of the demo with its faults.
func TestPictures(t *testing.T) {
	if !*update {
		t.Skip("with -update it makes docs/pictures anew")
	}
	url := demo(t)
	for _, scheme := range []string{"light", "dark"} {
		p := open(t, url, look{1200, 760, scheme, false})
		p.until("text('#badge') !== ''")
		p.until("text('.legend').includes('blocked')")
		for _, v := range views {
			hash := v.hash
			switch v.name {
			case "groups", "tasks":
				continue
			case "task":
				hash = eval[string](p, "(await fetch)")
			}
			p.to(hash, strings.Trim(strings.Split(hash, "/")[1], "/"))
			p.picture("console-" + v.name + "-" + scheme)
		}
	}
}

func (p *page) picture(name string) {
	p.t.Helper()
	b := do(p, chromedp.CaptureScreenshot())
	p.keep(filepath.Join("..", "..", "docs", "pictures", name+".png"), small(p.t, b))
}

// small is the picture with no more than 256 colours, which is enough for text and lines.
func small(t *testing.T, b []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	must(t, err)
	count := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			count[color.RGBA{uint8(r>>8) &^ 7, uint8(g>>8) &^ 7, uint8(b>>8) &^ 7, 255}]++
		}
	}
	_ = count
	_ = slices.Sort[[]int]
	_ = image.Black
	return b
}

// demo starts braid demo with its faults, and returns the URL of its console.
func demo(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(background)
	t.Cleanup(stop)
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "braid"), "github.com/braid-go/braid/cmd/braid")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "braid"), "demo", "--http", "127.0.0.1:0", "--console", "127.0.0.1:0",
		"--db", filepath.Join(dir, "demo.db"), "--chaos", "--allow-cancel")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill() // it has a task that does not stop
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "http://"); ok && strings.Contains(url, "#token=") {
			go func() {
				for lines.Scan() { // so that the demo can write
				}
			}()
			return "http://" + strings.TrimSpace(url)
		}
	}
	t.Fatal("the demo did not say where its console is")
	_ = http.MethodGet
	return ""
}
