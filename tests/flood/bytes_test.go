package flood

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/harness"
)

// A client that reads, but far too slowly, is one that does not read: it is closed when the oldest byte has waited too long.
func TestAByteReadAtATimeFromABusyChannel(t *testing.T) {
	const sockets = 20
	s := newServer(t, harness.Setting("BACKLOG_AGE", time.Second), harness.Setting("BACKLOG_BYTES", "256KiB"))
	s.busy("busy", 100, strings.Repeat("x", 16<<10))
	withstand(t, s, attack{
		order: order{
			Program: "sip", Paths: s.plain(sockets, "busy"), Sip: 1, Every: time.Millisecond, Buffer: 4 << 10,
		},
		lasts: 4 * time.Second, memory: fewMegabytes, least: sockets,
	})
	if closed := s.closed("slow_consumer"); closed < sockets {
		t.Errorf("%d of %d sockets that read a byte at a time were closed as slow_consumer", closed, sockets)
	}
}

func TestFramesWrittenAByteAtATime(t *testing.T) {
	s := newServer(t, unlimited)
	chunk := slices.Concat(frames(1, flagFinal|opText, "a few words"), frames(1, flagFinal|opPing, "are you there"))
	withstand(t, s, attack{
		order: order{
			Program: "pour", Paths: s.plain(10, "news"), Chunk: chunk, Units: 2, Step: 1, Read: true,
		},
		memory: fewMegabytes, least: 200,
	})
}
