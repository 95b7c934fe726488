package notice

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ns contract.Namespace = "test"

// stage is a sender on a NATS server of its own, on which nobody has made the log yet, and what gateways would hear.
type stage struct {
	Sender
	feed *bus.Intake
}

func newStage(t *testing.T) *stage {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: server, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s := &stage{Sender: Sender{Conn: conn, Log: conn.BindLog(ns.LogStream()), Namespace: ns, Logger: log}, feed: conn.NewIntake(1000)}
	if _, err := s.feed.Subscribe(ns.LiveSubjects()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stage) openLog(t *testing.T) {
	t.Helper()
	config := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, 1)
	if _, err := s.Conn.OpenLog(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) hears(t *testing.T, notices ...Notice) {
	t.Helper()
	for _, n := range notices {
		select {
		case m := <-s.feed.C():
			if string(m.Data) != string(n.Body) {
				t.Fatalf("heard %s instead of %s", m.Data, n.Body)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was heard")
		}
	}
}

// mixed are notices of which every third goes to a channel whose messages are not stored.
func mixed(n int) []Notice {
	notices := make([]Notice, n)
	for i := range notices {
		id := fmt.Sprint(i)
		notices[i] = Notice{UUID: id, Channel: "logged", Body: []byte(`{"uuid":"` + id + `"}`)}
		if i%3 == 1 {
			notices[i].Channel, notices[i].Fleeting = "fleeting", true
		}
	}
	return notices
}

func TestNoticesKeepTheirOrderWhenTheLogRefusesSomeOfThem(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	notices := mixed(20)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), notices)
		sent <- err
	}()
	within, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if n, err := s.Send(within, mixed(3)); n != 0 || err == nil {
		t.Errorf("%d were sent without a log: %v", n, err)
	}
	s.openLog(t)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	s.hears(t, notices...)
}

func TestANoticeThatIsTooLargeIsLeftOutAndTheOthersAreSent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.openLog(t)
	notices := mixed(9)
	notices[4].Body = []byte(strings.Repeat("x", 2<<20))
	notices[6].Body = notices[4].Body
	if n, err := s.Send(t.Context(), notices); n != len(notices) || err != nil {
		t.Fatalf("sent %d: %v", n, err)
	}
	s.hears(t, append(append(notices[:4:4], notices[5]), notices[7:]...)...)
}
