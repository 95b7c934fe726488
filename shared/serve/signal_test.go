package serve_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
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

func TestSIGUSR1TurnsDebugOnAndOffAgain(t *testing.T) { //nolint:paralleltest // as above
	journal := &telemetrytest.Journal{}
	log := make(chan *slog.Logger, 1)
	ctx, stop := context.WithCancel(t.Context())
	p := serve.Program{Name: "gateway", Version: "1.2.3", Serve: func(ctx context.Context, call serve.Call) error {
		log <- call.Log
		<-ctx.Done()
		return nil
	}}
	ended := make(chan int, 1)
	go func() {
		ended <- p.Main(ctx, nil, []string{"CHANNELSTREAM_LOG_LEVEL=error"}, io.Discard, journal)
	}()
	its := within(t, "the server", log)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, debug := range []bool{true, false, true} {
		if err := self.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		deadline := time.NewTimer(10 * time.Second)
		for its.Enabled(ctx, slog.LevelDebug) != debug || its.Enabled(ctx, slog.LevelInfo) != debug {
			select {
			case <-deadline.C:
				t.Fatalf("debug is not %t", debug)
			case <-time.After(time.Millisecond):
			}
		}
		deadline.Stop()
	}
	stop()
	if code := within(t, "the end", ended); code != serve.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if n := strings.Count(journal.String(), "by=SIGUSR1 from=debug to=error"); n != 1 {
		t.Errorf("%d lines say that debug is off:\n%s", n, journal)
	}
}
