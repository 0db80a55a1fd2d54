package braid_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// Each exported operation that may block says under Cancellation what a cancelled call leaves behind.
// It may block if it takes a ctx and returns an error or a stream of them.
func TestEveryBlockingOperationSaysWhatACancelledCallLeavesBehind(t *testing.T) {
	t.Parallel()
	found := 0
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !mayBlock(f.Type) {
				continue
			}
			found++
			if !strings.Contains(f.Doc.Text(), "\n# Cancellation\n") {
				t.Errorf("%s has no paragraph Cancellation", f.Name.Name)
			}
		}
	}
	if found < 40 {
		t.Errorf("only %d operations were found", found)
	}
}

func mayBlock(f *ast.FuncType) bool {
	has := func(list *ast.FieldList, of ...string) bool {
		for _, field := range fields(list) {
			text := types.ExprString(field.Type)
			for _, typ := range of {
				if text == typ || strings.HasPrefix(text, typ+"[") {
					return true
				}
			}
		}
		return false
	}
	return has(f.Params, "context.Context") && has(f.Results, "error", "iter.Seq2")
}

func fields(list *ast.FieldList) []*ast.Field {
	if list == nil {
		return nil
	}
	return list.List
}
