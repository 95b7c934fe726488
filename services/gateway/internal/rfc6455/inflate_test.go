package rfc6455_test

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// RFC 7692 section 7.2.3: "Hello" in all the ways that a sender may compress it.
func TestTheExamplesOfCompressionAreRead(t *testing.T) {
	t.Parallel()
	for name, sends := range map[string][]byte{
		"7.2.3.1 one block":      sent(fin|rsv1|text, "\xf2\x48\xcd\xc9\xc9\x07\x00"),
		"7.2.3.1 two fragments":  inFragments(rsv1|text, "\xf2\x48\xcd", "\xc9\xc9\x07\x00"),
		"7.2.3.3 not compressed": sent(fin|rsv1|text, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
		"7.2.3.4 a last block":   sent(fin|rsv1|text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
		"7.2.3.5 two blocks":     sent(fin|rsv1|text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
		"not marked":             sent(fin|text, "Hello"),
	} {
		if got := readInEveryWay(t, true, sends); !got.equal(said{messages: one(rfc6455.Text, "Hello")}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, payload := range map[string]string{"7.2.3.6": "\x00", "no block": ""} {
		if got := readInEveryWay(t, true, sent(fin|rsv1|text, payload)); !got.equal(said{messages: one(rfc6455.Text, "")}) {
			t.Errorf("an empty message, %s: %v", name, got)
		}
	}
}

// RFC 7692 section 7.2.3.2 is a second message that refers to the first.
func TestNoMessageRefersToAnother(t *testing.T) {
	t.Parallel()
	first := sent(fin|rsv1|text, "\xf2\x48\xcd\xc9\xc9\x07\x00")
	got := readInEveryWay(t, true, join(first, sent(fin|rsv1|text, "\xf2\x00\x11\x00\x00")))
	if got.err == nil || len(got.messages) != 1 {
		t.Errorf("%v", got)
	}
	if got = readInEveryWay(t, true, join(first, first)); got.err != nil || len(got.messages) != 2 {
		t.Errorf("afterwards: %v", got)
	}
}

// A sender's last block is the last: what stands behind it would be read by some and not by others.
func TestNothingHidesBehindALastBlock(t *testing.T) {
	t.Parallel()
	hello := "\xf3\x48\xcd\xc9\xc9\x07\x00"
	for _, behind := range []string{"\x00\x00", hello} {
		if got := readInEveryWay(t, true, sent(fin|rsv1|text, hello+behind)); got.err == nil || len(got.messages) != 0 {
			t.Errorf("%x: %v", behind, got)
		}
	}
}

func TestControlFramesComeBetweenTheFragmentsOfACompressedMessage(t *testing.T) {
	t.Parallel()
	small := string(deflated(t, "compressed"))
	got := readInEveryWay(t, true, join(sent(rsv1|text, small[:3]), sent(fin|ping, "now"), sent(more, small[3:6]),
		sent(fin|pong, "then"), sent(fin|more, small[6:])))
	want := slices.Concat(one(rfc6455.Ping, "now"), one(rfc6455.Pong, "then"), one(rfc6455.Text, "compressed"))
	if !got.equal(said{messages: want}) {
		t.Errorf("%v", got)
	}
}

// Two hundred times the limit, in a message far below it. Not parallel, since it counts what is allocated.
func TestABombIsNotInflatedBeyondTheLimit(t *testing.T) {
	small := deflated(t, strings.Repeat("\x00", 200*limit))
	if len(small) >= limit {
		t.Fatalf("it has %d bytes", len(small))
	}
	var before, after runtime.MemStats
	frame := sent(fin|rsv1|data, small)
	r := rfc6455.NewReader(limit, true)
	runtime.ReadMemStats(&before)
	_, _, ok, err := r.Next(frame)
	runtime.ReadMemStats(&after)
	if ok || err == nil || !strings.Contains(err.Error(), "10.4") {
		t.Errorf("%v, %v", ok, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 32*limit {
		t.Errorf("%d bytes were allocated", used)
	}
}

// Data is the caller's own until the next call, also while the inflater serves others.
func TestInflatedMessagesDoNotShareMemory(t *testing.T) {
	t.Parallel()
	one, two := rfc6455.NewReader(limit, true), rfc6455.NewReader(limit, true)
	first, _, _, err := one.Next(sent(fin|rsv1|text, deflated(t, "first")))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err = two.Next(sent(fin|rsv1|text, deflated(t, "other"))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Data, []byte("first")) {
		t.Errorf("it became %q", first.Data)
	}
}
