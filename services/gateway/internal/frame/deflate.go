package frame

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
)

// minDeflated is the size below which a message is sent as it is: compressed it would hardly be smaller.
const minDeflated = 128

// Deflater compresses frames, each for itself (RFC 7692 section 7.1.1, no context takeover), so that one compressed
// frame serves every receiver. It is used by one goroutine; the zero value is ready.
type Deflater struct {
	writer *flate.Writer
	out    bytes.Buffer
}

// appendText appends an uncompressed text frame, compressed.
func (z *Deflater) appendText(dst, frame []byte) []byte {
	message := payload(frame)
	if len(message) < minDeflated {
		return append(dst, frame...)
	}
	compressed, err := z.deflate(message)
	if err != nil { // writing to memory does not fail
		return append(dst, frame...)
	}
	return append(appendHeader(dst, finRSV1, len(compressed)), compressed...)
}

// appendTexts appends uncompressed text frames, each compressed for itself.
func (z *Deflater) appendTexts(dst, frames []byte) []byte {
	for len(frames) > 0 {
		message := payload(frames)
		size := headerSize(len(message)) + len(message)
		dst = z.appendText(dst, frames[:size])
		frames = frames[size:]
	}
	return dst
}

// deflate compresses as RFC 7692 section 7.2.1 says: an empty block at the end, without its last four bytes.
func (z *Deflater) deflate(message []byte) ([]byte, error) {
	z.out.Reset()
	if z.writer == nil {
		w, err := flate.NewWriter(&z.out, flate.BestSpeed)
		if err != nil {
			return nil, err
		}
		z.writer = w
	} else {
		z.writer.Reset(&z.out)
	}
	if _, err := z.writer.Write(message); err != nil {
		return nil, err
	}
	if err := z.writer.Flush(); err != nil {
		return nil, err
	}
	return z.out.Bytes()[:z.out.Len()-4], nil
}

// payload gives what an unmasked frame holds.
func payload(frame []byte) []byte {
	switch frame[1] {
	case 126:
		return frame[4:][:binary.BigEndian.Uint16(frame[2:])]
	case 127:
		return frame[10:][:binary.BigEndian.Uint64(frame[2:])]
	}
	return frame[2:][:frame[1]]
}
