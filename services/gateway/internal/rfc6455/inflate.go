package rfc6455

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// ending follows the payload of a compressed message: the four bytes that its sender took away (RFC 7692 section 7.2.2),
// and an empty last block, without which the end looks like a loss.
const ending = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"

// maxUnread is what may be left of a payload and its ending behind a last block of the sender's own: the byte that
// RFC 7692 section 7.2.3.4 adds to it.
const maxUnread = 1 + len(ending)

// keptOutput is the size up to which an inflater's buffer waits for the next message.
const keptOutput = 64 << 10

// inflater inflates one message at a time. It has about 40 KiB, so the connections lend it to one another; it keeps
// nothing of one message for another.
type inflater struct {
	source source
	flate  io.ReadCloser
	output io.LimitedReader
	buffer bytes.Buffer
}

var inflaters = sync.Pool{New: func() any {
	z := new(inflater)
	z.flate = flate.NewReader(&z.source)
	return z
}}

// inflate gives the message in p, a copy of its own, unless it has more than limit bytes.
func inflate(p []byte, limit int) ([]byte, *Error) {
	if len(p) == 0 {
		return nil, nil // nothing was compressed to nothing
	}
	z := inflaters.Get().(*inflater)
	defer z.release()
	z.source = source{rest: p, ending: ending}
	if err := z.flate.(flate.Resetter).Reset(&z.source, nil); err != nil {
		return nil, errDeflate
	}
	z.output = io.LimitedReader{R: z.flate, N: int64(limit) + 1}
	n, err := z.buffer.ReadFrom(&z.output)
	switch {
	case n > int64(limit):
		return nil, errTooLarge
	case err != nil || z.source.unread() > maxUnread:
		return nil, errDeflate
	}
	return bytes.Clone(z.buffer.Bytes()), nil
}

func (z *inflater) release() {
	z.source = source{}
	if z.buffer.Reset(); z.buffer.Cap() > keptOutput {
		z.buffer = bytes.Buffer{}
	}
	inflaters.Put(z)
}

// source gives a payload and then its ending, byte by byte where it is asked to: so flate reads no further than it has to.
type source struct {
	rest   []byte
	ending string
}

func (s *source) unread() int { return len(s.rest) + len(s.ending) }

func (s *source) Read(p []byte) (int, error) {
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	more := copy(p[n:], s.ending)
	s.ending = s.ending[more:]
	if n += more; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *source) ReadByte() (b byte, err error) {
	switch {
	case len(s.rest) > 0:
		b, s.rest = s.rest[0], s.rest[1:]
	case len(s.ending) > 0:
		b, s.ending = s.ending[0], s.ending[1:]
	default:
		return 0, io.EOF
	}
	return b, nil
}
