package dialog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

func numbered(n int) string { return fmt.Sprintf(`{"n":%d,"catchup":false}`, n) }

// listOf is what numbers come in: again, those that came to nobody before.
func listOf(begin string, again bool, numbers ...int) string {
	var list []string
	for _, n := range numbers {
		list = append(list, fmt.Sprintf(`{"n":%d,"catchup":%v`, n, again))
	}
	return begin + `["message",[` + strings.Join(list, ",")
}

// wantNumbers reads numbers that come in lists, of any length, and fails at any other frame.
func wantNumbers(t *testing.T, s *gatewaytest.Socket, begin string, from, to int) {
	t.Helper()
	for n := from; n <= to; {
		frame := s.Want(begin + `["message",[{"n":`)
		for ; n <= to && strings.Contains(frame, fmt.Sprintf(`{"n":%d,`, n)); n++ {
			_, frame, _ = strings.Cut(frame, fmt.Sprintf(`{"n":%d,`, n))
		}
		if strings.Contains(frame, `{"n":`) {
			t.Fatalf("something else than %d came: %.200s", n, frame)
		}
	}
}

// What came to / before was heard by nobody. It comes again where the client listens.
func TestAnOlderClientThatAsksLateMissesNothing(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"new": false, "back where it stopped": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gatewaytest.Start(t)
			g.Presence.Register("c1", "alice", "news")
			stopped := g.Store("news", numbered(0))
			if known {
				g.Presence.Stopped("c1", stopped)
				g.Store("news", numbered(1))
			}
			s := older(t, g, "conn_id=c1")
			exactly(t, s, "40")
			if !known {
				g.Store("news", numbered(1))
			}
			s.Want(listOf("42", known, 1))
			g.Store("news", numbered(2))
			s.Want(listOf("42", false, 2))
			s.Send("40/stream,")
			exactly(t, s, "40/stream,")
			wantNumbers(t, s, "42/stream,", 1, 2)
			g.Store("news", numbered(3))
			s.Want(listOf("42/stream,", false, 3))
			s.WantNothing()
		})
	}
}

// While messages come, and the client still gets what it missed, more than is sent at a time.
func TestAnOlderClientThatAsksLateGetsAllInOrder(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Stopped("c1", g.Store("news", numbered(0)))
	const missed, more = 300, 200
	padding := strings.Repeat("x", 4<<10)
	store := func(n int) { g.Store("news", fmt.Sprintf(`{"n":%d,"x":"%s","catchup":false}`, n, padding)) }
	for n := range missed {
		store(n + 1)
	}
	s := older(t, g, "conn_id=c1")
	exactly(t, s, "40")
	s.Send("40/stream,")
	for n := range more {
		store(missed + n + 1)
	}
	for got := ""; got != "40/stream,"; {
		got = s.Next()
	}
	wantNumbers(t, s, "42/stream,", 1, missed+more)
}

// What comes while the client moves goes by the channels in which it is then.
func TestAnOlderClientThatAsksLateIsInTheChannelsOfTheMoment(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news", "sport")
	s := older(t, g, "conn_id=c1")
	exactly(t, s, "40")
	g.Presence.Move("c1", "news", "films")
	exactly(t, s, `42["join",["films"]]`, `42["leave",["sport"]]`)
	s.Send("40/stream,")
	exactly(t, s, "40/stream,")
	g.Store("sport", numbered(1))
	g.Store("films", numbered(2))
	s.Want(listOf("42/stream,", false, 2))
	g.Presence.Move("c1", "sport")
	exactly(t, s, `42/stream,["join",["sport"]]`, `42/stream,["leave",["news","films"]]`)
	g.Store("films", numbered(3))
	g.Store("sport", numbered(4))
	s.Want(listOf("42/stream,", false, 4))
}

// A client that loses its connection before it could ask has heard nothing of what came to /.
func TestWhatCameToTheRootComesAgainToAnOlderClientThatWasAboutToAsk(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := older(t, g, "conn_id=c1")
	exactly(t, s, "40")
	g.Store("news", numbered(1))
	s.Want(listOf("42", false, 1))
	s.Drop()
	gatewaytest.Eventually(t, "the connection is let go", func() bool { return !g.Presence.Holds("c1") })
	s = older(t, g, "conn_id=c1")
	s.Send("40/stream,")
	exactly(t, s, "40", "40/stream,")
	s.Want(listOf("42/stream,", true, 1))
}
