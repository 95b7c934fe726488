package flood

import (
	"slices"
	"strings"
	"testing"
)

// fragments is a flood of parts of one message that never ends.
func fragments(paths []string, first, chunk []byte, units int) attack {
	return attack{
		order:  order{Program: "pour", Paths: paths, First: first, Chunk: chunk, Units: units, Read: true, Again: true},
		memory: fewMegabytes, least: int64(units),
	}
}

var begun = frames(1, opText, "a")

func TestEmptyFragments(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, fragments(s.plain(3, "news"), begun, frames(2000, opContinuation, ""), 2000))
}

func TestEmptyFragmentsFasterThanAClientMaySend(t *testing.T) {
	s := newServer(t)
	r := withstand(t, s, fragments(s.plain(3, "news"), begun, frames(2000, opContinuation, ""), 2000))
	if r.Ends["1008 rate_limited"] == 0 {
		t.Error("no client was told that it sends too much")
	}
}

func TestFragmentsWithPingsBetween(t *testing.T) {
	s := newServer(t, unlimited)
	between := slices.Concat(frames(1, opContinuation, ""), frames(1, flagFinal|opPing, "p"))
	withstand(t, s, fragments(s.plain(3, "news"), begun, slices.Repeat(between, 1000), 2000))
}

// The message is too large in the end, and is begun anew.
func TestFragmentsOfOneByte(t *testing.T) {
	s := newServer(t, unlimited)
	r := withstand(t, s, fragments(s.plain(3, "news"), begun, frames(2000, opContinuation, "a"), 2000))
	if r.Ends["1009 too_large"] == 0 {
		t.Error("no client was told that its message is too large")
	}
}

// What comes behind a message for which the client was closed is read away, but for nobody else's account.
func TestWhatIsSentBehindAMessageThatIsTooLarge(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, fragments(s.plain(3, "news"), nil, frames(1, flagFinal|opText, strings.Repeat("x", 1<<20)), 1))
}
