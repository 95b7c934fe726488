package affinity_test

import (
	"bytes"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/tests/load/affinity"
)

// allowed starts a program on some processors and gives which it may use, as the kernel says it.
func allowed(t *testing.T, on affinity.Set) string {
	t.Helper()
	cmd := exec.Command("grep", "Cpus_allowed_list", "/proc/self/status")
	var output bytes.Buffer
	cmd.Stdout = &output
	if err := affinity.Start(cmd, on); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(output.String(), ":")
	return strings.TrimSpace(list)
}

func TestAProgramMayUseTheProcessorsItWasStartedOn(t *testing.T) {
	t.Parallel()
	before := allowed(t, nil)
	one, other, err := affinity.Halves()
	if single := runtime.NumCPU() == 1; single != (err != nil) {
		t.Fatalf("halves of %d processors: %v", runtime.NumCPU(), err)
	} else if single {
		return
	}
	for _, set := range []affinity.Set{one[:1], other[:1]} {
		if got := allowed(t, set); got != strconv.Itoa(set[0]) {
			t.Errorf("may use %s, want %v", got, set)
		}
	}
	if after := allowed(t, nil); after != before {
		t.Errorf("a program that is started later may use %s, want %s", after, before)
	}
}
