package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/api/internal/history"
	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ns = contract.DefaultNamespace

var from = contract.From{API: "a1", Address: "192.0.2.1"}

// stage is a publisher on a NATS server of its own, and what gateways would hear.
type stage struct {
	*Publisher
	conn    *bus.Conn
	hears   *bus.Conn // the feed's
	nats    *natsembed.Server
	log     *bus.Log
	history *history.Archive
	feed    *bus.Intake
}

// kinds are channels whose names say how they are kept.
type kinds struct{}

func (kinds) Settings(channel string) contract.ChannelSettings {
	return contract.ChannelSettings{
		StoreFrames: !strings.Contains(channel, "fleeting"), StoreHistory: strings.Contains(channel, "kept"), HistorySize: 10,
	}
}

func (k kinds) History(channel string) bool {
	return k.Settings(channel).StoreHistory || channel == "once"
}

func newStage(t testing.TB) *stage {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	nats, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	ctx := context.Background()
	var conns []*bus.Conn
	for range 2 {
		conn, err := bus.Connect(ctx, bus.Options{InProcess: nats, Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		conns = append(conns, conn)
	}
	log, err := conns[0].OpenLog(ctx, bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, 1))
	if err != nil {
		t.Fatal(err)
	}
	messages := settings.Messages{HistoryBytes: 1 << 30, HistoryMessages: 1000}
	archive := history.New(history.Config{
		Conn: conns[0], Logger: logger, Namespace: ns, Messages: messages, Timeout: time.Minute, Settings: kinds{}.Settings,
	})
	if err := conns[0].Open(ctx, bus.HistoryLogs(ns, messages, 1)...); err != nil {
		t.Fatal(err)
	}
	s := &stage{nats: nats, conn: conns[0], hears: conns[1], log: log, history: archive, feed: conns[1].NewIntake(1000)}
	if _, err := s.feed.Subscribe(ns.LiveSubjects()); err != nil {
		t.Fatal(err)
	}
	if err := conns[1].Flush(ctx); err != nil {
		t.Fatal(err)
	}
	s.Publisher = New(Config{Conn: conns[0], Log: log, History: archive, Namespace: ns, Channels: kinds{}})
	return s
}

func (s *stage) open(t *testing.T, ns contract.Namespace) *bus.Log {
	t.Helper()
	log, err := s.conn.OpenLog(t.Context(), bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, 1))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func (s *stage) publish(t *testing.T, messages ...message.Message) {
	t.Helper()
	if err := s.Publish(t.Context(), from, messages); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// hear gives the next live message.
func (s *stage) hear(t *testing.T) *bus.Msg {
	t.Helper()
	select {
	case m := <-s.feed.C():
		return m
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was heard")
		return nil
	}
}

func (s *stage) stored(t *testing.T, live string) []bus.LogMessage {
	t.Helper()
	entries, _, err := s.log.Range(t.Context(), ns.LogSubject(live), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// remembered are the records of a channel's history.
func (s *stage) remembered(t *testing.T, channel string) []bus.LogMessage {
	t.Helper()
	entries, _, err := s.history.Log(channel).Range(t.Context(), ns.HistorySubject(channel), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func in(channel, uuid string) message.Message {
	return message.Message{UUID: uuid, Named: true, Channel: channel, Object: []byte(`{"uuid":"` + uuid + `"}`)}
}

func TestAListIsStoredInItsOrderAndHeardLive(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var list []message.Message
	for i := range 100 {
		list = append(list, in("c", fmt.Sprint(i)))
	}
	s.publish(t, list...)
	entries := s.stored(t, ns.LiveChannel("c"))
	if len(entries) != 100 {
		t.Fatalf("%d of 100 are stored", len(entries))
	}
	for i, e := range entries {
		if string(e.Data) != string(list[i].Object) || string(s.hear(t).Data) != string(list[i].Object) {
			t.Fatalf("number %d is out of order: %s", i, e.Data)
		}
	}
}

func TestAListIsHeldWhileItsLogHasNoLeaderAndStoredInItsOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const later = contract.Namespace("later")
	s.config.Namespace, s.config.Log = later, s.conn.BindLog(later.LogStream())
	var list []message.Message
	for i := range 20 {
		list = append(list, in("c", fmt.Sprint(i)))
	}
	within, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Publish(within, from, list); !errors.Is(err, bus.ErrUnavailable) {
		t.Fatalf("without a leader: %v", err)
	}
	published := make(chan error)
	go func() { published <- s.Publish(t.Context(), from, list) }()
	log := s.open(t, later)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	entries, _, err := log.Range(t.Context(), later.LogSubject(later.LiveChannel("c")), 0, 1000)
	if err != nil || len(entries) != len(list) {
		t.Fatalf("%d are stored, %v", len(entries), err)
	}
	for i, e := range entries {
		if string(e.Data) != string(list[i].Object) {
			t.Fatalf("number %d is out of order: %s", i, e.Data)
		}
	}
}

func TestAListOfLoggedAndFleetingMessagesIsHeardInItsOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i := range 100 {
		list := []message.Message{in("logged", fmt.Sprint(i, " first")), in("fleeting", fmt.Sprint(i, " second")), in("other", fmt.Sprint(i, " third"))}
		s.publish(t, list...)
		for _, m := range list {
			if heard := s.hear(t); string(heard.Data) != string(m.Object) {
				t.Fatalf("heard %s instead of %s", heard.Data, m.Object)
			}
		}
	}
}

func TestAFleetingMessageThatIsOutIsNotHeardAgainWhenItsListIsCompleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const later = contract.Namespace("later")
	s.config.Namespace, s.config.Log = later, s.conn.BindLog(later.LogStream())
	_, err := s.feed.Subscribe(later.LiveSubjects())
	if err := errors.Join(err, s.hears.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	list := []message.Message{in("fleeting", "one"), in("logged", "two"), in("fleeting", "three")}
	within, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Publish(within, from, list); !errors.Is(err, bus.ErrUnavailable) {
		t.Fatalf("without a log: %v", err)
	}
	s.open(t, later)
	s.publish(t, list...)
	for _, m := range list {
		if heard := s.hear(t); string(heard.Data) != string(m.Object) {
			t.Errorf("heard %s instead of %s", heard.Data, m.Object)
		}
	}
}

func TestTheSameIDIsStoredOnceAndGatewaysAreNudged(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.publish(t, in("c", "one"))
	first := s.hear(t)
	s.publish(t, in("c", "one"), in("c", "two"))
	second, nudge := s.hear(t), s.hear(t)
	if string(second.Data) != `{"uuid":"two"}` || nudge.Header.Get(contract.HeaderNudge) != first.Header.Get(bus.HeaderSequence) || len(nudge.Data) > 0 {
		t.Errorf("heard %s, then %v", second.Data, nudge.Header)
	}
	if n := len(s.stored(t, ns.LiveChannel("c"))); n != 2 {
		t.Errorf("%d messages are stored", n)
	}
}

func TestTheSameIDInTwoChannelsIsTwoMessages(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.publish(t, in("a", "one"), in("b", "one"))
	if len(s.stored(t, ns.LiveChannel("a"))) != 1 || len(s.stored(t, ns.LiveChannel("b"))) != 1 {
		t.Error("one of them is missing")
	}
}

func TestAPrivateMessageIsStoredForEachUserWhoIsNotExcluded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.publish(t, message.Message{UUID: "x", PMUsers: []string{"a", "b", "c"}, ExcludeUsers: []string{"b"}, Object: []byte("{}")})
	for user, want := range map[string]int{"a": 1, "b": 0, "c": 1} {
		if n := len(s.stored(t, ns.LiveUser(user))); n != want {
			t.Errorf("%d messages are stored for %s", n, user)
		}
	}
}

func TestAMessageOfAFleetingChannelIsHeardOnceAndNotStored(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.publish(t, in("fleeting", "one"))
	s.publish(t, in("fleeting", "one"), in("fleeting", "two"))
	if one, two := s.hear(t), s.hear(t); string(one.Data) != `{"uuid":"one"}` || string(two.Data) != `{"uuid":"two"}` {
		t.Errorf("heard %s and %s", one.Data, two.Data)
	}
	if n := len(s.stored(t, ns.LiveChannel("fleeting"))); n != 0 {
		t.Errorf("%d messages are stored", n)
	}
}

const one, two = "b0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"

func TestAMessageIsRememberedWhereHistoryIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	secret := in("kept", two)
	secret.NoHistory = true
	for range 2 { // the second time completes what may have broken off
		s.publish(t, in("kept", one), secret, in("kept fleeting", one), in("plain", one))
	}
	for channel, want := range map[string]int{"kept": 1, "kept fleeting": 1, "plain": 0} {
		entries := s.remembered(t, channel)
		if len(entries) != want {
			t.Errorf("%s remembers %d messages, want %d", channel, len(entries), want)
		}
		for _, e := range entries {
			if e.ID() != contract.ChannelMessageID(one, channel) || !strings.HasSuffix(string(e.Data), `,"type":"message"`+contract.LiveMark) {
				t.Errorf("%s remembers %s as %s", channel, e.Data, e.ID())
			}
		}
	}
	if len(s.stored(t, ns.LiveChannel("kept"))) != 2 || len(s.stored(t, ns.LiveChannel("kept fleeting"))) != 0 {
		t.Error("the log has not what it should have")
	}
}

func TestEditsAndDeletionsAreEventsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	edit := message.Message{Kind: message.Edit, UUID: one, Named: true, Channel: "once", Edited: "t", PMUsers: []string{"a"}, NoHistory: true}
	deletion := message.Message{Kind: message.Delete, UUID: one, Named: true, Channel: "once", ExcludeUsers: []string{"b"}}
	edit.Encode()
	deletion.Encode()
	s.publish(t, edit)
	s.publish(t, edit, deletion)
	entries := s.stored(t, ns.LiveChannel("once"))
	if len(entries) != 3 {
		t.Fatalf("%d of 3 events are stored", len(entries))
	}
	for i, e := range entries {
		h, live := e.Header, s.hear(t)
		event, header, decides := edit, contract.HeaderEdit, h.Get(contract.HeaderPM) == "a"
		if i == 2 {
			event, header, decides = deletion, contract.HeaderDelete, h.Get(contract.HeaderExclude) == "b"
		}
		if string(e.Data) != string(event.Object) || h.Get(header) != one || !decides || contract.UUIDOfMessage(e.ID()) != "" ||
			string(live.Data) != string(e.Data) || live.Header.Get(header) != one {
			t.Errorf("event %d is %s with %v, live %v", i, e.Data, h, live.Header)
		}
	}
	remembered := s.remembered(t, "once")
	if len(remembered) != 3 || remembered[2].Header.Get(contract.HeaderDelete) != one {
		t.Fatalf("%d of two edits and a deletion are remembered", len(remembered))
	}
	if e := remembered[0]; string(e.Data) != string(edit.Object) || e.Header.Get(contract.HeaderEdit) != one || e.Header.Get(contract.HeaderPM) != "" {
		t.Errorf("the edit is remembered as %s with %v", e.Data, e.Header)
	}
}

func TestEventsOfFleetingChannelsAndUsersAreHeardEachTime(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, to := range []message.Message{{Channel: "fleeting"}, {PMUsers: []string{"u"}}} {
		to.Kind, to.UUID, to.Named = message.Edit, one, true
		to.Encode()
		for range 2 {
			s.publish(t, to)
			if m := s.hear(t); string(m.Data) != string(to.Object) || m.Header.Get(contract.HeaderEdit) != one {
				t.Errorf("heard %s with %v", m.Data, m.Header)
			}
		}
	}
}

func TestDeliveryFactsTravelInHeaders(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	m := in("c", "one")
	m.PM, m.Except = "a,b", "c"
	s.publish(t, m)
	if h := s.hear(t).Header; h.Get(contract.HeaderPM) != "a,b" || h.Get(contract.HeaderExclude) != "c" {
		t.Errorf("headers %v", h)
	}
}

func TestWhoBroughtAMessageInIsWithWhatIsStored(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.publish(t, in("kept", "one"), in("fleeting", "two"))
	if h := s.hear(t).Header; contract.ParseFrom(h.Get(contract.HeaderFrom)) != from {
		t.Errorf("headers %v", h)
	}
	if h := s.hear(t).Header; h.Get(contract.HeaderFrom) != "" {
		t.Errorf("a message that is not stored has headers %v", h)
	}
	if h := s.remembered(t, "kept")[0].Header; contract.ParseFrom(h.Get(contract.HeaderFrom)) != from {
		t.Errorf("in the history it has headers %v", h)
	}
}

func TestPublishingFailsWhileNATSIsAwayAndTheIDMayComeAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.nats.Stop()
	for _, channel := range []string{"c", "fleeting"} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := s.Publish(ctx, from, []message.Message{in(channel, "one")}); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("%s: %v", channel, err)
		}
		cancel()
	}
	if !s.recent.claim("one", time.Now()) {
		t.Error("the id of a message that was not sent is taken")
	}
}

func TestAnIDIsRememberedForTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recent
		if !r.claim("id", time.Now()) {
			t.Error("a new id is refused")
		}
		for range 3 {
			time.Sleep(window/4 - time.Second) // of the bubble's clock
			if r.claim("id", time.Now()) {
				t.Error("the id came again within the window")
			}
		}
		time.Sleep(2 * window)
		if !r.claim("id", time.Now()) {
			t.Error("the id is refused after the window")
		}
	})
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	var r recent
	at := time.Now()
	for i := range 3 * maxRecent {
		r.claim(fmt.Sprint(i), at)
	}
	if held := len(r.now) + len(r.before); held > 2*maxRecent {
		t.Errorf("holds %d ids", held)
	}
}

// One operation is one message, posted by one of 32 requests at a time.
func BenchmarkPublish(b *testing.B) {
	for _, channel := range []string{"logged", "fleeting", "kept"} {
		b.Run(channel, func(b *testing.B) {
			s := newStage(b)
			object := make([]byte, 400)
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					m := message.Message{UUID: fmt.Sprintf("%p-%d", pb, i), Channel: channel, Object: object}
					if err := s.Publish(b.Context(), from, []message.Message{m}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
