package session_test

import (
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestWhatPresenceHasOtherwiseComesIntoForce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	l, _ := s.enter(s.attached("a"))
	s.presence.otherwise = contract.CompareAnswer{
		Memberships: map[string]contract.Membership{"conn": {Revision: 9, Channels: []string{"a", "b"}}},
	}
	if n, err := s.book.Compare(t.Context(), contract.AllParts); n != 1 || err != nil {
		t.Fatalf("%d differences, %v", n, err)
	}
	s.say(ns.LiveChannel("b"), "in b")
	until(t, "the channel of the lost order is heard", func() bool { return l.heard("in b") && l.heard("joined b left ") })
}

func TestASessionThatPresenceGaveToAnotherIsClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, m := s.enter(s.attached("a"))
	s.presence.otherwise = contract.CompareAnswer{Close: map[string]contract.Reason{"conn": contract.ReasonReplaced}}
	if _, err := s.book.Compare(t.Context(), contract.AllParts); err != nil {
		t.Fatal(err)
	}
	<-m.Over()
	if why := m.Why(); why != contract.ReasonReplaced {
		t.Errorf("it ended as %q", why)
	}
}

func TestAConnectionThatWasTakenForGoneIsAskedBack(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	l, _ := s.enter(s.attached("a"))
	s.presence.otherwise = contract.CompareAnswer{Lost: []string{"conn"}}
	s.presence.back = contract.CompareAnswer{Memberships: map[string]contract.Membership{"conn": {Revision: 9, Channels: []string{"a", "b"}}}}
	if n, err := s.book.Compare(t.Context(), contract.AllParts); n != 1 || err != nil {
		t.Fatalf("%d differences, %v", n, err)
	}
	s.say(ns.LiveChannel("b"), "in b")
	until(t, "what it has since is heard", func() bool { return l.heard("in b") })
}

func TestASessionThatOnlyPresenceHasIsToldToBeGoneAndNoOther(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := s.attached("a")
	s.enter(a)
	s.presence.held = map[string]string{"conn": a.ID, "ghost": "of an earlier life"}
	if n, err := s.book.DropStrangers(t.Context(), contract.AllParts); n != 1 || err != nil {
		t.Fatalf("%d strangers, %v", n, err)
	}
	if id := s.presence.told("ghost"); id != "of an earlier life" {
		t.Errorf("of the ghost, presence was told %q", id)
	}
	if id := s.presence.told("conn"); id != "" {
		t.Errorf("the session that is here was told to be gone: %q", id)
	}
}
