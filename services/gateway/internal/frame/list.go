package frame

import "github.com/channelstream/channelstream/services/gateway/internal/engineio"

// MaxList is how many bytes of messages one list takes before the next is begun, so that a frame stays of a size that
// clients and proxies take. A single larger message is a list of its own.
const MaxList = 64 << 10

// List is a batch of messages on its way to the same receivers. It is used by one goroutine, and its memory is used
// again after Reset.
type List struct {
	bodies [][]byte
	size   int
	wire   [formats][]byte // built on first use; empty until then
}

// Add appends a message; it reports false, and does nothing, when the list is full.
func (l *List) Add(body []byte) bool {
	if l.size > 0 && l.size+len(body) > MaxList {
		return false
	}
	l.bodies = append(l.bodies, body)
	l.size += len(body) + 1
	return true
}

// Len is the number of messages.
func (l *List) Len() int { return len(l.bodies) }

// Reset empties the list. What Bytes gave before is no longer valid.
func (l *List) Reset() {
	clear(l.bodies)
	l.bodies, l.size = l.bodies[:0], 0
	for i := range l.wire {
		if cap(l.wire[i]) > 4*MaxList {
			l.wire[i] = nil
		}
		l.wire[i] = l.wire[i][:0]
	}
}

// Bytes gives the list in a wire format; the same bytes for every caller, valid until Reset. The deflater serves the
// formats that are compressed.
func (l *List) Bytes(f Format, z *Deflater) []byte {
	if len(l.wire[f]) == 0 && f != None {
		l.wire[f] = l.build(l.wire[f], f, z)
	}
	return l.wire[f]
}

func (l *List) build(dst []byte, f Format, z *Deflater) []byte {
	if need := 2 * (l.size + len(streamPrefix) + maxHeader + 4); cap(dst) < need && f != Plain {
		dst = make([]byte, 0, need)
	}
	switch f {
	case Plain:
		return l.appendArray(appendHeader(dst, finText, l.arraySize()))
	case SocketRoot:
		return l.appendSocket(dst, rootPrefix)
	case SocketStream:
		return l.appendSocket(dst, streamPrefix)
	case SocketBoth:
		return l.appendSocket(l.appendSocket(dst, rootPrefix), streamPrefix)
	case PollRoot:
		return l.appendPoll(dst, rootPrefix)
	case PollStream:
		return l.appendPoll(dst, streamPrefix)
	case PollBoth:
		return l.appendPoll(l.appendPoll(dst, rootPrefix), streamPrefix)
	case PlainDeflated:
		return z.appendText(dst, l.Bytes(Plain, z))
	case SocketRootDeflated:
		return z.appendText(dst, l.Bytes(SocketRoot, z))
	case SocketStreamDeflated:
		return z.appendText(dst, l.Bytes(SocketStream, z))
	case SocketBothDeflated:
		return append(append(dst, l.Bytes(SocketRootDeflated, z)...), l.Bytes(SocketStreamDeflated, z)...)
	}
	return dst
}

// arraySize is the size of `[m1,m2]`: each message counts one for the comma or bracket after it.
func (l *List) arraySize() int { return l.size + 1 }

func (l *List) appendArray(dst []byte) []byte {
	dst = append(dst, '[')
	for i, body := range l.bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, ']')
}

func (l *List) appendSocket(dst, prefix []byte) []byte {
	dst = appendHeader(dst, finText, len(prefix)+l.arraySize()+1)
	return append(l.appendArray(append(dst, prefix...)), ']')
}

func (l *List) appendPoll(dst, prefix []byte) []byte {
	dst = l.appendArray(append(dst, prefix...))
	return append(dst, ']', engineio.Separator)
}
