package braid_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// The tests in this file hold the documentation to the code: every Example that it names exists, every exported
// identifier has an Example, its Go code compiles, its links lead somewhere.

// guides are the documents that name Examples and show code.
var guides = []string{"README.md", "docs/guide.md"}

// needNoExample lists exported identifiers that no Example uses, each with the reason.
var needNoExample = map[string]string{
	"GroupError.Error":     "fmt calls it; ExampleGroupError shows the text",
	"TaskError.Error":      "fmt calls it; ExampleTaskError shows the text",
	"TimeoutError.Error":   "fmt calls it; ExampleTimeout shows the text",
	"StuckError.Error":     "has an age in it, which no two runs share; ExampleStuckTask shows such a line",
	"PanicError.Error":     "fmt calls it; ExampleOnPanic shows the text",
	"TimeoutError.Is":      "errors.Is calls it; ExampleTimeout shows what it finds",
	"PanicError.Unwrap":    "errors.Is calls it; ExamplePanicError_Unwrap shows what it finds",
	"StuckTask.String":     "fmt calls it; ExampleStuckTask shows the text",
	"State.String":         "fmt calls it; ExampleState shows the text",
	"PanicPolicy.String":   "fmt calls it; ExamplePanicPolicy shows the text",
	"NameOption.String":    "fmt calls it; ExampleNameOption shows the text",
	"RunOption.String":     "fmt calls it; ExampleRunOption shows the text",
	"TaskOption.String":    "fmt calls it; ExampleTaskOption shows the text",
	"OffloadOption.String": "fmt calls it; ExampleOffloadOption shows the text",
}

// shownElsewhere lists exported functions and types that Examples use, but none is named after, and the Example to read.
var shownElsewhere = map[string]string{
	"WithExitStack": "ExampleExitStack",
}

// example is one Example function of this package.
type example struct {
	file string
	decl *ast.FuncDecl
}

// sources are the Example files of this package, parsed once for all tests.
type sources struct {
	fset     *token.FileSet
	files    []*ast.File
	examples map[string]example
}

var loadSources = sync.OnceValues(func() (*sources, error) {
	s := &sources{fset: token.NewFileSet(), examples: make(map[string]example)}
	names, err := filepath.Glob("example*_test.go")
	if err != nil {
		return nil, fmt.Errorf("list the examples: %w", err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(s.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse the examples: %w", err)
		}
		s.files = append(s.files, f)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Example") {
				s.examples[fn.Name.Name] = example{file: name, decl: fn}
			}
		}
	}
	return s, nil
})

func mustLoad(t *testing.T) *sources {
	t.Helper()
	s, err := loadSources()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every Example says in a comment why one would do this, and is run: without an Output comment it would only be compiled.
func TestDocs_examplesRunAndExplain(t *testing.T) {
	s := mustLoad(t)
	output := regexp.MustCompile(`(?i)^//\s*(unordered )?output:`)
	for name, ex := range s.examples {
		if ex.decl.Doc == nil {
			t.Errorf("%s: %s has no comment that says what it is for", ex.file, name)
		}
		f := s.files[slices.IndexFunc(s.files, func(f *ast.File) bool { return f.FileStart <= ex.decl.Pos() && ex.decl.End() <= f.FileEnd })]
		runs := slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
			return ex.decl.Body.Pos() < c.Pos() && c.End() < ex.decl.Body.End() && output.MatchString(c.List[0].Text)
		})
		if !runs {
			t.Errorf("%s: %s has no Output comment, so it is never run", ex.file, name)
		}
	}
}

// What a guide says of an Example must stay true: the Example exists, and in the file that the guide links to.
func TestDocs_namedExamplesExist(t *testing.T) {
	s := mustLoad(t)
	name := regexp.MustCompile(`\bExample(?:[A-Z]\w*)?\b`)
	link := regexp.MustCompile(`\[` + "`?" + `(Example\w*)` + "`?" + `\]\(([^)]*)\)`)
	for _, guide := range guides {
		text := readDoc(t, guide)
		for _, line := range proseLines(text) {
			for _, n := range name.FindAllString(line.text, -1) {
				if _, ok := s.examples[n]; !ok && n != "Example" {
					t.Errorf("%s:%d: there is no %s", guide, line.number, n)
				}
			}
			for _, m := range link.FindAllStringSubmatch(line.text, -1) {
				if ex, ok := s.examples[m[1]]; ok && filepath.Join(filepath.Dir(guide), m[2]) != ex.file {
					t.Errorf("%s:%d: %s is in %s, but the link leads to %s", guide, line.number, m[1], ex.file, m[2])
				}
			}
		}
	}
}

// Each row of a table with a column of Examples has some, and what it names of braid is in them.
func TestDocs_rowsHaveExamples(t *testing.T) {
	s := mustLoad(t)
	link := regexp.MustCompile(`\[` + "`?" + `(Example\w*)` + "`?" + `\]\(`)
	name := regexp.MustCompile("(?:`|\\b(?:braid|task|portal|[a-z])\\.)([A-Z]\\w+)") // of braid, or a method
	rows := 0
	for _, guide := range guides {
		in := false
		for _, line := range proseLines(readDoc(t, guide)) {
			switch {
			case !strings.HasPrefix(line.text, "|"):
				in = false
			case strings.HasSuffix(line.text, "| Example |"):
				in = true
			case in && !strings.HasPrefix(line.text, "|-"):
				rows++
				shown := make(map[string]bool)
				for _, m := range link.FindAllStringSubmatch(line.text, -1) {
					ex, ok := s.examples[m[1]]
					if !ok {
						continue // TestDocs_namedExamplesExist says so
					}
					ast.Inspect(ex.decl, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok {
							shown[strings.TrimPrefix(id.Name, "New")] = true // what makes an X shows X
						}
						return true
					})
				}
				if len(shown) == 0 {
					t.Errorf("%s:%d: this row links to no Example: %s", guide, line.number, line.text)
				}
				for _, m := range name.FindAllStringSubmatch(strings.Split(line.text, " | ")[1], -1) {
					if !shown[strings.TrimPrefix(m[1], "New")] {
						t.Errorf("%s:%d: no Example of this row uses %s: %s", guide, line.number, m[1], line.text)
					}
				}
			}
		}
	}
	if rows < 50 {
		t.Errorf("found %d rows with Examples; has the form of the tables changed?", rows)
	}
}

// Every exported identifier is used in an Example, and functions and types have an Example named after them,
// so that go doc shows it beside them.
func TestDocs_everyExportHasAnExample(t *testing.T) {
	s := mustLoad(t)
	imp := newImporter(t, s.fset, s.files)
	pkg, err := imp.Import("github.com/braid-go/braid")
	if err != nil {
		t.Fatal(err)
	}
	used := usedInExamples(t, s, imp)

	needed := maps.Clone(needNoExample)
	need := func(obj types.Object, name string) {
		_, excused := needNoExample[name]
		delete(needed, name)
		switch {
		case used[obj] && excused:
			t.Errorf("%s is used in an Example; take it out of needNoExample", name)
		case !used[obj] && !excused:
			t.Errorf("%s is exported and no Example uses it", name)
		}
	}
	elsewhere := maps.Clone(shownElsewhere)
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		need(obj, name)
		switch obj := obj.(type) {
		case *types.TypeName:
			set := types.NewMethodSet(types.NewPointer(obj.Type()))
			if types.IsInterface(obj.Type()) {
				set = types.NewMethodSet(obj.Type())
			}
			for m := range set.Methods() {
				if fn, ok := m.Obj().(*types.Func); ok && fn.Exported() {
					need(fn.Origin(), name+"."+fn.Name())
				}
			}
		case *types.Func:
		default:
			continue // a constant or variable needs only to be used
		}
		if instead, ok := shownElsewhere[name]; ok {
			delete(elsewhere, name)
			if _, ok := s.examples[instead]; !ok {
				t.Errorf("shownElsewhere sends readers of %s to %s, which does not exist", name, instead)
			}
			continue
		}
		if !isNamedInExample(s, name) {
			t.Errorf("%s has no Example named after it", name)
		}
	}
	for name := range needed {
		t.Errorf("needNoExample lists %s, which is not exported any more", name)
	}
	for name := range elsewhere {
		t.Errorf("shownElsewhere lists %s, which is not exported any more", name)
	}
}

// isNamedInExample reports whether an Example is named after the function or type. What makes an X, and the snapshot
// of an X, stand beside X in the documentation, and count as shown with it.
func isNamedInExample(s *sources, name string) bool {
	names := []string{name, strings.TrimPrefix(name, "New"), strings.TrimSuffix(name, "Statistics")}
	for ex := range s.examples {
		first, _, _ := strings.Cut(strings.TrimPrefix(ex, "Example"), "_")
		if slices.Contains(names, first) {
			return true
		}
	}
	return false
}

// usedInExamples returns the objects that the bodies of Examples mention, and the types of what they handle.
func usedInExamples(t *testing.T, s *sources, imp types.Importer) map[types.Object]bool {
	t.Helper()
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object), Types: make(map[ast.Expr]types.TypeAndValue)}
	conf := types.Config{Importer: imp}
	if _, err := conf.Check("braid_test", s.fset, s.files, info); err != nil {
		t.Fatal(err)
	}
	used := make(map[types.Object]bool)
	for _, ex := range s.examples {
		ast.Inspect(ex.decl.Body, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				switch obj := info.Uses[id].(type) {
				case nil:
				case *types.Func:
					used[obj.Origin()] = true
				default:
					used[obj] = true
				}
			}
			if x, ok := n.(ast.Expr); ok {
				typ := info.Types[x].Type
				if p, ok := typ.(*types.Pointer); ok {
					typ = p.Elem()
				}
				switch named := typ.(type) {
				case *types.Named:
					used[named.Obj()] = true
				case *types.Slice:
					if elem, ok := named.Elem().(*types.Named); ok {
						used[elem.Obj()] = true
					}
				}
			}
			return true
		})
	}
	return used
}

// fragment is what Go code in a guide that is no whole program is checked in.
// The guide says that ctx and g are there; the functions stand for the reader's own.
const fragment = `package p

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/braid-go/braid"
)

type (
	page  struct{ size int }
	order struct{ id int }
)

func fetch(ctx context.Context, url string) (page, error)    { panic(ctx) }
func save(ctx context.Context, p page) error                 { panic(ctx) }
func serve(ctx context.Context) error                        { panic(ctx) }
func refresh(ctx context.Context) error                      { panic(ctx) }
func handle(ctx context.Context, o order) error              { panic(ctx) }
func listen(ctx context.Context, ready func(string)) error   { panic(ctx) }
func compress(ctx context.Context) ([]byte, error)           { panic(ctx) }
func urls() iter.Seq[string]                                 { panic(0) }

`

// Go code in the guides compiles, whole programs and fragments alike.
func TestDocs_codeCompiles(t *testing.T) {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, guide := range guides {
		for _, b := range codeBlocks(readDoc(t, guide)) {
			name := fmt.Sprintf("%s:%d", guide, b.number)
			src := b.text
			switch {
			case strings.Contains(src, "package main"):
			case strings.HasPrefix(src, "func "):
				src = fragment + src
			default:
				src = fragment + "func _(ctx context.Context, g *braid.Group) error {\n" + src + "\npanic(0)\n}\n"
			}
			f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			files = append(files, f)
			if formatted, err := format.Source([]byte(b.text)); err != nil || string(formatted) != b.text {
				t.Errorf("%s: run gofmt on this code (%v)", name, err)
			}
		}
	}
	imp := newImporter(t, fset, files)
	for _, f := range files {
		name := fset.Position(f.FileStart).Filename
		conf := types.Config{Importer: imp, Error: func(err error) {
			e, ok := errors.AsType[types.Error](err)
			if ok && (!e.Soft || f.Name.Name == "main") { // a fragment need not use all it has
				t.Errorf("code at %s: %v", name, e.Msg)
			}
		}}
		_, _ = conf.Check("p", fset, []*ast.File{f}, nil) // reported above
	}
}

// The README's program is the Example of the package, which runs, so the README's output is right as well.
func TestDocs_readmeProgramIsTheExample(t *testing.T) {
	s := mustLoad(t)
	text := readDoc(t, "README.md")
	for _, b := range codeBlocks(text) {
		if !strings.Contains(b.text, "package main") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), "", b.text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "main" {
				continue
			}
			want := strip(t, s.examples["Example"].decl.Body)
			if got := strip(t, fn.Body); got != want {
				t.Errorf("main in the README differs from Example in example_test.go:\n%s\n\nExample:\n%s", got, want)
			}
		}
	}
	out := "price: 42\nheartbeat stopped\ntask shop/audit: disk full\n"
	if !strings.Contains(text, "```text\n"+out+"```") {
		t.Errorf("the README does not show the output of its program:\n%s", out)
	}
}

// strip prints code without its comments and blank lines.
func strip(t *testing.T, n ast.Node) string {
	t.Helper()
	var b bytes.Buffer
	if err := format.Node(&b, token.NewFileSet(), n); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Links inside the repository lead to a file, and to a heading that it has.
func TestDocs_links(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	code := regexp.MustCompile("`[^`]*`") // in which NewQueue[T](n) is no link
	for _, doc := range append([]string{"CHANGELOG.md"}, guides...) {
		for _, line := range proseLines(readDoc(t, doc)) {
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(line.text, ""), -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				path, anchor, _ := strings.Cut(m[1], "#")
				target := doc
				if path != "" {
					target = filepath.Join(filepath.Dir(doc), path)
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s:%d: %v", doc, line.number, err)
				} else if anchor != "" && !slices.Contains(anchors(readDoc(t, target)), anchor) {
					t.Errorf("%s:%d: %s has no heading #%s", doc, line.number, target, anchor)
				}
			}
		}
	}
}

// anchors returns the headings of a document as links name them.
func anchors(text string) []string {
	var list []string
	for _, line := range proseLines(text) {
		heading, ok := strings.CutPrefix(strings.TrimLeft(line.text, "#"), " ")
		if !ok || !strings.HasPrefix(line.text, "#") {
			continue
		}
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			default:
				return -1
			}
		}, heading))
	}
	return list
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// block is a line or a block of code, and where it begins.
type block struct {
	number int
	text   string
}

// proseLines returns the lines of a document that are not code.
func proseLines(text string) []block {
	prose, _ := split(text)
	return prose
}

// codeBlocks returns the blocks of Go code.
func codeBlocks(text string) []block {
	_, code := split(text)
	return code
}

func split(text string) (prose, code []block) {
	fence := ""
	var b block
	for i, line := range strings.Split(text, "\n") {
		switch {
		case fence == "" && strings.HasPrefix(line, "```"):
			fence, b = line, block{number: i + 2}
		case fence == "":
			prose = append(prose, block{number: i + 1, text: line})
		case line == "```":
			if fence == "```go" {
				code = append(code, b)
			}
			fence = ""
		default:
			b.text += line + "\n"
		}
	}
	return prose, code
}

// newImporter returns an importer for all that the files import. It reads what the go command has compiled,
// which takes a fraction of the time of checking the packages from source.
func newImporter(t *testing.T, fset *token.FileSet, files []*ast.File) types.Importer {
	t.Helper()
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal("needs the go command, which go test has, to find compiled packages:", err)
	}
	paths := map[string]bool{"github.com/braid-go/braid": true}
	for _, f := range files {
		for _, i := range f.Imports {
			paths[strings.Trim(i.Path.Value, `"`)] = true
		}
	}
	args := []string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}}={{.Export}}{{end}}"}
	cmd := exec.CommandContext(t.Context(), goCommand, append(args, slices.Sorted(maps.Keys(paths))...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
		exports[path] = file
	}
	return importer.ForCompiler(fset, build.Default.Compiler, func(path string) (io.ReadCloser, error) {
		file, ok := exports[path]
		if !ok {
			return nil, fmt.Errorf("no compiled package %q", path)
		}
		return os.Open(file)
	})
}
