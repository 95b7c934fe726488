package serve_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/channelstream/channelstream/shared/serve"
)

// Not parallel: the signal goes to the whole process, and tests beside this one would take it for theirs.
func TestSignalContextEndsWithSIGTERM(t *testing.T) { //nolint:paralleltest // see above
	ctx, stop := serve.SignalContext(t.Context())
	defer stop()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	within(t, "signal", ctx.Done())
}
