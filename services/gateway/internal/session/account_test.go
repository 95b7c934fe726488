package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
)

// far is a listener whose host acknowledges nothing.
type far struct {
	listener
	bytes int
}

func (f *far) Send(p []byte, now time.Time) contract.Reason {
	f.bytes += len(p)
	return f.listener.Send(p, now)
}
func (f *far) Unacknowledged() int                      { return f.bytes }
func (f *far) Waiting(time.Time) (int, contract.Reason) { return f.bytes, "" }

func (s *stage) log(channel, text string) (offset uint64) {
	s.t.Helper()
	pending, err := s.app.BindLog(ns.LogStream()).Store(ns.LogSubject(ns.LiveChannel(channel)), text, nil, []byte(`{"text":"`+text+`"}`))
	if err != nil {
		s.t.Fatal(err)
	}
	at, err := pending.Wait(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return at.Sequence
}

func (s *stage) account(id string) contract.SessionAccount {
	s.t.Helper()
	account, told := s.book.Accounts(s.t.Context(), []string{"another", id})[id]
	if !told {
		s.t.Fatalf("of %s nothing is known", id)
	}
	return account
}

func TestASessionTellsHowFarItCame(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	begin := s.log("a", "before")
	coming := s.attached("a")
	if account := s.account(coming.ID); !account.Coming || account.ConnID != "conn" || account.Ended != nil {
		t.Errorf("it has not begun, and tells %+v", account)
	}
	outlet := &far{}
	m := s.hub.Open(outlet, frame.Lists, "sse", coming.End)
	if err := coming.Enter(t.Context(), session.Entrance{Member: m, Since: &begin}); err != nil {
		t.Fatal(err)
	}
	last := s.log("a", "hello")
	until(t, "the message is heard", func() bool { return outlet.heard("hello") })
	account := s.account(coming.ID)
	if account.Coming || account.CatchingUp || !account.Resumed || account.Since != begin || account.Handed != last || account.Acknowledged >= last ||
		account.Backlog == 0 || account.Transport != "sse" || account.Missed != nil {
		t.Errorf("it came back at %d, was handed %d, and tells %+v", begin, last, account)
	}
	near, member := s.enter(s.attached("a"))
	last = s.log("a", "again")
	until(t, "the next message is heard", func() bool { return near.heard("again") })
	m.Close(contract.ReasonSlowConsumer)
	until(t, "the session has ended", func() bool { return s.account(coming.ID).Ended != nil })
	account = s.account(coming.ID)
	if account.Ended.Reason != contract.ReasonSlowConsumer || account.Ended.At.IsZero() || account.Acknowledged >= last || !account.Resumed || account.Since != begin {
		t.Errorf("it has ended, and tells %+v", account)
	}
	member.Close(contract.ReasonClosed)
}

func TestASessionTellsThatItsClientMissedSomething(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.log("a", "before")
	a := s.attached("a")
	m := s.hub.Open(&listener{}, frame.Lists, "test", a.End)
	since := uint64(1) // the log began long after that
	missed := func(since, offset uint64) [][]byte { return [][]byte{fmt.Appendf(nil, "missed %d %d", since, offset)} }
	if err := a.Enter(t.Context(), session.Entrance{Member: m, Since: &since, Missed: missed}); err != nil {
		t.Fatal(err)
	}
	account := s.account(a.ID)
	if len(account.Missed) != 1 || account.Missed[0].Since != since || account.Missed[0].Offset <= since || account.Resumed {
		t.Errorf("it tells %+v", account)
	}
	for again := range uint64(20) {
		s.hub.Missed(s.topic("a"), 77+again)
	}
	until(t, "it is told again, and again", func() bool {
		missed := s.account(a.ID).Missed
		return missed[len(missed)-1].Since == 96
	})
	spans := s.account(a.ID).Missed
	if len(spans) != 9 || spans[0].Since != since || spans[1].Since != 77 || spans[2].Since != 90 || spans[8].Offset != 0 || spans[8].At.IsZero() {
		t.Errorf("it tells %+v", spans)
	}
}

// topic is that of a channel which a session is in.
func (s *stage) topic(channel string) *hub.Topic {
	s.t.Helper()
	topics, err := s.feed.Acquire(s.t.Context(), []feed.Subject{{Name: channel, Subject: ns.LiveChannel(channel)}})
	if err != nil {
		s.t.Fatal(err)
	}
	s.feed.Release(topics)
	return topics[0]
}

func TestTheLastSessionsAreRemembered(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const more = 4200
	ids := make([]string, more)
	for i := range ids {
		a := s.attached()
		ids[i] = a.ID
		a.Abandon()
	}
	accounts := s.book.Accounts(t.Context(), ids)
	if _, first := accounts[ids[0]]; first || len(accounts) != 4096 {
		t.Errorf("%d sessions are remembered", len(accounts))
	}
	if _, last := accounts[ids[more-1]]; !last {
		t.Error("the last is not")
	}
}
