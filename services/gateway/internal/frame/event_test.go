package frame_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

func packets(t *testing.T, f frame.Format, messages ...frame.Message) (texts []string) {
	t.Helper()
	l := new(frame.List)
	for _, m := range messages {
		if !l.Add(m) {
			t.Fatal("the list is full")
		}
	}
	for _, p := range unpack(t, f, l.Bytes(f, nil)) {
		texts = append(texts, string(p))
	}
	return texts
}

func note(n int, offset uint64) frame.Message {
	return frame.Message{Body: fmt.Appendf(nil, `{"n":%d}`, n), Offset: offset}
}

func announcement(offset, sequence uint64, told int) frame.Message {
	m := frame.Message{Body: []byte(notice), Offset: offset, Announcement: frame.Announced(saying, []byte(notice), sequence)}
	m.Announcement.Told = told
	return m
}

func TestAnnouncementsAreToldByTheirEventsInOrderWithTheMessagesAroundThem(t *testing.T) {
	t.Parallel()
	got := packets(t, frame.SocketStream, note(1, 1), note(2, 2), announcement(3, 3, 0), announcement(4, 4, 0), note(5, 5))
	want := []string{
		`42/stream,["message",[{"n":1,"offset":1},{"n":2,"offset":2}],"2"]`,
		`42/stream,["user_connect",{"user":"bob","status":1},"3.1"]`, `42/stream,["presence_join","bob",["a"],"3"]`,
		`42/stream,["user_connect",{"user":"bob","status":1},"4.1"]`, `42/stream,["presence_join","bob",["a"],"4"]`,
		`42/stream,["message",[{"n":5,"offset":5}],"5"]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAClientThatWasToldAPartOfAnAnnouncementIsToldTheRest(t *testing.T) {
	t.Parallel()
	for told, want := range [][]string{
		{`42["user_connect",{"user":"bob","status":1},"3.1"]`, `42["presence_join","bob",["a"],"3"]`},
		{`42["presence_join","bob",["a"],"3"]`}, nil, nil,
	} {
		if got := packets(t, frame.SocketRoot, announcement(3, 3, told)); !slices.Equal(got, want) {
			t.Errorf("told %d of it, got %q", told, got)
		}
	}
}

// What a client hands back must never name a part of a message that is another one.
func TestAPartOfAnAnnouncementHasNoOffsetWhereSomethingBeforeItIsMissing(t *testing.T) {
	t.Parallel()
	for offset, want := range map[uint64][]string{
		2: {`42["user_connect",{"user":"bob","status":1}]`, `42["presence_join","bob",["a"],"2"]`},
		0: {`42["user_connect",{"user":"bob","status":1}]`, `42["presence_join","bob",["a"]]`},
	} {
		if got := packets(t, frame.SocketRoot, announcement(offset, 3, 0)); !slices.Equal(got, want) {
			t.Errorf("at %d: got %q", offset, got)
		}
	}
}

func TestOffsetsAreReadBack(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		offset uint64
		told   int
	}{"41": {41, 0}, "0": {0, 0}, "41.1": {40, 1}, "1.255": {0, 255}, "18446744073709551615": {1<<64 - 1, 0}} {
		if offset, told, err := frame.ParseOffset(text); err != nil || offset != want.offset || told != want.told {
			t.Errorf("%s is %d, %d, %v", text, offset, told, err)
		}
	}
	for _, text := range []string{"", ".", "1.", ".1", "0.1", "1.0", "1.256", "1.-1", "-1", "1.1.1", "1e3", "18446744073709551616", "user_connect"} {
		if offset, told, err := frame.ParseOffset(text); err == nil {
			t.Errorf("%q is %d, %d", text, offset, told)
		}
	}
}

func TestEveryFrameOfACompressedListUnpacks(t *testing.T) {
	t.Parallel()
	var z frame.Deflater
	l := new(frame.List)
	l.Add(frame.Message{Body: long})
	l.Add(announcement(3, 3, 0))
	l.Add(frame.Message{Body: long})
	rest := l.Bytes(frame.SocketRootDeflated, &z)
	first, rest := inflate(t, rest)
	if first != `42["message",[`+string(long)+"]]" {
		t.Errorf("the first is %.50s", first)
	}
	for _, want := range []string{`42["user_connect",{"user":"bob","status":1},"3.1"]`, `42["presence_join","bob",["a"],"3"]`} {
		frame := rest[:2+len(want)]
		if got := read(t, frame); string(got[0]) != want {
			t.Errorf("got %s", got[0])
		}
		rest = rest[len(frame):]
	}
	if last, rest := inflate(t, rest); last != first || len(rest) > 0 {
		t.Errorf("the last is %.50s, and %d bytes follow", last, len(rest))
	}
}

// FuzzEvents: however messages and announcements follow each other, each comes once, in order, in packets that are whole.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 1, 1})
	f.Add([]byte{1, 1, 2, 3, 0})
	f.Fuzz(func(t *testing.T, kinds []byte) {
		l, want := new(frame.List), []string{}
		for i, kind := range kinds[:min(len(kinds), 100)] {
			body, offset := fmt.Appendf(nil, `{"user":"%d"}`, i), uint64(i)
			m := frame.Message{Body: body, Offset: offset / 2, Late: kind&4 > 0}
			if kind&1 > 0 {
				m.Announcement = frame.Announced(fmt.Sprintf("one,$8+%d two,$8+%d,[]", len(body)-9, len(body)-9), body, offset)
				m.Announcement.Told = int(kind>>1) & 1
				if m.Announcement.Told == 0 {
					want = append(want, fmt.Sprintf("one %d", i))
				}
				want = append(want, fmt.Sprintf("two %d", i))
			} else {
				want = append(want, fmt.Sprintf("message %d", i))
			}
			l.Add(m)
		}
		for _, format := range []frame.Format{frame.SocketRoot, frame.PollRoot} {
			var got []string
			if l.Len() > 0 {
				for _, p := range unpack(t, format, l.Bytes(format, nil)) {
					got = append(got, tellings(t, p)...)
				}
			}
			if !reflect.DeepEqual(append([]string{}, got...), want) {
				t.Errorf("%v in format %d: got %q, want %q", kinds, format, got, want)
			}
		}
	})
}

// tellings gives what a packet tells, as the event's name and of whom.
func tellings(t *testing.T, packet []byte) (all []string) {
	t.Helper()
	text, whole := bytes.CutPrefix(packet, []byte("42"))
	var args []json.RawMessage
	var name, user string
	if err := json.Unmarshal(text, &args); err != nil || !whole {
		t.Fatalf("%q: %v", packet, err)
	}
	if err := json.Unmarshal(args[0], &name); err != nil {
		t.Fatal(err)
	}
	if name != "message" {
		if err := json.Unmarshal(args[1], &user); err != nil {
			t.Fatal(err)
		}
		return []string{name + " " + user}
	}
	var list []struct{ User string }
	if err := json.Unmarshal(args[1], &list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		all = append(all, strings.TrimSpace(name+" "+m.User))
	}
	return all
}
