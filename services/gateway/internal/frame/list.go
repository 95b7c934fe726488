package frame

// MaxList is how many bytes of messages one list takes before the next is begun, so that a frame stays of a size that
// clients and proxies take. A single larger message is a list of its own.
const MaxList = 64 << 10

// Message is one message of a list.
type Message struct {
	Body   []byte // the JSON object that clients get, up to what a gateway knows alone
	Offset uint64 // what a client may hand back that has got it; 0: the message is not in the log
	Late   bool   // it is sent later than it came

	Announcement *Announcement // how Socket.IO clients are told of it; nil: by Event, as of most
}

// List is a batch of messages on its way to the same receivers. It is used by one goroutine, and its memory is used
// again after Reset.
type List struct {
	messages []Message
	size     int
	wire     [formats][]byte // built on first use; empty until then
}

// Add appends a message; it reports false, and does nothing, when the list is full.
func (l *List) Add(m Message) bool {
	size := m.size()
	if l.size > 0 && l.size+size > MaxList {
		return false
	}
	l.messages = append(l.messages, m)
	l.size += size + 1
	return true
}

// Len is the number of messages.
func (l *List) Len() int { return len(l.messages) }

// Reset empties the list. What Bytes gave before is no longer valid.
func (l *List) Reset() {
	clear(l.messages)
	l.messages, l.size = l.messages[:0], 0
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
	if need := 2 * (l.size + len(heads[1]) + maxHeader + maxArgument + 16); cap(dst) < need && f != Plain {
		dst = make([]byte, 0, need)
	}
	switch f {
	case Plain:
		return l.appendArray(appendHeader(dst, finText, l.arraySize()))
	case EventStream:
		return l.appendStream(dst)
	case BareList:
		return append(l.appendArray(dst), '\n')
	case PlainDeflated:
		return z.appendText(dst, l.Bytes(Plain, z))
	}
	return l.buildPackets(dst, f, z)
}

// arraySize is the size of `[m1,m2]`: each message counts one for the comma or bracket after it.
func (l *List) arraySize() int { return l.size + 1 }

func (l *List) appendArray(dst []byte) []byte { return appendArray(dst, l.messages) }

func appendArray(dst []byte, messages []Message) []byte {
	dst = append(dst, '[')
	for i, m := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.append(dst)
	}
	return append(dst, ']')
}

// appendStream appends one event of a Server-Sent Events stream, as AppendEvent does; a message has no line end in it.
func (l *List) appendStream(dst []byte) []byte {
	dst = append(appendID(dst, offsetOf(l.messages)), "event: "+Event+"\ndata: "...)
	return append(l.appendArray(dst), "\n\n"...)
}
