package bus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

// nobody is a NATS server that is not there.
type nobody struct{}

func (nobody) InProcessConn() (net.Conn, error) { return nil, errors.New("it is not there") }
func (nobody) Full() bool                       { return false }

func TestThatNATSDoesNotAnswerYetIsSaidEveryTenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		_, err := bus.Connect(ctx, bus.Options{InProcess: nobody{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		for _, waited := range []string{"waited=0s", "waited=10s", "waited=20s"} {
			if strings.Count(log.String(), waited) != 1 {
				t.Errorf("it does not say once that it %s", waited)
			}
		}
		if n := strings.Count(log.String(), "NATS does not answer yet"); n != 3 {
			t.Errorf("said %d times in 25 s:\n%s", n, &log)
		}
	})
}
