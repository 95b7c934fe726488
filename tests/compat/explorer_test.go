//go:build unix

package compat

import (
	"bytes"
	"context"
	"net/url"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// The page shows all that is described, with nothing but what its policy allows, also below a path.
func TestTheExplorerShowsTheAPIInABrowser(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_BASE_PATH=/push")
	const path = "/push/api-explorer"
	page, log := render(t, system.URL+path+"?secret="+url.QueryEscape(signature.Sign(system.Secret, path, time.Now())))
	for _, shown := range []string{`data-path="/connect"`, `data-path="/user_status"`, `data-path="/listen"`, `value="/push"`} {
		if !strings.Contains(page, shown) {
			t.Errorf("the page does not show %s", shown)
		}
	}
	if strings.Contains(log, "Content Security Policy") {
		t.Error("the page wants more than its policy allows")
	}
	if t.Failed() {
		t.Logf("%.4000s\n%s", page, log)
	}
}

// render gives what a page is after its scripts have run, and what the browser says of it.
func render(t *testing.T, at string) (page, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	var out, err bytes.Buffer
	chromium := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", at)
	chromium.Stdout, chromium.Stderr, chromium.WaitDelay = &out, &err, 5*time.Second
	chromium.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it is many processes, which end together
	chromium.Cancel = func() error { return syscall.Kill(-chromium.Process.Pid, syscall.SIGKILL) }
	if failed := chromium.Run(); failed != nil {
		t.Fatalf("render the page: %v (if there is no Chromium, run \"make apt-deps\")\n%s", failed, err.String())
	}
	return out.String(), err.String()
}
