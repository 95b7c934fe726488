package feed_test

import (
	"fmt"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// listenAndBeTold opens a member in a channel that is told, as a number among the others, when it misses something.
func (s *stage) listenAndBeTold(channel string) *listener {
	s.t.Helper()
	topics, err := s.feed.Acquire(s.t.Context(), []feed.Subject{{Name: channel, Subject: ns.LiveChannel(channel)}})
	if err != nil {
		s.t.Fatal(err)
	}
	l := &listener{}
	m := s.hub.Open(l, frame.Lists, "test", func(contract.Reason, uint64) {})
	missed := func(since, _ uint64) [][]byte { return [][]byte{fmt.Appendf(nil, `[{"n":behind-%d}]`, since)} }
	if err := m.Change(s.t.Context(), hub.Change{Join: topics, Missed: missed}); err != nil {
		s.t.Fatal(err)
	}
	return l
}

// everything is every subject of the log.
const everything = ">"

func TestAHoleThatTheLogCanNotFillIsToldToThoseWhoListen(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	l, other := s.listenAndBeTold("c"), s.listenAndBeTold("other")
	s.say("c", 1)
	l.want(t, "1")
	told := fmt.Sprintf("behind-%d", s.before["c"])
	for n := 2; n <= 5; n++ {
		s.store("c", n)
	}
	if err := s.log.Trim(t.Context(), everything, s.before["c"]+1); err != nil { // all are too old
		t.Fatal(err)
	}
	s.say("c", 6)
	s.say("other", 1)
	l.want(t, "1 "+told+" 6")
	other.want(t, "1")
	if o.lost.Load() == 0 {
		t.Error("it is not counted")
	}
}

func TestAHoleOfWhichTheLogHasOnlyTheEndIsToldBeforeIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listenAndBeTold("c")
	s.say("c", 1)
	l.want(t, "1")
	told := fmt.Sprintf("behind-%d", s.before["c"])
	for n := 2; n <= 5; n++ {
		s.store("c", n)
	}
	if err := s.log.Trim(t.Context(), everything, s.before["c"]); err != nil { // all but 5
		t.Fatal(err)
	}
	s.say("c", 6)
	l.want(t, "1 "+told+" 5 6")
}

func TestWhatAnAppErasedIsNotMissed(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listenAndBeTold("c")
	s.say("c", 1)
	l.want(t, "1")
	s.store("c", 2)
	if err := s.log.Erase(t.Context(), s.before["c"]); err != nil {
		t.Fatal(err)
	}
	s.say("c", 3)
	l.want(t, "1 3")
}
