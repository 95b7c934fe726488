package feed_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// acquire holds the topics of channels until the end of the test.
func (s *stage) acquire(channels ...string) []*hub.Topic {
	s.t.Helper()
	var subjects []feed.Subject
	for _, c := range channels {
		subjects = append(subjects, feed.Subject{Name: c, Subject: ns.LiveChannel(c)})
	}
	topics, err := s.feed.Acquire(s.t.Context(), subjects)
	if err != nil {
		s.t.Fatal(err)
	}
	return topics
}

// missed gives the bodies of what lies behind an offset, and whether the log had it all.
func (s *stage) missed(topics []*hub.Topic, since uint64) (bodies string, reached bool) {
	s.t.Helper()
	past, err := s.feed.Past(s.t.Context(), topics, since)
	if err != nil {
		s.t.Fatal(err)
	}
	defer past.End()
	reached, _, err = past.Reaches(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	take := func(entries []feed.PastMessage) {
		for _, e := range entries {
			all = append(all, strings.Trim(string(e.Data), `{"n:}`))
		}
	}
	for {
		part, joined, err := past.Next(s.t.Context(), 1<<20, func(feed.Part) {})
		if err != nil {
			s.t.Fatal(err)
		}
		take(part.Messages)
		if joined {
			return strings.Join(all, " "), reached
		}
	}
}

func sequenceOf(h bus.Header) uint64 {
	n, _ := strconv.ParseUint(h.Get(bus.HeaderSequence), 10, 64)
	return n
}

func TestThePastOfTopicsIsReadInTheOrderOfTheLog(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	since := []uint64{sequenceOf(s.store("a", 0))}
	for n := 1; n <= 6; n++ {
		since = append(since, sequenceOf(s.store(string(rune('a'+n%3)), n))) // b, c, a, …
	}
	topics := s.acquire("a", "b")
	if got, reached := s.missed(topics, since[0]); got != "1 3 4 6" || !reached {
		t.Errorf("%q, reached %v", got, reached)
	}
	if got, reached := s.missed(topics, since[4]); got != "6" || !reached {
		t.Errorf("%q, reached %v", got, reached)
	}
	if got, reached := s.missed(topics, since[6]); got != "" || !reached {
		t.Errorf("%q, reached %v", got, reached)
	}
}

func TestAClientThatGotAMessageIsToldItsPlaceThoughAnotherOfItsTopicsIsQuiet(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	since := sequenceOf(s.store("other", 1))
	quiet := s.acquire("quiet")
	at := sequenceOf(s.store("busy", 1))
	topics := append(quiet, s.acquire("busy")...)
	past, err := s.feed.Past(t.Context(), topics, since)
	if err != nil {
		t.Fatal(err)
	}
	defer past.End()
	part, joined, err := past.Next(t.Context(), 1<<20, func(feed.Part) {})
	if err != nil || !joined || len(part.Messages) != 1 || part.Mark < at {
		t.Errorf("got %d messages, %t, %v, and may hand back %d: the message lies at %d", len(part.Messages), joined, err, part.Mark, at)
	}
}

func TestAClientThatIsAheadOfThisGatewayIsNotGivenAgainWhatItHas(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	topics := s.acquire("c")
	h := s.store("c", 1)
	at := sequenceOf(h)
	go func() {
		<-time.After(20 * time.Millisecond) // the copy is on its way
		s.send("c", h, body(1))
	}()
	past, err := s.feed.Past(t.Context(), topics, at)
	if err != nil {
		t.Fatal(err)
	}
	defer past.End()
	if mark := s.feed.Mark(); mark < at {
		t.Errorf("what comes from %d on is live for a client that has all up to %d", mark+1, at)
	}
}

func TestALogThatDoesNotReachBackSaysSo(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	first := sequenceOf(s.store("a", 1))
	topics := s.acquire("a")
	for since, want := range map[uint64]bool{0: false, first - 2: false, first - 1: true, first: true, first + 1: false, 1 << 62: false} {
		if _, reached := s.missed(topics, since); reached != want {
			t.Errorf("%d (first %d): reached %v, want %v", since, first, reached, want)
		}
	}
	if err := s.log.Trim(t.Context(), ns.LogSubject(ns.LiveChannel("a")), first+1); err != nil {
		t.Fatal(err)
	}
	other := s.acquire("b")
	if _, reached := s.missed(other, first-1); reached {
		t.Error("what has left the log was said to be there")
	}
	if _, reached := s.missed(other, first); !reached {
		t.Error("nothing has come since then")
	}
}

// A thousand clients of one channel come back at once: the log is read a few times, whoever comes first.
func TestManyWhoComeBackShareTheRead(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	var offsets []uint64
	for n := range 100 {
		offsets = append(offsets, sequenceOf(s.store("a", n)))
	}
	topics := s.acquire("a")
	var clients sync.WaitGroup
	for i := range 1000 {
		clients.Go(func() {
			at := i % len(offsets)
			got, reached := s.missed(topics, offsets[at])
			if n := len(strings.Fields(got)); n != len(offsets)-1-at || !reached {
				t.Errorf("behind %d there are %d messages, reached %v", at, n, reached)
			}
		})
	}
	clients.Wait()
	if n := o.reads.Load(); n > 40 {
		t.Errorf("the log was read %d times", n)
	}
}

func TestWhoMissedTooMuchIsToldSoAndGetsWhatIsNew(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	since := sequenceOf(s.store("c", 0))
	s.storeMany("c", 20_001, 0)
	topics := s.acquire("c")
	if got, reached := s.missed(topics, since); got != "" || reached {
		t.Errorf("it got %d bytes, reached %v", len(got), reached)
	}
	if n := o.read.Load(); n > 1 {
		t.Errorf("%d messages were read to find out that there are too many", n)
	}
	if got, reached := s.missed(topics, since+1); len(strings.Fields(got)) != 20_000 || !reached {
		t.Errorf("it got %d messages, reached %v", len(strings.Fields(got)), reached)
	}
	if got, reached := s.missed(topics, s.before["c"]); got != "" || !reached {
		t.Errorf("it got %q, reached %v", got, reached)
	}
}

func TestAQuietTopicIsNotRead(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	since := sequenceOf(s.store("a", 1))
	s.store("busy", 2)
	if got, reached := s.missed(s.acquire("a", "b", "c"), since); got != "" || !reached {
		t.Errorf("%q, reached %v", got, reached)
	}
	if n := o.reads.Load(); n != 0 {
		t.Errorf("the log was read %d times", n)
	}
}

// What was handed on while a client caught up comes from the tape, the rest live; nothing falls between.
func TestBetweenThePastAndWhatIsLiveNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	since := sequenceOf(s.store("c", 0))
	for n := 1; n <= 600; n++ { // more than the last step may have
		s.store("c", n)
	}
	topics := s.acquire("c")
	l := &listener{}
	m := s.hub.Open(l, frame.Lists, "test", func(contract.Reason, uint64) {})
	past, err := s.feed.Past(t.Context(), topics, since)
	if err != nil {
		t.Fatal(err)
	}
	defer past.End()
	var want []string
	for n := 1; n <= 900; n++ {
		want = append(want, strconv.Itoa(n))
	}
	saying := make(chan struct{})
	go func() {
		defer close(saying)
		for n := 601; n <= 900; n++ {
			s.say("c", n)
		}
	}()
	for joined := false; !joined; {
		var part feed.Part
		in := make(chan error, 1)
		part, joined, err = past.Next(t.Context(), 1<<20, func(last feed.Part) {
			m.Apply(hub.Change{Past: late(last.Messages), Join: topics}, in)
		})
		if err != nil {
			t.Fatal(err)
		}
		if joined {
			err = <-in
		} else {
			err = m.Change(t.Context(), hub.Change{Past: late(part.Messages)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.want(t, strings.Join(want, " "))
	<-saying
}

func late(entries []feed.PastMessage) []frame.Message {
	var messages []frame.Message
	for _, e := range entries {
		messages = append(messages, frame.Message{Body: e.Data, Offset: e.Sequence})
	}
	return messages
}

func TestWhatIsRemovedIsTakenOffTheTapes(t *testing.T) {
	t.Parallel()
	const uuid = "09d65887-4e12-46d1-96d1-e8441645235b"
	s := newStage(t, never, &observer{})
	since := sequenceOf(s.store("c", 0))
	l, topics := s.listen("c"), s.acquire("c")
	pin, err := s.feed.Past(t.Context(), topics, since) // the tape runs from here
	if err != nil {
		t.Fatal(err)
	}
	defer pin.End()
	h := s.store("c", 1)
	h.Set("Nats-Msg-Id", contract.ChannelMessageID(uuid, "c"))
	s.send("c", h, body(1))
	s.say("c", 2)
	h = s.store("c", 3)
	h.Set(contract.HeaderDelete, uuid)
	s.send("c", h, body(3))
	l.want(t, "1 2 3")
	if got, _ := s.missed(topics, since); got != "2 3" {
		t.Errorf("%q", got)
	}
}

// offsets are those that came with messages.
func (l *listener) offsets() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []uint64
	for _, part := range strings.Split(l.got.String(), `"offset":`)[1:] {
		n, _ := strconv.ParseUint(part[:strings.IndexByte(part, '}')], 10, 64)
		all = append(all, n)
	}
	return all
}

func TestAnOffsetNeverPassesAHole(t *testing.T) {
	t.Parallel()
	o := &observer{pause: make(chan struct{})}
	s := newStage(t, never, o)
	a, b := s.listen("a"), s.listen("b")
	h1, h2 := s.store("a", 1), s.store("b", 2)
	s.send("a", h1, body(1))
	s.send("b", h2, body(2))
	a.want(t, "1")
	b.want(t, "2")
	s.store("a", 3) // its live copy is lost
	h4 := s.store("a", 4)
	s.send("a", h4, body(4))
	o.pause <- struct{}{} // the hole is seen, and filled
	h5 := s.store("b", 5)
	s.send("b", h5, body(5))
	a.want(t, "1 3 4")
	b.want(t, "2 5")
	last := sequenceOf(h5)
	if got := a.offsets(); !slices.Equal(got, []uint64{last - 4, last - 2, last - 1}) {
		t.Errorf("offsets %v", got)
	}
	got := b.offsets()
	if got[0] != last-3 || got[1] != last && got[1] != last-4 { // if the hole was still open then
		t.Errorf("offsets %v", got)
	}
}

func TestWhileCopiesMayHaveBeenLostTheOffsetStands(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	s.say("c", 1)
	l.want(t, "1")
	before := l.offsets()[0]
	s.store("quiet", 2)
	s.nats.Stop()
	s.start(s.port)
	deadline := time.After(20 * time.Second)
	for s.feed.Mark() <= before { // the tails were compared: nothing was lost that anybody here listens to
		select {
		case <-deadline:
			t.Fatalf("the mark stays at %d", s.feed.Mark())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestReadingThePastEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	since := sequenceOf(s.store("c", 1))
	s.store("c", 2)
	topics := s.acquire("c")
	s.nats.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.feed.Past(ctx, topics, since); err == nil {
		t.Error("the past was read without NATS")
	}
}

func TestAMessageThatWasErasedIsNoHole(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	l := s.listen("c")
	s.say("c", 1)
	gone := sequenceOf(s.store("c", 2))
	if err := s.log.Erase(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	s.send("c", bus.Header{contract.HeaderNudge: {fmt.Sprint(gone)}}, nil)
	s.say("c", 3)
	l.want(t, "1 3")
	if o.lost.Load() != 0 {
		t.Error("what an app erased counts as lost")
	}
}

func TestWhoMissedNothingJoinsAtOnce(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStage(t, never, o)
	since := sequenceOf(s.store("a", 1))
	topics := s.acquire("a", "b")
	var from uint64
	current := func(since uint64) bool {
		t.Helper()
		is, err := s.feed.Current(t.Context(), topics, since, func(mark uint64) { from = mark })
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !current(since) || from != since {
		t.Errorf("it goes on from %d, want %d", from, since)
	}
	if current(since - 1) {
		t.Error("a message was passed over")
	}
	l := s.listen("b")
	s.say("b", 2)
	l.want(t, "2")
	if current(since) {
		t.Error("a live message was passed over")
	}
	if !current(since + 1) {
		t.Error("it has everything")
	}
}
