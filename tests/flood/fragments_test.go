package flood

import (
	"slices"
	"strings"
	"testing"
)

// fragments is a message that never ends (RFC 6455 section 5.4): a first fragment, then others.
func fragments(paths []string, units int, chunk []byte) attack {
	return attack{
		order: order{
			Program: "pour", Paths: paths, First: frames(1, opText, ""), Chunk: chunk, Units: units, Read: true, Again: true,
		},
		memory: fewMegabytes, least: int64(units),
	}
}

// What a client sends behind the message that it is closed for is not the server's to read for ever.
func TestAFloodBehindAMessageThatIsTooLarge(t *testing.T) {
	s := newServer(t)
	withstand(t, s, attack{
		order: order{
			Program: "pour", Paths: s.plain(3, "news"), Chunk: frames(1, flagFinal|opText, strings.Repeat("x", 100<<10)), Units: 1,
			Read: true, Again: true,
		},
		memory: fewMegabytes, least: 10,
	})
}

const fragmentsPerChunk = 4000

func TestAMessageOfOneByteFragmentsBeforeAnyCredentials(t *testing.T) {
	s := newServer(t)
	withstand(t, s, fragments(slices.Repeat([]string{socketIOPath}, 3), fragmentsPerChunk, frames(fragmentsPerChunk, opContinuation, "x")))
}
