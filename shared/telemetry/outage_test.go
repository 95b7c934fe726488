package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestAnOutageIsSaidWhenItBeginsAndWhenItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := telemetry.NewOutage(slog.New(slog.NewTextHandler(&log, nil)), "it fails", "it works")
		o.Note(nil)
		for range 20 {
			o.Note(errors.New("away"), "bucket", "b")
			time.Sleep(time.Second)
		}
		o.Note(nil)
		o.Note(nil)
		for _, line := range []string{`level=WARN msg="it fails" bucket=b error=away`, `level=INFO msg="it works" after=20s failed=20`} {
			if strings.Count(log.String(), line) != 1 {
				t.Errorf("%q is not there once", line)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines", n)
		}
	})
}

func TestWhatFailsAndWorksByTurnsIsTwoLinesInTenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := telemetry.NewOutage(slog.New(slog.NewTextHandler(&log, nil)), "it fails", "it works")
		for range 300 {
			o.Note(errors.New("away"))
			time.Sleep(50 * time.Millisecond)
			o.Note(nil)
			time.Sleep(50 * time.Millisecond)
		}
		if begun := strings.Count(log.String(), "it fails"); begun != 3 {
			t.Errorf("said %d times in 30 s:\n%s", begun, &log)
		}
		if begun, over := strings.Count(log.String(), "it fails"), strings.Count(log.String(), "it works"); begun != over {
			t.Errorf("it began %d times and was over %d times", begun, over)
		}
		o.Note(errors.New("away")) // soon after the last line
		time.Sleep(10 * time.Second)
		if o.Note(errors.New("away")); !strings.HasSuffix(log.String(), "level=WARN msg=\"it fails\" error=away\n") {
			t.Errorf("what lasts is not said:\n%s", &log)
		}
	})
}
