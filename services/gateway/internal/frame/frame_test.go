package frame_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var formats = []struct {
	name   string
	format frame.Format
}{
	{"none", frame.None}, {"plain", frame.Plain},
	{"socket root", frame.SocketRoot}, {"socket stream", frame.SocketStream}, {"socket both", frame.SocketBoth},
	{"poll root", frame.PollRoot}, {"poll stream", frame.PollStream}, {"poll both", frame.PollBoth},
	{"event stream", frame.EventStream}, {"bare list", frame.BareList},
	{"socket 3 root", frame.Socket3Root}, {"socket 3 stream", frame.Socket3Stream}, {"socket 3 both", frame.Socket3Both},
	{"poll 3 root", frame.Poll3Root}, {"poll 3 stream", frame.Poll3Stream}, {"poll 3 both", frame.Poll3Both},
	{"socket 0.9 root", frame.Socket09Root}, {"socket 0.9 stream", frame.Socket09Stream}, {"socket 0.9 both", frame.Socket09Both},
	{"poll 0.9 root", frame.Poll09Root}, {"poll 0.9 stream", frame.Poll09Stream}, {"poll 0.9 both", frame.Poll09Both},
}

func list(bodies ...string) *frame.List {
	l := new(frame.List)
	for _, b := range bodies {
		l.Add(frame.Message{Body: []byte(b)})
	}
	return l
}

const notice = `{"user":"bob","status":1}`

// saying are the events by which a notice is told.
const saying = `user_connect,{"user":$8+5,"status":$23+1} presence_join,$8+5,["a"]`

// announced is an announcement between two messages.
func announced() *frame.List {
	l := new(frame.List)
	l.Add(frame.Message{Body: []byte(`{"n":1}`), Offset: 2})
	l.Add(announcement(3, 3, 0))
	l.Add(frame.Message{Body: []byte(`{"n":2}`), Offset: 4})
	return l
}

// The golden file holds what each format looks like on the wire. It only ever grows.
func TestFormatsLookAsRecorded(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, bodies := range [][]string{{`{"n":1}`}, {`{"n":1}`, `{"text":"ü"}`}} {
		l := list(bodies...)
		for _, f := range formats {
			fmt.Fprintf(&got, "%s, %d: %q\n", f.name, len(bodies), l.Bytes(f.format, nil))
		}
	}
	for _, f := range formats {
		fmt.Fprintf(&got, "%s, announced: %q\n", f.name, announced().Bytes(f.format, nil))
	}
	for _, control := range []struct {
		name  string
		bytes []byte
	}{
		{"ping", frame.AppendPing(nil)}, {"pong", frame.AppendPong(nil, []byte("hi"))},
		{"close", frame.AppendClose(nil, 1001, "draining")},
		{"packet in a socket", frame.AppendPacket(nil, []byte("2"), frame.Packets)},
		{"packet in a poll", frame.AppendPacket(nil, []byte("2"), frame.Polls)},
		{"packet in a poll of Engine.IO 3", frame.AppendPacket(nil, []byte(`44"ü"`), frame.Polls3)},
		{"packet in a poll of 0.9", frame.AppendPacket(nil, []byte("8::"), frame.Polls09)},
		{"event of a stream", frame.AppendEvent(nil, 7, "close", []byte(`"draining"`))},
		{"event without an id", frame.AppendEvent(nil, 0, "close", []byte(`"draining"`))},
		{"offset in a stream", frame.AppendOffset(nil, frame.EventStream, 7)},
		{"offset in a bare list", frame.AppendOffset(nil, frame.BareList, 7)},
	} {
		fmt.Fprintf(&got, "%s: %q\n", control.name, control.bytes)
	}
	want, err := os.ReadFile("testdata/formats.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestSizesAroundTheBordersOfTheFrameHeader(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20} {
		payload := bytes.Repeat([]byte("x"), size)
		f := frame.AppendText([]byte("before"), payload)
		if got := read(t, f[len("before"):]); len(got) != 1 || !bytes.Equal(got[0], payload) {
			t.Errorf("a payload of %d bytes was read as %d frames", size, len(got))
		}
	}
}

func TestControlFramesKeepTheirLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for _, f := range [][]byte{frame.AppendPong(nil, []byte(long)), frame.AppendClose(nil, 1000, long)} {
		if f[1] != 125 || len(f) != 127 {
			t.Errorf("a control frame has %d bytes, and says %d", len(f), f[1])
		}
	}
}

func TestAListIsFullAtItsLimitButTakesOneLargeMessage(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("1"), 2*frame.MaxList)
	l := new(frame.List)
	if !l.Add(frame.Message{Body: large}) || l.Add(frame.Message{Body: []byte("1")}) || l.Len() != 1 {
		t.Error("a list holds a message larger than its limit, and nothing else")
	}
	l.Reset()
	n := 0
	for l.Add(frame.Message{Body: large[:1000]}) {
		n++
	}
	if n != frame.MaxList/1001 || l.Len() != n {
		t.Errorf("the list is full after %d messages", n)
	}
}

func TestAListIsBuiltOnceAndAnewAfterReset(t *testing.T) {
	t.Parallel()
	l := list(`1`)
	first := l.Bytes(frame.Plain, nil)
	if again := l.Bytes(frame.Plain, nil); &first[0] != &again[0] {
		t.Error("the second receiver got other bytes")
	}
	l.Reset()
	l.Add(frame.Message{Body: []byte(`2`)})
	if got := string(l.Bytes(frame.Plain, nil)[2:]); got != "[2]" {
		t.Errorf("after a reset the list is %s", got)
	}
}

// read takes the frames of a server off, as a client's library does.
func read(t testing.TB, frames []byte) [][]byte {
	t.Helper()
	var payloads [][]byte
	for len(frames) > 0 {
		size, at := int(frames[1]), 2
		switch size {
		case 126:
			size, at = int(frames[2])<<8|int(frames[3]), 4
		case 127:
			size, at = 0, 10
			for _, b := range frames[2:10] {
				size = size<<8 | int(b)
			}
		}
		if frames[0] != 0x80|websocket.TextMessage || len(frames) < at+size {
			t.Fatalf("a frame begins with %x and has %d of %d bytes", frames[:2], len(frames)-at, size)
		}
		payloads = append(payloads, frames[at:at+size])
		frames = frames[at+size:]
	}
	return payloads
}

// What a receiver unpacks is the list that went in, in every format.
func FuzzList(f *testing.F) {
	f.Add(`{"n":1}`, `{"text":"ü 🎉"}`, uint8(3))
	f.Add(`1`, ``, uint8(200))
	f.Fuzz(func(t *testing.T, a, b string, times uint8) {
		l, want := new(frame.List), []json.RawMessage{}
		for range int(times)/16 + 1 {
			for _, text := range []string{a, b} {
				if !json.Valid([]byte(text)) || strings.ContainsRune(text, '\x1e') {
					text = `"other"`
				}
				if l.Add(frame.Message{Body: []byte(text)}) {
					want = append(want, json.RawMessage(text))
				}
			}
		}
		whole := "[" + string(bytes.Join(raw(want), []byte(","))) + "]"
		for _, c := range []struct {
			format   frame.Format
			prefixes []string
		}{
			{frame.Plain, []string{""}},
			{frame.SocketRoot, []string{`42["message",`}},
			{frame.SocketStream, []string{`42/stream,["message",`}},
			{frame.SocketBoth, []string{`42["message",`, `42/stream,["message",`}},
			{frame.PollBoth, []string{`42["message",`, `42/stream,["message",`}},
			{frame.Socket09Both, []string{`5:::{"name":"message","args":[`, `5::/stream:{"name":"message","args":[`}},
			{frame.Poll09Both, []string{`5:::{"name":"message","args":[`, `5::/stream:{"name":"message","args":[`}},
		} {
			got := unpack(t, c.format, l.Bytes(c.format, nil))
			if len(got) != len(c.prefixes) {
				t.Fatalf("format %d has %d packets", c.format, len(got))
			}
			for i, prefix := range c.prefixes {
				expect := whole
				if prefix != "" {
					expect = prefix + whole + "]"
				}
				if c.format >= frame.Socket09Root {
					expect += "}"
				}
				if string(got[i]) != expect {
					t.Errorf("format %d holds %.100s, want %.100s", c.format, got[i], expect)
				}
			}
		}
	})
}

func raw(list []json.RawMessage) [][]byte {
	bodies := make([][]byte, len(list))
	for i := range list {
		bodies[i] = list[i]
	}
	return bodies
}

func unpack(t *testing.T, f frame.Format, p []byte) [][]byte {
	t.Helper()
	switch {
	case f < frame.PollRoot, f == frame.Socket09Both:
		return read(t, p)
	case f == frame.Poll09Both:
		return unframe(t, p)
	}
	return bytes.Split(bytes.TrimSuffix(p, []byte("\x1e")), []byte("\x1e"))
}

// unframe reads a payload as the client 0.9.17 does.
func unframe(t *testing.T, p []byte) [][]byte {
	t.Helper()
	var packets [][]byte
	for text := utf16.Encode([]rune(string(p))); len(text) > 0; {
		const mark = 0xfffd
		end := slices.Index(text[1:], mark) + 1
		length, err := strconv.Atoi(string(utf16.Decode(text[1:end])))
		if err != nil || text[0] != mark {
			t.Fatalf("%q is not framed: %v", p, err)
		}
		text = text[end+1:]
		packets = append(packets, []byte(string(utf16.Decode(text[:length]))))
		text = text[length:]
	}
	return packets
}

func BenchmarkList(b *testing.B) {
	body := []byte(`{"uuid":"00000000-0000-4000-8000-000000000000","type":"message","message":{"text":"hello"}}`)
	for _, size := range []int{1, 32} {
		for _, f := range formats[1:] {
			b.Run(fmt.Sprintf("%s/messages=%d", strings.ReplaceAll(f.name, " ", "-"), size), func(b *testing.B) {
				l := new(frame.List)
				b.ReportAllocs()
				for b.Loop() {
					for range size {
						l.Add(frame.Message{Body: body})
					}
					l.Bytes(f.format, nil)
					l.Reset()
				}
			})
		}
	}
}

func TestAListAllocatesNothingOnceItHasGrown(t *testing.T) {
	l, body := new(frame.List), []byte(`{"n":1}`)
	build := func() {
		for range 10 {
			l.Add(frame.Message{Body: body})
		}
		for _, f := range formats {
			l.Bytes(f.format, nil)
		}
		l.Reset()
	}
	build()
	if n := testing.AllocsPerRun(100, build); n > 0 {
		t.Errorf("a list allocates %v times", n)
	}
}
