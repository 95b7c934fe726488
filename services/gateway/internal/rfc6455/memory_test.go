package rfc6455_test

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// overhead is what a Reader may hold besides the payload of one message.
const overhead = 512

func TestAnIdleReaderIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(rfc6455.Reader{}); size > 32 {
		t.Errorf("it has %d bytes", size)
	}
	r := rfc6455.NewReader(limit, true)
	for _, frames := range [][]byte{
		sent(fin|text, "whole"), inFragments(text, "in ", "fragments"), sent(fin|ping, "a"), sent(fin|rsv1|text, deflated(t, "small")),
		sent(fin|data, strings.Repeat("large", 10_000)), join(sent(text, "a"), sent(fin|ping, "b"), sent(fin|more, "c")),
	} {
		for i, piece := range byteByByte(frames) {
			if _, _, _, err := r.Next(piece); err != nil {
				t.Fatal(err)
			}
			if last := i == len(frames)-1; (r.Pending() == 0) != last {
				t.Fatalf("%d bytes are pending after %d of %d", r.Pending(), i+1, len(frames))
			}
		}
	}
}

// A client that announces much and sends little, on many sockets, must not take memory that it did not fill.
func TestMemoryGrowsWithWhatCameAndNotWithWhatIsAnnounced(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string][]byte{
		"one frame":  sent(fin|data, strings.Repeat("x", limit)),
		"open frame": sent(data, strings.Repeat("x", limit)),
		"fragments":  inFragments(data, octets(strings.Repeat("x", limit))...),
	} {
		r := rfc6455.NewReader(limit, false)
		for i, piece := range byteByByte(frame) {
			if _, _, _, err := r.Next(piece); err != nil {
				t.Fatal(err)
			}
			if n := r.Pending(); n > min(2*(i+1), limit)+overhead {
				t.Fatalf("%s: %d bytes are held after %d", name, n, i+1)
			}
		}
	}
}

// Doubling what is held must not take it over the limit, nor over what the last frame needs.
func TestMemoryIsNoMoreThanTheMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		frame []byte
		most  int
	}{
		"open frame": {sent(data, strings.Repeat("x", 50_000)), limit},
		"last frame": {sent(fin|data, strings.Repeat("x", 50_000)), 50_000},
	} {
		r := rfc6455.NewReader(limit, false)
		for _, piece := range [][]byte{c.frame[:40_000], c.frame[40_000:45_000], c.frame[45_000:49_000]} {
			if _, _, _, err := r.Next(piece); err != nil {
				t.Fatal(err)
			}
			if n := r.Pending(); n > c.most+overhead {
				t.Errorf("%s: %d bytes are held", name, n)
			}
		}
	}
}

// Section 5.4 allows fragments without payload, and any number of control frames between them.
func TestAFloodOfEmptyFragmentsHoldsNothing(t *testing.T) {
	t.Parallel()
	for name, flood := range map[string][]byte{
		"fragments": sent(more, ""), "pings": sent(fin|ping, strings.Repeat("x", 125)), "pongs": sent(fin|pong, ""),
	} {
		r := rfc6455.NewReader(limit, true)
		var s said
		s.feed(t, &r, sent(rsv1|text, ""))
		for range 10_000 {
			s.feed(t, &r, flood[:3])
			s.feed(t, &r, flood[3:])
			if n := r.Pending(); n > overhead || s.err != nil {
				t.Fatalf("%s: %d bytes, %v", name, n, s.err)
			}
		}
	}
}

// What came is copied a bounded number of times: by doubling there are few allocations for many bytes. Not parallel,
// since it counts them; so are those that follow.
func TestAMessageInPiecesCostsFewAllocations(t *testing.T) {
	for name, frame := range map[string][]byte{
		"one frame": sent(fin|text, strings.Repeat("x", limit)),
		"fragments": inFragments(text, octets(strings.Repeat("x", limit))...),
	} {
		spare := make([]byte, 1)
		allocations := testing.AllocsPerRun(1, func() {
			r := rfc6455.NewReader(limit, false)
			for _, b := range frame {
				spare[0] = b
				r.Next(spare) //nolint:errcheck // the message is read in other tests
			}
		})
		if allocations > 20 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

// Text that was found to be UTF-8 is not looked at again with each byte that comes: that would be the square of its size,
// hundreds of times what other bytes cost.
func TestTextInPiecesCostsAboutWhatBytesDo(t *testing.T) {
	const size = 2 * limit
	cost := func(kind byte) time.Duration {
		frame := sent(fin|kind, strings.Repeat("ä", size/2))
		r := rfc6455.NewReader(size, false)
		start := time.Now()
		for i := range frame {
			r.Next(frame[i : i+1]) //nolint:errcheck // the message is read in other tests
		}
		return time.Since(start)
	}
	bytes, words := cost(data), cost(text)
	for range 4 { // the shortest of some, since others use the machine too
		if words <= 20*bytes {
			return
		}
		bytes, words = min(bytes, cost(data)), min(words, cost(text))
	}
	t.Errorf("%v for text, %v for bytes", words, bytes)
}

func TestAWholeMessageCostsNoAllocation(t *testing.T) {
	for name, frame := range map[string][]byte{
		"text": sent(fin|text, strings.Repeat("ä", 16)), "binary": sent(fin|data, strings.Repeat("x", 4096)),
		"ping": sent(fin|ping, strings.Repeat("x", 125)), "pong": sent(fin|pong, ""),
		"empty": sent(fin|text, ""), "many": join(sent(fin|text, "a"), sent(fin|ping, "b"), sent(fin|data, "c")),
	} {
		r := rfc6455.NewReader(limit, true)
		spare := make([]byte, len(frame))
		allocations := testing.AllocsPerRun(100, func() {
			for p := spare[:copy(spare, frame)]; len(p) > 0; {
				m, used, ok, err := r.Next(p)
				if !ok || err != nil || len(m.Data) > 0 && &m.Data[0] != &p[used-len(m.Data)] {
					t.Fatalf("%v %v, or it is a copy", ok, err)
				}
				p = p[used:]
			}
		})
		if allocations != 0 {
			t.Errorf("%s: %v allocations", name, allocations)
		}
	}
}

func TestAControlFrameBetweenFragmentsCostsNoAllocation(t *testing.T) {
	r := rfc6455.NewReader(limit, false)
	r.Next(sent(text, "begun")) //nolint:errcheck // nothing is wrong with it
	frame := sent(fin|ping, "whole")
	spare := make([]byte, len(frame))
	allocations := testing.AllocsPerRun(100, func() {
		m, used, ok, err := r.Next(spare[:copy(spare, frame)])
		if !ok || err != nil || &m.Data[0] != &spare[used-len(m.Data)] {
			t.Fatalf("%v %v %q, or it is a copy", ok, err, m.Data)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"text of 32 bytes", sent(fin|text, strings.Repeat("x", 32))},
		{"text of 4 KiB", sent(fin|text, strings.Repeat("x", 4096))},
		{"ping of 125 bytes", sent(fin|ping, strings.Repeat("x", 125))},
		{"compressed text of 4 KiB", sent(fin|rsv1|text, deflated(b, prose(4096, 0)))},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := rfc6455.NewReader(limit, true)
			spare := make([]byte, len(c.frame))
			b.SetBytes(int64(len(c.frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, ok, err := r.Next(spare[:copy(spare, c.frame)]); !ok || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
