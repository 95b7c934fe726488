package feed_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

var offsetOf = regexp.MustCompile(`"offset":(\d+)`)

// offset is the one that came with the last message.
func (l *listener) offset() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := offsetOf.FindAllStringSubmatch(l.got.String(), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// elect has the feed doubt that all live copies came.
func (s *stage) elect() {
	s.t.Helper()
	if err := s.app.Publish("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."+ns.LogStream(), nil, []byte("{}")); err != nil {
		s.t.Fatal(err)
	}
}

// ready returns when the feed hears the advisories.
func (s *stage) ready(l *listener) {
	s.t.Helper()
	for n := 1; ; n++ {
		s.store("ready", n)
		s.elect()
		for range 100 {
			if l.numbers() != "" {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}
}

func TestWhileCopiesMayBeLostMessagesWaitUntilTheirPlacesAreSure(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	s.ready(s.listen("ready"))
	lacks, has := s.listen("lacks"), s.listen("has")
	s.store("lacks", 1) // its copy is lost
	s.elect()
	s.say("has", 1)
	has.want(t, "1")
	if got, want := has.offset(), fmt.Sprint(s.before["has"]); got != want {
		t.Errorf("a client that comes back gets message %s again: it was told %s", want, got)
	}
	if got := lacks.numbers(); got != "1" {
		t.Errorf("a message went out before an earlier one of another channel, which got %q", got)
	}
}

func TestMessagesWaitNoLongerThanASecondForTheirPlaces(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	s.ready(s.listen("ready"))
	l := s.listen("c")
	s.say("c", 1)
	l.want(t, "1")
	told := l.offset()
	if err := s.app.RemoveStream(t.Context(), ns.LogStream()); err != nil { // so the tails can not be compared
		t.Fatal(err)
	}
	s.elect()
	s.send("c", bus.Header{
		bus.HeaderSequence:     {fmt.Sprint(s.before["c"] + 1)},
		bus.HeaderLastSequence: {fmt.Sprint(s.before["c"])},
	}, body(2))
	l.want(t, "1 2")
	if got := l.offset(); got != told {
		t.Errorf("the client was told %s, and nobody knows whether it has all up to there", got)
	}
}
