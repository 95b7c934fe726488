package flood

import (
	"net/url"
	"slices"
	"testing"
)

// stream lets the attacker into channels, and gives paths at which it opens Socket.IO as a user.
func (s *server) stream(many int, channels ...string) (paths []string) {
	s.t.Helper()
	s.plain(1, channels...)
	credentials := "&username=" + mallory + "&sig=" + url.QueryEscape(s.app.UserSignature(mallory))
	return slices.Repeat([]string{socketIOPath + credentials}, many)
}

// connectPacket enters a namespace; its answer begins like it.
const connectPacket = "40/stream,"

// events is a flood of Socket.IO packets on three sockets of a user who may come in.
func events(s *server, packets []string, read bool) attack {
	const many = 400
	var chunk []byte
	for i := range many {
		chunk = appendFrame(chunk, flagFinal|opText, []byte(packets[i%len(packets)]))
	}
	return attack{
		order: order{
			Program: "pour", Paths: s.stream(3, "news"), Hello: []string{connectPacket}, Await: connectPacket,
			Chunk: chunk, Units: many, Read: read, Again: true,
		},
		memory: fewMegabytes, least: many,
	}
}

func TestJoinsAndLeaves(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, events(s, []string{`42/stream,7["join",["news"]]`, `42/stream,8["leave",["news"]]`}, true))
}

// unknown is an event that nothing is known of, which asks for an answer.
const unknown = `42/stream,9["hello",1]`

func TestUnknownEventsWhoseAnswersAreRead(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, events(s, []string{unknown}, true))
}

func TestUnknownEventsWhoseAnswersAreNotRead(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, events(s, []string{unknown}, false))
}
