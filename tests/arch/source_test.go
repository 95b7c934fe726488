// Package arch makes the rules of the house true: who may import whom, and what no source file may do.
package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	prefix = "github.com/channelstream/channelstream/"
)

// source is one Go file.
type source struct {
	path    string // below the root, with slashes
	syntax  *ast.File
	imports []string
	lines   int
}

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) below(folder string) bool { return strings.HasPrefix(s.path, folder+"/") }

// uses reports whether the file imports a package, or one below it.
func (s source) uses(module string) bool {
	return slices.ContainsFunc(s.imports, func(p string) bool { return p == module || strings.HasPrefix(p, module+"/") })
}

// parsed is every Go file of the repository, read once for all tests.
var parsed = sync.OnceValues(parseAll)

func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("only %d files were found", len(all))
	}
	return all
}

func parseAll() ([]source, error) {
	var all []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if foreign(name, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		s, err := parse(name)
		all = append(all, s)
		return err
	})
	return all, err
}

// foreign is what is not the project's own source.
func foreign(name, base string) bool {
	return name != root && (strings.HasPrefix(base, ".") || slices.Contains([]string{"node_modules", "testdata", "bin", "data", "dist"}, base))
}

func parse(name string) (source, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	syntax, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	short, err := filepath.Rel(root, name)
	s := source{path: filepath.ToSlash(short), syntax: syntax, lines: bytes.Count(content, []byte("\n"))}
	for _, spec := range syntax.Imports {
		p, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
		s.imports = append(s.imports, p)
	}
	return s, err
}

// calls reports whether the file names one of these members of a package or variable.
func (s source) calls(pkg string, names ...string) bool {
	found := false
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(names, selector.Sel.Name) {
			return !found
		}
		of, plain := selector.X.(*ast.Ident)
		found = found || plain && of.Name == pkg
		return !found
	})
	return found
}
