package rfc6455_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
	"github.com/channelstream/channelstream/shared/contract"
)

// Each clause that a client can break, the reason it is closed for, and that the error names the clause.
func TestClauses(t *testing.T) {
	t.Parallel()
	open := sent(text, "a")
	const invalid, tooLarge = contract.ReasonInvalidPayload, contract.ReasonTooLarge
	largest := append([]byte{fin | text, 0xFF, 0x7F}, bytes.Repeat([]byte{0xFF}, 7)...)
	for _, c := range []struct {
		clause  string
		story   string
		sends   []byte
		deflate bool
		reason  contract.Reason
	}{
		{clause: "5.1", story: "a frame without mask", sends: []byte{fin | text, 1, 'x'}},
		{clause: "5.1", story: "a control frame without mask", sends: []byte{fin | ping, 0}},
		{clause: "5.1", story: "a second fragment without mask", sends: join(open, []byte{fin | more, 1, 'x'})},
		{clause: "5.2", story: "RSV1 without an extension", sends: []byte{fin | rsv1 | text}},
		{clause: "5.2", story: "RSV2", sends: []byte{fin | rsv2 | text}, deflate: true},
		{clause: "5.2", story: "RSV3", sends: []byte{fin | rsv3 | data}, deflate: true},
		{clause: "5.2", story: "RSV1 of a continuation", sends: append(sent(rsv1|text, ""), fin|rsv1|more), deflate: true},
		{clause: "5.2", story: "RSV1 of a ping", sends: []byte{fin | rsv1 | ping}, deflate: true},
		{clause: "5.2", story: "RSV1 of a close", sends: []byte{fin | rsv1 | bye}, deflate: true},
		{clause: "5.2", story: "opcode 3", sends: []byte{fin | 0x3}},
		{clause: "5.2", story: "opcode 7", sends: []byte{0x7}},
		{clause: "5.2", story: "opcode 11", sends: []byte{fin | 0xB}},
		{clause: "5.2", story: "opcode 15", sends: []byte{fin | 0xF}},
		{clause: "5.2", story: "the highest bit of a length", sends: []byte{fin | data, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1}},
		{clause: "5.4", story: "a continuation of nothing", sends: []byte{fin | more}},
		{clause: "5.4", story: "a continuation after the last", sends: join(open, sent(fin|more, "b"), []byte{more})},
		{clause: "5.4", story: "a message in another", sends: join(open, []byte{fin | text})},
		{clause: "5.4", story: "a message in another of which nothing came", sends: append(sent(text, ""), fin|data)},
		{clause: "5.5", story: "a fragmented ping", sends: []byte{ping}},
		{clause: "5.5", story: "a fragmented pong", sends: []byte{pong}},
		{clause: "5.5", story: "a fragmented close", sends: []byte{bye}},
		{clause: "5.5", story: "a ping of 126 bytes", sends: []byte{fin | ping, 0x80 | 126}},
		{clause: "5.5", story: "a close of 64 bits of length", sends: []byte{fin | bye, 0x80 | 127}},
		{clause: "5.5.1", story: "half a close code", sends: sent(fin|bye, "\x03")},
		{clause: "5.5.1", story: "a close reason that is not UTF-8", sends: sent(fin|bye, closing(1000, "\xff")), reason: invalid},
		{clause: "7.4", story: "close code 1005", sends: sent(fin|bye, closing(1005, ""))},
		{clause: "7.4", story: "close code 1015", sends: sent(fin|bye, closing(1015, ""))},
		{clause: "7.4", story: "close code 5000", sends: sent(fin|bye, closing(5000, ""))},
		{clause: "8.1", story: "text that is not UTF-8", sends: sent(fin|text, "a\xff"), reason: invalid},
		{clause: "8.1", story: "text that ends within a character", sends: sent(fin|text, "a\xce"), reason: invalid},
		{clause: "8.1", story: "compressed text that is not UTF-8", sends: sent(fin|rsv1|text, deflated(t, "a\xff")), deflate: true, reason: invalid},
		{clause: "10.4", story: "a length above the limit", sends: withLength(fin|data, limit+1, ""), reason: tooLarge},
		{clause: "10.4", story: "the largest length", sends: largest, reason: tooLarge},
		{clause: "10.4", story: "fragments above the limit", sends: join(open, withLength(more, limit, "")), reason: tooLarge},
		{clause: "10.4", story: "compressed above the limit", sends: withLength(fin|rsv1|data, limit+1, ""), deflate: true, reason: tooLarge},
		{clause: "7.2.2", story: "what can not be inflated", sends: sent(fin|rsv1|text, "\xff\xff\xff"), deflate: true, reason: invalid},
	} {
		t.Run(c.clause+" "+c.story, func(t *testing.T) {
			t.Parallel()
			if c.reason == "" {
				c.reason = contract.ReasonProtocolError
			}
			got := readInEveryWay(t, c.deflate, c.sends)
			var broken *rfc6455.Error
			if !errors.As(got.err, &broken) || broken.Reason != c.reason || !strings.Contains(got.err.Error(), c.clause+":") {
				t.Errorf("got %v, want %s for %s", got, c.reason, c.clause)
			}
		})
	}
}

// Section 5.2: a server may pass over it, as others do, that a length could be written shorter.
func TestALengthMayBeWrittenLongerThanNeeded(t *testing.T) {
	t.Parallel()
	got := readInEveryWay(t, false, join(
		[]byte{fin | text, 0x80 | 126, 0, 2, 0, 0, 0, 0, 'h', 'i'},
		[]byte{fin | text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 'h', 'i'},
	))
	if want := (said{messages: append(one(rfc6455.Text, "hi"), one(rfc6455.Text, "hi")...)}); !got.equal(want) {
		t.Errorf("got %v", got)
	}
}

// Section 5.3: the mask goes on over pieces of any size, wherever they begin.
func TestTheMaskComesOffAtAnyOffset(t *testing.T) {
	t.Parallel()
	for size := range 40 {
		payload := make([]byte, size)
		for i := range payload {
			payload[i] = byte(31 * i)
		}
		frame := sent(fin|data, payload)
		head := len(frame) - size
		for a := range size {
			for b := range size - a {
				got := read(t, false, frame[:head+a], frame[head+a:][:b], frame[head+a+b:])
				if !got.equal(said{messages: one(rfc6455.Binary, string(payload))}) {
					t.Fatalf("%d bytes, cut after %d and %d: %v", size, a, b, got)
				}
			}
		}
	}
}

// Section 7.1.7: once failed, a connection has nothing more to say.
func TestAnErrorIsFinal(t *testing.T) {
	t.Parallel()
	r := rfc6455.NewReader(limit, false)
	r.Next(sent(text, "begun"))
	_, _, _, first := r.Next([]byte{fin | text})
	if first == nil {
		t.Fatal("there is none")
	}
	for range 3 {
		if m, used, ok, err := r.Next(sent(fin|ping, "")); ok || used != 6 || err != first {
			t.Errorf("%v, %d, %v, %v", m, used, ok, err)
		}
	}
	if n := r.Pending(); n != 0 {
		t.Errorf("it holds %d bytes", n)
	}
}

// Section 7.4.2, and the codes that were registered since.
func TestCloseCodesThatMayBeSent(t *testing.T) {
	t.Parallel()
	for code := range 1 << 16 {
		may := code >= 1000 && code <= 1014 && (code < 1004 || code > 1006) || code >= 3000 && code < 5000
		payload := binary.BigEndian.AppendUint16(nil, uint16(code))
		if got := read(t, false, sent(fin|bye, payload)); (got.err == nil) != may {
			t.Fatalf("%d: %v", code, got)
		}
	}
}

// Section 8.1: who sends what is not UTF-8 is told so at the first byte that shows it, with more to come.
func TestWrongTextIsRefusedAtItsFirstWrongByte(t *testing.T) {
	t.Parallel()
	for _, fragments := range [][]byte{
		withLength(fin|text, 1000, "good \xe1\xbd"),
		join(sent(text, "good \xe1"), withLength(fin|more, 1000, "\xbd")),
	} {
		for _, next := range []byte{0xb9, 0x41, 0xff, 0xc0} {
			r := rfc6455.NewReader(limit, false)
			var s said
			s.feed(t, &r, fragments)
			if s.err != nil {
				t.Fatal(s.err)
			}
			masked := next ^ maskAfter(fragments)
			s.feed(t, &r, []byte{masked})
			if (s.err == nil) != (next == 0xb9) {
				t.Errorf("%x: %v", next, s.err)
			}
		}
	}
}

// maskAfter is the byte of sent's mask for what follows p, which ends within a frame of 1000 bytes.
func maskAfter(p []byte) byte {
	const announced = 1000
	start := bytes.LastIndex(p, binary.BigEndian.AppendUint16([]byte{0x80 | 126}, announced)) + 3
	key := p[start : start+4]
	return key[(len(p)-start-4)%4]
}
