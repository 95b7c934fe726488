package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/shared/contract"
)

var back = session.Credentials{ConnID: "conn", Resume: true}

func TestACrowdComesInTogetherAndEachForItself(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.attached("c").Abandon() // so that there is an answer
	const crowd, strangers = 64, 4
	came := make(chan error, crowd)
	for i := range crowd {
		who := back
		if i < strangers {
			who.ConnID = unknown
		}
		go func() {
			a, err := s.book.Attach(t.Context(), who, "test")
			if err == nil {
				a.Abandon()
			}
			came <- err
		}()
	}
	refused := 0
	for range crowd {
		var fault *contract.Fault
		if err := <-came; errors.As(err, &fault) && fault.Code == contract.CodeInvalid {
			refused++
		} else if err != nil {
			t.Errorf("one did not come in: %v", err)
		}
	}
	if refused != strangers {
		t.Errorf("%d were refused, want the %d whom presence does not know", refused, strangers)
	}
	if n := s.book.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	s.presence.mu.Lock()
	defer s.presence.mu.Unlock()
	if !slices.ContainsFunc(s.presence.lists, func(list []contract.AttachRequest) bool { return len(list) > 1 }) {
		t.Errorf("presence was asked for them one by one")
	}
}

func TestPresenceIsToldHowLongAClientHasWaited(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.attached().Abandon() // so that there is an answer
	came := session.Credentials{ConnID: "conn", Opened: time.Now().Add(-time.Minute)}
	for _, who := range []session.Credentials{came, {ConnID: "conn"}} {
		a, err := s.book.Attach(t.Context(), who, "test")
		if err != nil {
			t.Fatal(err)
		}
		a.Abandon()
	}
	s.presence.mu.Lock()
	defer s.presence.mu.Unlock()
	minute := time.Minute.Milliseconds()
	if held, now := s.presence.lists[1][0].Waited, s.presence.lists[2][0].Waited; held < minute || now >= minute {
		t.Errorf("one whose socket opened a minute ago has waited %d ms, and one of now %d ms", held, now)
	}
}

// Presence may wait for the order to close an older socket before it answers for the newer one, and both may be in one
// request.
func TestASessionThatHasNotBegunToEnterIsClosedAtOnceAndGetsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("c")
	order := contract.CloseOrder{ConnID: "conn", Session: a.ID, Reason: contract.ReasonReplaced}
	if _, err := s.book.Close(t.Context(), order); !errors.Is(err, session.ErrNotHeld) {
		t.Errorf("close: %v", err)
	}
	other, _ := s.enter(s.attached("c"))
	l := &listener{}
	m := s.hub.Open(l, frame.Lists, "test", a.End)
	if err := a.Enter(t.Context(), session.Entrance{Member: m}); err != nil {
		t.Fatal(err)
	}
	s.say(ns.LiveChannel("c"), "hello")
	until(t, "the other hears", func() bool { return other.heard("hello") })
	if l.heard("hello") {
		t.Error("a session that was turned back got a message")
	}
}

func TestANameLongerThanAnyIsUnknown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	long := strings.Repeat("x", 16<<10+1)
	for field, who := range map[string]session.Credentials{"conn_id": {ConnID: long}, "user": {User: long}} {
		_, err := s.book.Attach(t.Context(), who, "test")
		var fault *contract.Fault
		if !errors.As(err, &fault) || len(fault.Fields[field]) == 0 {
			t.Errorf("%s: %v", field, err)
		}
	}
}
