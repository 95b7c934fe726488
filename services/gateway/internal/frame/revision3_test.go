package frame_test

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// A client of Engine.IO 3 hands back no offset, and a last argument would be one more than its page's handler has.
func TestEventsOfEngineIO3HaveNoOffsetBehindTheirList(t *testing.T) {
	t.Parallel()
	l := new(frame.List)
	l.Add(frame.Message{Body: []byte(`{"n":1}`), Offset: 7})
	for format, want := range map[frame.Format]string{
		frame.Socket3Stream: "\x81\x2a" + `42/stream,["message",[{"n":1,"offset":7}]]`,
		frame.Poll3Stream:   `42:42/stream,["message",[{"n":1,"offset":7}]]`,
	} {
		if got := string(l.Bytes(format, nil)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := frame.AppendOffset(nil, format, 7); len(got) > 0 {
			t.Errorf("an offset is told as %q", got)
		}
	}
}

func TestWaysOfEngineIO3HaveFormatsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		way  frame.Way
		n    frame.Namespaces
		want frame.Format
	}{
		{frame.Packets.Revision3(), 0, frame.None},
		{frame.Packets.Revision3(), frame.Root, frame.Socket3Root},
		{frame.Packets.Revision3(), frame.Root | frame.Stream, frame.Socket3Both},
		{frame.Packets.Revision3().Deflated(), frame.Stream, frame.Socket3StreamDeflated},
		{frame.Packets.Deflated().Revision3(), frame.Root | frame.Stream, frame.Socket3BothDeflated},
		{frame.Polls.Revision3(), frame.Stream, frame.Poll3Stream},
	} {
		if got := frame.For(c.way, c.n); got != c.want || !c.way.ClientPings() {
			t.Errorf("way %d, namespaces %d: got format %d, want %d", c.way, c.n, got, c.want)
		}
	}
	if frame.Packets.ClientPings() || frame.Polls.ClientPings() {
		t.Error("the server pings in Engine.IO 4")
	}
}

func TestCompressedFramesOfEngineIO3HoldTheSameList(t *testing.T) {
	t.Parallel()
	l := list(`{"text":"` + strings.Repeat("long ", 100) + `"}`)
	var z frame.Deflater
	for plain, deflated := range map[frame.Format]frame.Format{
		frame.Socket3Root: frame.Socket3RootDeflated, frame.Socket3Stream: frame.Socket3StreamDeflated, frame.Socket3Both: frame.Socket3BothDeflated,
	} {
		if got, whole := l.Bytes(deflated, &z), l.Bytes(plain, nil); len(got) == 0 || len(got) > len(whole)/2 {
			t.Errorf("format %d has %d bytes, %d uncompressed", deflated, len(got), len(whole))
		}
	}
}
