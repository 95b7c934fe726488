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
		Memberships: map[string]contract.Membership{"conn": {Revision: 9, Channels: []string{"a", "b"}}}, Differences: 1,
	}
	if n, err := s.book.Compare(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d differences, %v", n, err)
	}
	s.say(ns.LiveChannel("b"), "in b")
	until(t, "the channel of the lost order is heard", func() bool { return l.heard("in b") && l.heard("joined b left ") })
}

func TestASessionThatPresenceGaveToAnotherIsClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, m := s.enter(s.attached("a"))
	s.presence.otherwise = contract.CompareAnswer{Close: map[string]contract.Reason{"conn": contract.ReasonReplaced}, Differences: 1}
	if _, err := s.book.Compare(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-m.Over()
	if why := m.Why(); why != contract.ReasonReplaced {
		t.Errorf("it ended as %q", why)
	}
}

func TestWithoutSessionsThereIsNothingToCompare(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.presence.refuse = contract.Unavailable("nobody is to be asked")
	if n, err := s.book.Compare(t.Context()); n != 0 || err != nil {
		t.Errorf("%d differences, %v", n, err)
	}
}
