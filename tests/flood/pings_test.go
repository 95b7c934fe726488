package flood

import (
	"slices"
	"strings"
	"testing"
)

// pings is a flood of the largest pings that there may be.
func pings(paths []string, read bool) attack {
	const many = 200
	return attack{
		order: order{
			Program: "pour", Paths: paths, Chunk: frames(many, flagFinal|opPing, strings.Repeat("p", 125)), Units: many,
			Read: read, Again: true,
		},
		memory: fewMegabytes, least: many,
	}
}

func TestPingsWhosePongsAreRead(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, pings(s.plain(3, "news"), true))
}

func TestPingsWhosePongsAreNotRead(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, pings(s.plain(3, "news"), false))
}

func TestPingsBeforeAnyCredentials(t *testing.T) {
	s := newServer(t, unlimited)
	withstand(t, s, pings(slices.Repeat([]string{socketIOPath}, 6), true))
}

func TestPingsFasterThanAClientMaySend(t *testing.T) {
	s := newServer(t)
	r := withstand(t, s, pings(s.plain(3, "news"), true))
	if r.Ends["1008 rate_limited"] == 0 {
		t.Error("no client was told that it sends too much")
	}
}
