package arch

import (
	"encoding/json"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// modules finds the folder of every go.mod, below the root and with slashes.
func modules(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(name, entry.Name()):
			return filepath.SkipDir
		case entry.Name() == "go.mod":
			short, err := filepath.Rel(root, filepath.Dir(name))
			found = append(found, filepath.ToSlash(short))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// goEdit reads a go.mod or go.work with the tool that owns the format.
func goEdit(t *testing.T, into any, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", arguments...)
	command.Dir = root
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %v: %v", arguments, err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

func TestEveryModuleIsInTheWorkspace(t *testing.T) {
	t.Parallel()
	var work struct{ Use []struct{ DiskPath string } }
	goEdit(t, &work, "work", "edit", "-json")
	var used []string
	for _, use := range work.Use {
		used = append(used, strings.TrimPrefix(use.DiskPath, "./"))
	}
	found := modules(t)
	slices.Sort(used)
	slices.Sort(found)
	if !slices.Equal(used, found) {
		t.Errorf("go.work uses %v, there are %v", used, found)
	}
}

// A module builds by itself from a clone: what it replaces lies in the clone, under the name it has there.
func TestReplacementsStayInTheRepository(t *testing.T) {
	t.Parallel()
	found := modules(t)
	for _, folder := range found {
		var mod struct {
			Module  struct{ Path string }
			Replace []struct{ Old, New struct{ Path string } }
		}
		goEdit(t, &mod, "mod", "edit", "-json", folder+"/go.mod")
		if mod.Module.Path != prefix+folder {
			t.Errorf("%s is called %s", folder, mod.Module.Path)
		}
		for _, replace := range mod.Replace {
			target := filepath.ToSlash(filepath.Join(folder, replace.New.Path))
			if !slices.Contains(found, target) || replace.Old.Path != prefix+target {
				t.Errorf("%s replaces %s by %s", folder, replace.Old.Path, replace.New.Path)
			}
		}
	}
}
