package scenario

import (
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/channelstream/channelstream/tests/harness"
)

// A process that may open no more files says so, and works again when it may.
func TestTheLimitOfFilesIsSaidAndCounted(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		const files = 100
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 1})
		api := c.APIs[0]
		if err := unix.Prlimit(api.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil); err != nil {
			t.Fatal(err)
		}
		var idle []net.Conn
		closeAll := func() {
			for _, conn := range idle {
				conn.Close() //nolint:errcheck // nothing was said
			}
		}
		t.Cleanup(closeAll)
		for range 2 * files {
			conn, err := net.Dial("tcp", strings.TrimPrefix(api.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			idle = append(idle, conn)
		}
		harness.Eventually(t, "the log says so", func() bool { return strings.Contains(api.Log(), "as many files open as it may") })
		closeAll()
		harness.Eventually(t, "it was counted", func() bool { return api.Metric("channelstream_file_limit_hits_total") > 0 })
		post(t, api, "room", "hello")
	}, processes)
}
