package rfc6455_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// conformance is a case of the Autobahn test suite, by its number, as far as it is about reading: what the client
// sends, what is given of it, and the code to close with if it is refused.
type conformance struct {
	number  string
	sends   []byte
	gives   []rfc6455.Message
	refused int
	deflate bool
}

func one(kind rfc6455.Kind, payload string) []rfc6455.Message {
	return []rfc6455.Message{{Kind: kind, Data: []byte(payload)}}
}

func closed(code uint16, reason string) rfc6455.Message {
	return rfc6455.Message{Kind: rfc6455.Close, Code: code, Data: []byte(reason)}
}

func (c conformance) check(t *testing.T) {
	t.Parallel()
	got := readInEveryWay(t, c.deflate, c.sends)
	var refused *rfc6455.Error
	code := 0
	if errors.As(got.err, &refused) {
		code = refused.Reason.CloseCode()
	}
	if code != c.refused || !got.equal(said{c.gives, got.err}) {
		t.Errorf("got %v\nwant %v, refused with %d", got, said{messages: c.gives}, c.refused)
	}
}

func TestTheCasesOfTheConformanceSuite(t *testing.T) {
	t.Parallel()
	var cases []conformance
	for _, section := range []func(testing.TB) []conformance{
		framing, pingsAndPongs, reservedBits, opcodes, fragmentation, utf8Handling, closeHandling, limits, compression,
	} {
		cases = append(cases, section(t)...)
	}
	for _, c := range cases {
		t.Run(c.number, c.check)
	}
}

// framing is section 1: sizes at the borders of the three ways to write a length.
func framing(testing.TB) (cases []conformance) {
	for i, size := range []int{0, 125, 126, 127, 128, 65535, 65536, 65536} {
		for j, kind := range []rfc6455.Kind{rfc6455.Text, rfc6455.Binary} {
			payload := strings.Repeat("*", size)
			cases = append(cases, conformance{
				number: fmt.Sprintf("1.%d.%d", j+1, i+1), sends: sent(fin|byte(kind), payload), gives: one(kind, payload),
			})
		}
	}
	return cases
}

// pingsAndPongs is section 2.
func pingsAndPongs(testing.TB) []conformance {
	binary := "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	longest := strings.Repeat("\xfe", 125)
	var ten []byte
	var pings []rfc6455.Message
	for i := range 10 {
		payload := fmt.Sprint("payload-", i)
		ten = append(ten, sent(fin|ping, payload)...)
		pings = append(pings, one(rfc6455.Ping, payload)...)
	}
	both := append(one(rfc6455.Pong, "unsolicited"), one(rfc6455.Ping, "our own")...)
	return []conformance{
		{number: "2.1", sends: sent(fin|ping, ""), gives: one(rfc6455.Ping, "")},
		{number: "2.2", sends: sent(fin|ping, "Hello, world!"), gives: one(rfc6455.Ping, "Hello, world!")},
		{number: "2.3", sends: sent(fin|ping, binary), gives: one(rfc6455.Ping, binary)},
		{number: "2.4", sends: sent(fin|ping, longest), gives: one(rfc6455.Ping, longest)},
		{number: "2.5", sends: sent(fin|ping, longest+"\xfe"), refused: 1002},
		{number: "2.6", sends: sent(fin|ping, longest), gives: one(rfc6455.Ping, longest)}, // byte by byte, as all are
		{number: "2.7", sends: sent(fin|pong, ""), gives: one(rfc6455.Pong, "")},
		{number: "2.8", sends: sent(fin|pong, "unsolicited"), gives: one(rfc6455.Pong, "unsolicited")},
		{number: "2.9", sends: join(sent(fin|pong, "unsolicited"), sent(fin|ping, "our own")), gives: both},
		{number: "2.10", sends: ten, gives: pings},
		{number: "2.11", sends: ten, gives: pings}, // byte by byte, as all are
	}
}

// reservedBits is section 3. RSV1 is refused too, since no extension was negotiated.
func reservedBits(testing.TB) []conformance {
	hello := sent(fin|text, "Hello, world!")
	wrong := func(bits, kind byte) []byte { return sent(fin|bits|kind, "Hello, world!") }
	first := one(rfc6455.Text, "Hello, world!")
	return []conformance{
		{number: "3.1", sends: wrong(rsv1, text), refused: 1002},
		{number: "3.2", sends: join(hello, wrong(rsv2, text), sent(fin|ping, "")), gives: first, refused: 1002},
		{number: "3.3", sends: join(hello, wrong(rsv1|rsv2, text), sent(fin|ping, "")), gives: first, refused: 1002},
		{number: "3.4", sends: join(hello, wrong(rsv3, text), sent(fin|ping, "")), gives: first, refused: 1002},
		{number: "3.5", sends: wrong(rsv1|rsv3, data), refused: 1002},
		{number: "3.6", sends: wrong(rsv2|rsv3, ping), refused: 1002},
		{number: "3.7", sends: sent(fin|rsv1|rsv2|rsv3|bye, closing(1000, "")), refused: 1002},
	}
}

// opcodes is section 4: those that mean nothing yet.
func opcodes(testing.TB) (cases []conformance) {
	hello := sent(fin|text, "Hello, world!")
	for section, base := range map[int]byte{1: 0x3, 2: 0xB} {
		for i := range byte(5) {
			number := fmt.Sprintf("4.%d.%d", section, i+1)
			if i < 2 {
				cases = append(cases,
					conformance{number: number, sends: sent(fin|(base+i), []string{"", "reserved"}[i]), refused: 1002})
				continue
			}
			cases = append(cases, conformance{
				number: number, sends: join(hello, sent(fin|(base+i), []string{"", "reserved"}[i%2]), sent(fin|ping, "")),
				gives: one(rfc6455.Text, "Hello, world!"), refused: 1002,
			})
		}
	}
	return cases
}

// fragmentation is section 5. What the suite sends in one piece or byte by byte is fed in every way here.
func fragmentation(testing.TB) []conformance {
	head, tail := sent(text, "fragment1"), sent(fin|more, "fragment2")
	whole := one(rfc6455.Text, "fragment1fragment2")
	among := append(one(rfc6455.Ping, "ping payload"), whole...)
	ping1 := sent(fin|ping, "ping payload")
	lonely := join(sent(fin|more, "non-continuation payload"), sent(fin|text, "Hello, world!"))
	lonelyOpen := join(sent(more, "non-continuation payload"), sent(fin|text, "Hello, world!"))
	third := join(sent(text, "fragment1"), sent(more, "fragment2"), sent(fin|more, "fragment3"), sent(more, "fragment4"),
		sent(fin|text, "fragment5"))
	five := join(sent(text, "fragment1"), sent(more, "fragment2"), sent(fin|ping, "ping 1"), sent(more, "fragment3"),
		sent(more, "fragment4"), sent(fin|ping, "ping 2"), sent(fin|more, "fragment5"))
	fiveGive := append(append(one(rfc6455.Ping, "ping 1"), one(rfc6455.Ping, "ping 2")...),
		one(rfc6455.Text, "fragment1fragment2fragment3fragment4fragment5")...)
	return []conformance{
		{number: "5.1", sends: join(sent(ping, "fragment1"), tail), refused: 1002},
		{number: "5.2", sends: join(sent(pong, "fragment1"), tail), refused: 1002},
		{number: "5.3", sends: join(head, tail), gives: whole},
		{number: "5.4", sends: join(head, tail), gives: whole},
		{number: "5.5", sends: join(head, tail), gives: whole},
		{number: "5.6", sends: join(head, ping1, tail), gives: among},
		{number: "5.7", sends: join(head, ping1, tail), gives: among},
		{number: "5.8", sends: join(head, ping1, tail), gives: among},
		{number: "5.9", sends: lonely, refused: 1002},
		{number: "5.10", sends: lonely, refused: 1002},
		{number: "5.11", sends: lonely, refused: 1002},
		{number: "5.12", sends: lonelyOpen, refused: 1002},
		{number: "5.13", sends: lonelyOpen, refused: 1002},
		{number: "5.14", sends: lonelyOpen, refused: 1002},
		{number: "5.15", sends: third, gives: one(rfc6455.Text, "fragment1fragment2fragment3"), refused: 1002},
		{number: "5.16", sends: join(sent(more, "fragment1"), sent(text, "fragment2"), sent(fin|more, "fragment3")), refused: 1002},
		{number: "5.17", sends: join(sent(fin|more, "fragment1"), sent(text, "fragment2"), sent(fin|more, "fragment3")), refused: 1002},
		{number: "5.18", sends: join(head, sent(fin|text, "fragment2")), refused: 1002},
		{number: "5.19", sends: five, gives: fiveGive},
		{number: "5.20", sends: five, gives: fiveGive},
	}
}

// closeHandling is section 7.
func closeHandling(testing.TB) []conformance {
	hello := sent(fin|text, "Hello World!")
	normal := sent(fin|bye, closing(1000, ""))
	first := one(rfc6455.Text, "Hello World!")
	longest := strings.Repeat("*", 123)
	cases := []conformance{
		{number: "7.1.1", sends: join(hello, normal), gives: append(slices.Clip(first), closed(1000, ""))},
		{number: "7.1.2", sends: join(normal, normal), gives: []rfc6455.Message{closed(1000, "")}},
		{number: "7.1.3", sends: join(normal, sent(fin|ping, "")), gives: []rfc6455.Message{closed(1000, "")}},
		{number: "7.1.4", sends: join(normal, hello), gives: []rfc6455.Message{closed(1000, "")}},
		{number: "7.1.5", sends: join(sent(text, "fragment1"), normal, sent(fin|more, "fragment2")), gives: []rfc6455.Message{closed(1000, "")}},
		{number: "7.1.6", sends: join(sent(fin|text, bytes.Repeat([]byte("BAsd7&jh23"), 6000)), hello, normal, sent(fin|ping, "")),
			gives: append(one(rfc6455.Text, strings.Repeat("BAsd7&jh23", 6000)), first[0], closed(1000, ""))},
		{number: "7.3.1", sends: sent(fin|bye, ""), gives: []rfc6455.Message{closed(rfc6455.NoStatus, "")}},
		{number: "7.3.2", sends: sent(fin|bye, "a"), refused: 1002},
		{number: "7.3.3", sends: normal, gives: []rfc6455.Message{closed(1000, "")}},
		{number: "7.3.4", sends: sent(fin|bye, closing(1000, "Hello World!")), gives: []rfc6455.Message{closed(1000, "Hello World!")}},
		{number: "7.3.5", sends: sent(fin|bye, closing(1000, longest)), gives: []rfc6455.Message{closed(1000, longest)}},
		{number: "7.3.6", sends: sent(fin|bye, closing(1000, longest+"*")), refused: 1002},
		{number: "7.5.1", sends: sent(fin|bye, closing(1000, kosme+edited)), refused: 1007},
	}
	for i, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, conformance{
			number: fmt.Sprintf("7.7.%d", i+1), sends: sent(fin|bye, closing(code, "")), gives: []rfc6455.Message{closed(code, "")},
		})
	}
	for i, code := range []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cases = append(cases, conformance{number: fmt.Sprintf("7.9.%d", i+1), sends: sent(fin|bye, closing(code, "")), refused: 1002})
	}
	for i, code := range []uint16{5000, 65535} {
		cases = append(cases, conformance{number: fmt.Sprintf("7.13.%d", i+1), sends: sent(fin|bye, closing(code, "")), refused: 1002})
	}
	return cases
}
