package serve

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// poor is a listener of a process that may open no more files.
type poor struct{ net.Listener }

func (poor) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func TestTheLimitOfFilesIsCountedAndLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		limit := newFileLimit()
		l := watchedListener{poor{}, limit, slog.New(slog.NewTextHandler(&lines, nil))}
		for range 125 { // two minutes and a little
			if _, err := l.Accept(); !errors.Is(err, syscall.EMFILE) {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(limit.hits)
		metrics, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		if hits, logged := metrics[0].GetMetric()[0].GetCounter().GetValue(), strings.Count(lines.String(), "LimitNOFILE"); hits != 125 || logged != 3 {
			t.Errorf("%v counted, %d logged", hits, logged)
		}
	})
}
