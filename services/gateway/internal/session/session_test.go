package session_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ns = contract.DefaultNamespace

// unknown is a connection that presence does not know.
const unknown = "unknown"

// presence is what a test lets the presence service say.
type presence struct {
	mu       sync.Mutex
	attach   contract.AttachAnswer
	lists    [][]contract.AttachRequest // of clients that were to be attached
	refuse   error
	named    contract.ChannelsAnswer
	detached map[string]string // conn_id → session
	failures int               // of detach, still to come

	otherwise contract.CompareAnswer // to a comparison
	back      contract.CompareAnswer // when connections are asked back
	held      map[string]string      // conn_id → session that it has at the gateway
}

func (p *presence) Attach(_ context.Context, list contract.AttachList) (contract.AttachAnswers, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists = append(p.lists, list.Clients)
	answers := contract.AttachAnswers{}
	for _, r := range list.Clients {
		o := contract.AttachOutcome{AttachAnswer: p.attach}
		if r.ConnID == "" {
			o.ConnID, o.User = r.NewConnID, r.User
		}
		if r.ConnID == unknown {
			o.Fault = contract.Invalid("conn_id", contract.UnknownConnection)
		}
		answers.Clients = append(answers.Clients, o)
	}
	return answers, p.refuse
}

func (p *presence) Join(context.Context, contract.JoinRequest) (contract.ChannelsAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.named, p.refuse
}

func (p *presence) Leave(context.Context, contract.LeaveRequest) (contract.ChannelsAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.named, p.refuse
}

func (p *presence) Detach(_ context.Context, r contract.DetachRequest) (contract.DetachAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures > 0 {
		p.failures--
		return contract.DetachAnswer{}, bus.ErrUnavailable
	}
	for conn, id := range r.Sessions {
		p.detached[conn] = id
	}
	return contract.DetachAnswer{Detached: len(r.Sessions)}, nil
}

func (p *presence) Compare(_ context.Context, r contract.CompareRequest) (contract.CompareAnswer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.List:
		return contract.CompareAnswer{Held: p.held}, p.refuse
	case r.Reattach:
		return p.back, p.refuse
	}
	return p.otherwise, p.refuse
}

func (p *presence) told(conn string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.detached[conn]
}

// listener is an outlet that remembers what it was given.
type listener struct {
	mu  sync.Mutex
	got strings.Builder
}

func (l *listener) Bind(*hub.Member) {}
func (l *listener) Send(p []byte, _ time.Time) contract.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got.Write(p)
	return ""
}
func (l *listener) Ping(time.Time) contract.Reason           { return "" }
func (l *listener) Waiting(time.Time) (int, contract.Reason) { return 0, "" }
func (l *listener) Close(contract.Reason)                    {}
func (l *listener) heard(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.got.String(), text)
}

type uncounted struct{}

func (uncounted) Opened(string)                  {}
func (uncounted) Closed(string, contract.Reason) {}
func (uncounted) Upgraded(string, string)        {}
func (uncounted) Batch(int)                      {}
func (uncounted) Delay(time.Duration)            {}
func (uncounted) Hole()                          {}
func (uncounted) Lost()                          {}
func (uncounted) Read(int, int64)                {}
func (uncounted) CutOff()                        {}
func (uncounted) Traced(string, time.Duration)   {}

// stage is a book on a NATS server of its own.
type stage struct {
	t        *testing.T
	app      *bus.Conn
	hub      *hub.Hub
	feed     *feed.Feed
	book     *session.Book
	presence *presence
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageWithin(t, 5*time.Second)
}

// newStageWithin is newStage with a time for requests to presence.
func newStageWithin(t *testing.T, timeout time.Duration) *stage {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	nats, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	connect := func() *bus.Conn {
		conn, err := bus.Connect(t.Context(), bus.Options{InProcess: nats, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	s := &stage{t: t, app: connect(), presence: &presence{detached: map[string]string{}}}
	log := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, 1)
	if _, err := s.app.OpenLog(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	s.hub = hub.New(hub.Config{Shards: 1, HeartbeatEvery: time.Hour, HeartbeatTimeout: time.Hour, Observer: uncounted{}})
	s.feed = feed.New(feed.Config{Conn: connect(), Namespace: ns, Hub: s.hub, Observer: uncounted{}, Logger: quiet})
	s.book = session.NewBook(session.Config{
		Gateway: "g", Namespace: ns, Presence: s.presence, Feed: s.feed, Timeout: timeout, MaxWaiting: 1000, MaxWait: time.Minute,
		Room: 1 << 20, ResumeIn: time.Minute, Returned: func(string) {}, Refused: func(string) {}, Logger: quiet,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running errgroup.Group
	for _, run := range []func(context.Context) error{s.hub.Run, s.feed.Run, s.book.Run} {
		running.Go(func() error { return run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		if err := running.Wait(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

// attached is a session of a connection with channels, as of revision 5.
func (s *stage) attached(channels ...string) *session.Session {
	s.t.Helper()
	s.presence.attach = contract.AttachAnswer{
		ConnID: "conn", User: "alice", Membership: contract.Membership{Revision: 5, Channels: channels},
	}
	a, err := s.book.Attach(s.t.Context(), session.Credentials{ConnID: "conn"}, "test")
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *stage) enter(a *session.Session) (*listener, *hub.Member) {
	s.t.Helper()
	l := &listener{}
	m := s.hub.Open(l, frame.Lists, "test", a.End)
	notify := func(joined, left []string) [][]byte {
		return [][]byte{[]byte("joined " + strings.Join(joined, ",") + " left " + strings.Join(left, ","))}
	}
	if err := a.Enter(s.t.Context(), session.Entrance{Member: m, Notify: notify}); err != nil {
		s.t.Fatal(err)
	}
	return l, m
}

func (s *stage) say(subject, text string) {
	s.t.Helper()
	if err := s.app.Publish(subject, nil, []byte(`{"text":"`+text+`"}`)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) order(a *session.Session, revision uint64, channels ...string) error {
	return s.book.Order(s.t.Context(), contract.MembershipOrder{
		ConnID: "conn", Session: a.ID, Membership: contract.Membership{Revision: revision, Channels: channels},
	})
}

func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !reached() {
		select {
		case <-deadline:
			t.Fatalf("it did not come to that: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func TestASessionHearsItsChannelsAndItsUser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	l, _ := s.enter(s.attached("a", "b"))
	s.say(ns.LiveChannel("other"), "not for it")
	s.say(ns.LiveChannel("b"), "in b")
	s.say(ns.LiveUser("alice"), "for alice")
	until(t, "both are heard", func() bool { return l.heard("in b") && l.heard("for alice") })
	if l.heard("not for it") {
		t.Error("it heard another channel")
	}
}

func TestMembershipIsAppliedInTheOrderOfItsRevisions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	l, _ := s.enter(a)
	if err := s.order(a, 9, "c"); err != nil {
		t.Fatal(err)
	}
	if err := s.order(a, 7, "b"); err != nil { // an older one that comes late
		t.Fatal(err)
	}
	if !l.heard("joined c left a") {
		t.Errorf("the client was not told: %q", l.got.String())
	}
	for _, channel := range []string{"a", "b", "c"} {
		s.say(ns.LiveChannel(channel), "in "+channel)
	}
	s.say(ns.LiveUser("alice"), "the end")
	until(t, "the last is heard", func() bool { return l.heard("the end") })
	if l.heard("in a") || l.heard("in b") || !l.heard("in c") {
		t.Errorf("heard %q", l.got.String())
	}
}

func TestAJoinIsInForceWhenItReturnsAndNamesWhatPresenceNamed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached()
	l, _ := s.enter(a)
	s.presence.named = contract.ChannelsAnswer{Membership: contract.Membership{Revision: 6, Channels: []string{"a"}}, Named: []string{"a"}}
	packets := func(named []string) [][]byte { return [][]byte{[]byte("named " + strings.Join(named, ","))} }
	if err := a.Join(t.Context(), []string{"a", "forbidden"}, packets); err != nil {
		t.Fatal(err)
	}
	s.say(ns.LiveChannel("a"), "hello")
	until(t, "the message is heard", func() bool { return l.heard("hello") })
	if !l.heard("named a") {
		t.Errorf("heard %q", l.got.String())
	}
}

func TestAnOrderWaitsForASessionThatIsAboutToEnter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	ordered := make(chan error, 1)
	go func() { ordered <- s.order(a, 6, "a", "b") }()
	l, _ := s.enter(a)
	if err := <-ordered; err != nil {
		t.Fatal(err)
	}
	s.say(ns.LiveChannel("b"), "in b")
	until(t, "the new channel is heard", func() bool { return l.heard("in b") })
}

func TestAnOrderForASessionThatIsNotHeldSaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	abandoned := s.attached()
	abandoned.Abandon()
	for _, id := range []string{"nobody", abandoned.ID} {
		if _, err := s.book.Close(t.Context(), contract.CloseOrder{Session: id}); !errors.Is(err, session.ErrNotHeld) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestARefusedAttachLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, err := s.book.Attach(t.Context(), session.Credentials{ConnID: unknown}, "test")
	var fault *contract.Fault
	if !errors.As(err, &fault) || fault.Code != contract.CodeInvalid {
		t.Errorf("attach: %v", err)
	}
	if n := s.feed.Subscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

func TestPresenceIsToldOfASessionThatEndedUntilItHears(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	_, m := s.enter(a)
	s.presence.mu.Lock()
	s.presence.failures = 2
	s.presence.mu.Unlock()
	m.Close(contract.ReasonClosed)
	until(t, "presence knows", func() bool { return s.presence.told("conn") == a.ID })
}

func TestPresenceIsNotToldOfASessionThatItEndedItself(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	s.enter(a)
	order := contract.CloseOrder{ConnID: "conn", Session: a.ID, Reason: contract.ReasonReplaced}
	if _, err := s.book.Close(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	other := s.attached("a")
	_, m := s.enter(other)
	m.Close(contract.ReasonClosed)
	until(t, "presence knows of the other", func() bool { return s.presence.told("conn") == other.ID })
}

// Presence may hear of a newer socket before it hears that the older one is gone, or while it does.
func TestAnOrderToCloseIsAnsweredWithHowFarTheClientCame(t *testing.T) {
	t.Parallel()
	const far = 1 << 62 // behind all that the log has
	s := newStageWithin(t, time.Second)
	closed := func(a *session.Session, want uint64, held bool) {
		t.Helper()
		offset, err := s.book.Close(t.Context(), contract.CloseOrder{ConnID: "conn", Session: a.ID, Reason: contract.ReasonReplaced})
		if offset != want || errors.Is(err, session.ErrNotHeld) == held {
			t.Errorf("%d, %v, want %d, held: %t", offset, err, want, held)
		}
	}
	a := s.attached("a")
	_, m := s.enter(a)
	if err := m.Change(t.Context(), hub.Change{Offset: far}); err != nil {
		t.Fatal(err)
	}
	closed(a, far, true)
	b := s.attached("a")
	_, m = s.enter(b)
	if err := m.Change(t.Context(), hub.Change{Offset: far + 1}); err != nil {
		t.Fatal(err)
	}
	m.Close(contract.ReasonClosed)
	until(t, "presence knows", func() bool { return s.presence.told("conn") == b.ID })
	closed(b, far+1, false)
	turned := s.attached("a")
	closed(turned, 0, false)
	turned.Abandon()
	until(t, "it is forgotten", func() bool {
		offset, _ := s.book.Close(t.Context(), contract.CloseOrder{ConnID: "conn", Session: b.ID})
		return offset == 0
	})
}

func TestAUserWithoutAConnectionGetsOneOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a, err := s.book.Attach(t.Context(), session.Credentials{User: "bob"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if a.User != "bob" || len(a.ConnID) < 20 {
		t.Errorf("%q has the connection %q", a.User, a.ConnID)
	}
	l, _ := s.enter(a)
	s.say(ns.LiveUser("bob"), "for bob")
	until(t, "a private message is heard", func() bool { return l.heard("for bob") })
}

// A client that is in the middle of something may have to wait for its shard, for NATS or for presence.
func TestASessionThatWaitsHoldsUpNobodyWhoEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	_, m := s.enter(a)
	stalled, release := make(chan struct{}), make(chan struct{})
	m.Use(func(hub.Outlet) contract.Reason { close(stalled); <-release; return "" })
	<-stalled
	ordered := make(chan error, 1)
	go func() { ordered <- s.order(a, 6, "a", "b") }()
	until(t, "the order waits for the shard", func() bool { return s.feed.Subscriptions() == 3 })
	a.End(contract.ReasonClosed, 0)
	settled := make(chan struct{})
	go func() { s.book.Settle(t.Context()); close(settled) }()
	select {
	case <-settled:
	case <-time.After(20 * time.Second):
		t.Error("presence is not told of ended sessions while one waits")
	}
	if s.presence.told("conn") != a.ID {
		t.Error("presence does not know of the session that ended")
	}
	close(release)
	<-ordered
}
