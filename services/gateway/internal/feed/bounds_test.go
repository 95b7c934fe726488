package feed_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
)

// come opens the past for a client.
func (s *stage) come(since uint64, topics ...*hub.Topic) *feed.Past {
	s.t.Helper()
	p, err := s.feed.Past(s.t.Context(), topics, since)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.End)
	return p
}

// next gives what follows, without joining unless that has to be.
func (s *stage) next(p *feed.Past) (part feed.Part, joined bool) {
	s.t.Helper()
	part, joined, err := p.Next(s.t.Context(), -1, func(feed.Part) {})
	if err != nil {
		s.t.Fatal(err)
	}
	return part, joined
}

// sayPadded says a message of so many bytes.
func (s *stage) sayPadded(channel string, n, size int) {
	s.t.Helper()
	s.send(channel, s.store(channel, n), padded(n, size))
}

// readUpTo has a client read until it has a message, and gives the numbers of what it got.
func (s *stage) readUpTo(p *feed.Past, last int) (numbers []int) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for len(numbers) == 0 || numbers[len(numbers)-1] != last {
		part, _ := s.next(p)
		if part.Missed {
			s.t.Fatalf("a client that reads lost its place before %d", last)
		}
		for _, m := range part.Messages {
			n, err := strconv.Atoi(strings.Trim(strings.SplitN(string(m.Data), ",", 2)[0], `{"n:}`)) // the log has it without its padding
			if err != nil {
				s.t.Fatal(err)
			}
			numbers = append(numbers, n)
			p.Sent(m.Sequence)
		}
		select {
		case <-deadline:
			s.t.Fatalf("got %v, and not %d", numbers, last)
		case <-time.After(time.Millisecond):
		}
	}
	return numbers
}

const (
	mebibyte = 1 << 20
	share    = mebibyte / 4 // of one channel
)

func TestATapeStaysUnderItsBoundWhileAClientDoesNotReadAndTheChannelGoesOn(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStageOf(t, o, feed.Config{TailEvery: never, Queue: 1 << 10, TapeBytes: mebibyte})
	since := sequenceOf(s.store("c", 0))
	topic := s.acquire("c")[0]
	slow, fast := s.come(since, topic), s.come(since, topic)
	s.sayPadded("c", 1, 4096)
	got := s.readUpTo(fast, 1)
	if part, _ := s.next(slow); len(part.Messages) != 1 {
		t.Fatalf("the slow client was given %d messages", len(part.Messages))
	}
	const many = 300 // more than a mebibyte
	for n := 2; n <= many; n++ {
		s.sayPadded("c", n, 4096)
		if n%20 == 0 {
			got = append(got, s.readUpTo(fast, n)...)
		}
		if held := s.feed.TapeBytes(); held > share {
			t.Fatalf("after %d messages %d bytes are held for clients that come back", n, held)
		}
	}
	for i, n := range got {
		if n != i+1 {
			t.Fatalf("the client that reads got %v", got)
		}
	}
	if len(got) != many {
		t.Errorf("the client that reads got %d messages", len(got))
	}
	select {
	case <-slow.Lost():
	default:
		t.Error("the client that does not read did not lose its place")
	}
	part, joined := s.next(slow)
	if !part.Missed || !joined || len(part.Messages) > 0 || part.Mark != s.before["c"] {
		t.Errorf("it was given %d messages, missed %v, joined %v, mark %d of %d", len(part.Messages), part.Missed, joined, part.Mark, s.before["c"])
	}
	if n := o.cutOff.Load(); n != 1 {
		t.Errorf("%d clients lost their place", n)
	}
}

func TestAllTapesTogetherStayUnderTheirBound(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStageOf(t, o, feed.Config{TailEvery: never, Queue: 1 << 10, TapeBytes: mebibyte})
	var channels []string
	for n := range 8 {
		channels = append(channels, fmt.Sprint("c", n))
	}
	since := sequenceOf(s.store("c0", 0))
	listeners := map[string]*listener{}
	for i, topic := range s.acquire(channels...) {
		s.come(since, topic)
		listeners[channels[i]] = s.listen(channels[i])
	}
	for n := 1; n <= 50; n++ { // 200 KiB in each channel
		for _, c := range channels {
			s.sayPadded(c, n, 4096)
			if held := s.feed.TapeBytes(); held > mebibyte {
				t.Fatalf("%d bytes are held for clients that come back", held)
			}
		}
	}
	for _, c := range channels {
		listeners[c].want(t, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50")
	}
	if o.cutOff.Load() == 0 || o.cutOff.Load() == 8 {
		t.Errorf("%d of 8 lost their place", o.cutOff.Load())
	}
}

func TestALongPastIsReadUpToItsLimitOnly(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStageOf(t, o, feed.Config{TailEvery: never, Queue: 1 << 10, TapeBytes: 16 * mebibyte})
	since := sequenceOf(s.store("c", 0))
	s.storeMany("c", 4000, 1024)
	topics := s.acquire("c")
	for _, since := range []uint64{1, since} {
		before := o.bytes.Load()
		if got, reached := s.missed(topics, since); got != "" || reached {
			t.Errorf("since %d: it got %d bytes, reached %v", since, len(got), reached)
		}
		if read := o.bytes.Load() - before; read > 16*share+8192 {
			t.Errorf("since %d: %d bytes were read", since, read)
		}
	}
	if held := s.feed.TapeBytes(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
	l := s.listen("c")
	s.sayPadded("c", 4001, 0)
	l.want(t, "4001")
	if got, reached := s.missed(topics, s.before["c"]-1); got == "" || !reached {
		t.Errorf("behind the last but one it got %q, reached %v", got, reached)
	}
}

func TestWhoDoesNotSayWhereItStoppedGetsTheNewestOfALongPast(t *testing.T) {
	t.Parallel()
	s := newStageOf(t, &observer{}, feed.Config{TailEvery: never, Queue: 1 << 10, TapeBytes: 16 * mebibyte})
	since := sequenceOf(s.store("c", 0))
	s.storeMany("c", 4000, 1024)
	p, err := s.feed.Recent(t.Context(), s.acquire("c"), since)
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	part, _ := s.next(p)
	count := len(part.Messages)
	if part.Missed || count < 500 || count > 1000 {
		t.Fatalf("it got %d messages, missed %v", count, part.Missed)
	}
	inOrder := slices.IsSortedFunc(part.Messages, func(a, b feed.PastMessage) int { return int(a.Sequence) - int(b.Sequence) }) //nolint:gosec // small
	if first, last := part.Messages[0].Sequence, part.Messages[count-1].Sequence; !inOrder || last != s.before["c"] || first != last-uint64(count)+1 {
		t.Errorf("they are %d to %d, in order %v; the newest is %d", first, last, inOrder, s.before["c"])
	}
}
