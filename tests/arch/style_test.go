package arch

import (
	"go/ast"
	"path"
	"slices"
	"testing"
)

const maxLines = 500

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > maxLines {
			t.Errorf("%s has %d lines, more than %d", s.path, s.lines, maxLines)
		}
	}
}

// A name that says nothing collects everything.
func TestPackagesAreNamedForWhatTheyHold(t *testing.T) {
	t.Parallel()
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "misc"}
	for _, s := range sources(t) {
		if slices.Contains(empty, s.syntax.Name.Name) || slices.Contains(empty, path.Base(path.Dir(s.path))) {
			t.Errorf("%s: package %s", s.path, s.syntax.Name.Name)
		}
	}
}

// Whatever runs before main can not be configured, and not run twice.
func TestNothingRunsBeforeMain(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, declaration := range s.syntax.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", s.path)
			}
		}
	}
}

// The configuration of a service is what it was given. Tests may look at the machine they run on.
func TestOnlyMainReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.syntax.Name.Name == "main" || s.below("tests") || s.test() {
			continue
		}
		if s.calls("os", "Getenv", "LookupEnv", "Environ", "ExpandEnv") {
			t.Errorf("%s reads the environment", s.path)
		}
	}
}

func TestNoTestIsSkipped(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, of := range []string{"t", "b", "f", "tb"} {
			if s.below("tests") || s.test() {
				if s.calls(of, "Skip", "Skipf", "SkipNow") {
					t.Errorf("%s skips", s.path)
				}
			}
		}
	}
}

// A test that sleeps is slow or wrong, but for one in a bubble, where sleeping moves the clock.
func TestNoTestSleeps(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() && s.calls("time", "Sleep") && !slices.Contains(s.imports, "testing/synctest") {
			t.Errorf("%s sleeps", s.path)
		}
	}
}
