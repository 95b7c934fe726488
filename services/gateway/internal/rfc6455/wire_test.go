package rfc6455_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The first byte of a frame.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10

	more = 0x0
	text = 0x1
	data = 0x2
	bye  = 0x8
	ping = 0x9
	pong = 0xA
)

const limit = 1 << 16

// sent is a frame as a client sends it: masked, its length as short as can be.
func sent[T string | []byte](first byte, payload T) []byte {
	return withLength(first, len(payload), payload)
}

// withLength is a frame that announces a length of its own, whatever its payload is.
func withLength[T string | []byte](first byte, length int, payload T) []byte {
	p := []byte{first}
	switch {
	case length <= 125:
		p = append(p, 0x80|byte(length))
	case length <= 0xFFFF:
		p = binary.BigEndian.AppendUint16(append(p, 0x80|126), uint16(length))
	default:
		p = binary.BigEndian.AppendUint64(append(p, 0x80|127), uint64(length))
	}
	key := [4]byte{0x37, 0xFA, byte(length), 0x3D}
	p = append(p, key[:]...)
	for i := range len(payload) {
		p = append(p, payload[i]^key[i%4])
	}
	return p
}

// closing is the payload of a close frame.
func closing(code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// deflaters are lent to those who compress, since making one costs more than using it.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is one of flate's own
	}
	return w
}}

// deflated is the payload of a compressed message (RFC 7692 section 7.2.1).
func deflated[T string | []byte](t testing.TB, message T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	_, err := w.Write([]byte(message))
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()[:out.Len()-4]
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// said is all that a Reader gives of some bytes: messages, and an error or nil.
type said struct {
	messages []rfc6455.Message
	err      error
}

func (s said) String() string {
	var b bytes.Buffer
	for _, m := range s.messages {
		fmt.Fprintf(&b, "%x %d %d bytes %.80q\n", m.Kind, m.Code, len(m.Data), m.Data)
	}
	fmt.Fprint(&b, s.err)
	return b.String()
}

func (s said) equal(o said) bool {
	if len(s.messages) != len(o.messages) || !errors.Is(s.err, o.err) {
		return false
	}
	for i, m := range s.messages {
		if n := o.messages[i]; m.Kind != n.Kind || m.Code != n.Code || !bytes.Equal(m.Data, n.Data) {
			return false
		}
	}
	return true
}

// feed hands the Reader a copy of p and adds what it gives.
func (s *said) feed(t testing.TB, r *rfc6455.Reader, p []byte) {
	t.Helper()
	p = bytes.Clone(p)
	for len(p) > 0 && s.err == nil {
		m, used, ok, err := r.Next(p)
		switch {
		case used < 0 || used > len(p) || ok && used == 0:
			t.Fatalf("%d of %d bytes used", used, len(p))
		case !ok && used != len(p):
			t.Fatalf("nothing was given for %d of %d bytes", used, len(p))
		case ok && err != nil:
			t.Fatalf("%v and %v", m, err)
		case ok:
			m.Data = bytes.Clone(m.Data)
			s.messages = append(s.messages, m)
		}
		p, s.err = p[used:], err
	}
}

// read feeds the pieces to a new Reader.
func read(t testing.TB, deflate bool, pieces ...[]byte) said {
	t.Helper()
	r := rfc6455.NewReader(limit, deflate)
	var s said
	for _, p := range pieces {
		s.feed(t, &r, p)
	}
	return s
}

// split cuts p into pieces that end at random.
func split(p []byte, random *rand.Rand) (pieces [][]byte) {
	for len(p) > 0 {
		n := 1 + random.IntN(min(len(p), 1<<random.IntN(12)))
		pieces, p = append(pieces, p[:n]), p[n:]
	}
	return pieces
}

func byteByByte(p []byte) [][]byte {
	pieces := make([][]byte, 0, len(p))
	for i := range p {
		pieces = append(pieces, p[i:i+1])
	}
	return pieces
}

// readInEveryWay reads p whole, in random pieces, byte by byte unless it is large, and, if it is small, cut in two at
// every place. All have to give the same.
func readInEveryWay(t testing.TB, deflate bool, p []byte) said {
	t.Helper()
	whole := read(t, deflate, p)
	same := func(how string, pieces ...[]byte) {
		if s := read(t, deflate, pieces...); !s.equal(whole) {
			t.Errorf("whole:\n%v\n%s:\n%v", whole, how, s)
		}
	}
	for seed := range uint64(3) {
		same(fmt.Sprint("pieces ", seed), split(p, rand.New(rand.NewPCG(seed, 0)))...)
	}
	if len(p) <= 8<<10 {
		same("byte by byte", byteByByte(p)...)
	}
	for i := range len(p) {
		if len(p) > 200 {
			break
		}
		same(fmt.Sprint("cut at ", i), p[:i], p[i:])
	}
	return whole
}
