package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// plain is a connection that knows nothing of bus.
func (s *server) plain() *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// respond answers what is asked on a subject by hand.
func respond(t *testing.T, nc *nats.Conn, subject string, handle func(*nats.Msg) error) {
	t.Helper()
	_, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if err := handle(m); err != nil {
			t.Error(err)
		}
	})
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func part(of, data, reply string) *nats.Msg {
	return &nats.Msg{Header: nats.Header{"Cs-Parts": {of}}, Data: []byte(data), Reply: reply}
}

func TestAPartIsSentWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "", map[string]bus.Handler{
		"large": bus.On(func(context.Context, question) (answer, error) {
			return answer{Text: strings.Repeat("x", 1<<20)}, nil
		}),
	})
	nc, whole, parts := s.plain(), "", 0
	for to := "test.large"; to != ""; parts++ {
		m, err := nc.Request(to, []byte("{}"), patience)
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Cs-Parts") != "1048587" {
			t.Errorf("part %d says %v", parts, m.Header)
		}
		whole += string(m.Data)
		to = m.Reply
	}
	if parts != 3 || len(whole) != 1048587 {
		t.Errorf("%d bytes in %d parts", len(whole), parts)
	}
}

func TestAnAnswerThatBreaksOffIsNoAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nc, conn := s.plain(), s.dial()
	respond(t, nc, "test.gone", func(m *nats.Msg) error { return m.RespondMsg(part("10", `"four`, "test.nobody")) })
	respond(t, nc, "test.silent", func(m *nats.Msg) error { return m.RespondMsg(part("10", `"four`, "test.ignore")) })
	respond(t, nc, "test.ignore", func(*nats.Msg) error { return nil })
	if _, err := call(conn, "gone", question{}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("from one that is gone: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := bus.Call[string](ctx, conn, "test.silent", question{}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("from one that is silent: %v", err)
	}
}

func TestPartsThatDoNotAddUpAreNoAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	nc, conn := s.plain(), s.dial()
	respond(t, nc, "test.more", func(m *nats.Msg) error { return m.RespondMsg(part("9", `"four`, "test.more")) })
	respond(t, nc, "test.less", func(m *nats.Msg) error { return m.RespondMsg(part("9", `"four"`, "")) })
	respond(t, nc, "test.much", func(m *nats.Msg) error { return m.RespondMsg(part("1000000000000", `"four`, "test.more")) })
	respond(t, nc, "test.what", func(m *nats.Msg) error { return m.RespondMsg(part("ask", "", "")) })
	for _, verb := range []string{"more", "less", "much", "what"} {
		if got, err := call(conn, verb, question{}); err == nil {
			t.Errorf("%s: %q", verb, got)
		}
	}
}

func TestAnAnswerBeyondAllBoundsIsAFaultThatSaysSo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	serve(t, s, "", map[string]bus.Handler{
		"endless": bus.On(func(context.Context, question) (answer, error) {
			return answer{Text: strings.Repeat("x", 64<<20)}, nil
		}),
	})
	if _, err := call(s.dial(), "endless", question{}); !isFault(err, contract.CodeInternal) || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("got %v", err)
	}
}
