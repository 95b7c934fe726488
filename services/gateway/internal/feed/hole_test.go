package feed_test

import (
	"fmt"
	"testing"
)

// told says that something is missed, as a number among the others.
func told(since, _ uint64) [][]byte { return [][]byte{fmt.Appendf(nil, `[{"n":behind-%d}]`, since)} }

// everything is every subject of the log.
const everything = ">"

func TestAHoleThatTheLogCanNotFillIsToldToThoseWhoListen(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	l, other := s.listenAs("c", told), s.listenAs("other", told)
	s.say("c", 1)
	l.want(t, "1")
	behind := fmt.Sprintf("behind-%d", s.before["c"])
	for n := 2; n <= 5; n++ {
		s.store("c", n)
	}
	if err := s.log.Trim(t.Context(), everything, s.before["c"]+1); err != nil { // all are too old
		t.Fatal(err)
	}
	s.say("c", 6)
	s.say("other", 1)
	l.want(t, "1 "+behind+" 6")
	other.want(t, "1")
	if o.lost.Load() == 0 {
		t.Error("it is not counted")
	}
}

func TestAHoleOfWhichTheLogHasOnlyTheEndIsToldBeforeIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listenAs("c", told)
	s.say("c", 1)
	l.want(t, "1")
	behind := fmt.Sprintf("behind-%d", s.before["c"])
	for n := 2; n <= 5; n++ {
		s.store("c", n)
	}
	if err := s.log.Trim(t.Context(), everything, s.before["c"]); err != nil { // all but 5
		t.Fatal(err)
	}
	s.say("c", 6)
	l.want(t, "1 "+behind+" 5 6")
}

func TestWhatAnAppErasedIsNotMissed(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listenAs("c", told)
	s.say("c", 1)
	l.want(t, "1")
	s.store("c", 2)
	if err := s.log.Erase(t.Context(), s.before["c"]); err != nil {
		t.Fatal(err)
	}
	s.say("c", 3)
	l.want(t, "1 3")
}
