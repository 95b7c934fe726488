// Package frame builds what goes over a wire: a batch of messages becomes one frame, built at most once per wire format
// and shared by every receiver.
//
// A message body is the JSON object that clients get; it is copied, never read. Sources: RFC 6455 section 5 (WebSocket
// framing), Engine.IO protocol 4, Socket.IO protocol 5, and socket.io-spec for clients of 0.9.
package frame

import (
	"encoding/binary"
	"strconv"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio09"
)

// Format is a wire format: how a list of messages looks to one kind of receiver.
type Format uint8

// The formats. Root and Stream are the Socket.IO namespaces a session is connected to; Both gets each list twice, as
// two packets.
const (
	None       Format = iota // nothing is sent: no namespace is connected yet
	Plain                    // WebSocket text frame with the list
	SocketRoot               // WebSocket text frame with the packet of an event in "/"
	SocketStream
	SocketBoth
	PollRoot // packets of a polling payload, each ended by a separator
	PollStream
	PollBoth
	EventStream   // an event of a Server-Sent Events stream
	BareList      // the list itself, and a line end
	PlainDeflated // as Plain and the Socket formats, compressed (RFC 7692)
	SocketRootDeflated
	SocketStreamDeflated
	SocketBothDeflated
	Socket3Root // of Engine.IO 3, see build3
	Socket3Stream
	Socket3Both
	Poll3Root
	Poll3Stream
	Poll3Both
	Socket3RootDeflated
	Socket3StreamDeflated
	Socket3BothDeflated
	Socket09Root // as the Socket and Poll formats, for clients of Socket.IO 0.9
	Socket09Stream
	Socket09Both
	Poll09Root
	Poll09Stream
	Poll09Both
	formats
)

// Namespaces that a Socket.IO client may connect to.
const (
	RootNamespace   = "/"
	StreamNamespace = "/stream"
)

// Event is the Socket.IO event that carries lists of messages.
const Event = "message"

// Way is how frames reach a session.
type Way uint8

// The ways.
const (
	Lists           Way = iota // bare lists in WebSocket frames
	Packets                    // Engine.IO packets in WebSocket frames
	Polls                      // Engine.IO packets in polling payloads
	Events                     // Server-Sent Events
	Answers                    // bare lists in the answers of polls
	ListsDeflated              // as Lists, messages compressed
	PacketsDeflated            // as Packets, messages compressed
	Packets3                   // as Packets, of Engine.IO 3
	Packets3Deflated
	Polls3    // Engine.IO 3 packets in polling payloads
	Packets09 // Socket.IO 0.9 packets in WebSocket frames
	Polls09   // Socket.IO 0.9 packets in polling payloads, each behind its length
)

// ClientPings says whether the client asks for signs of life, and not the server: so it is in Engine.IO 3.
func (w Way) ClientPings() bool { return w == Packets3 || w == Packets3Deflated || w == Polls3 }

// Revision3 gives the way of a client that speaks Engine.IO 3.
func (w Way) Revision3() Way {
	switch w {
	case Packets:
		return Packets3
	case PacketsDeflated:
		return Packets3Deflated
	case Polls:
		return Polls3
	}
	return w
}

// Deflated gives the way with compressed messages, for the ways through a WebSocket.
func (w Way) Deflated() Way {
	switch w {
	case Lists:
		return ListsDeflated
	case Packets:
		return PacketsDeflated
	case Packets3:
		return Packets3Deflated
	}
	return w
}

// Namespaces is the set of namespaces that a Socket.IO session is connected to.
type Namespaces uint8

// The namespaces, as bits.
const (
	Root Namespaces = 1 << iota
	Stream
)

// For gives the format of a session.
func For(w Way, n Namespaces) Format {
	switch {
	case w == Lists:
		return Plain
	case w == ListsDeflated:
		return PlainDeflated
	case w == Events:
		return EventStream
	case w == Answers:
		return BareList
	case n == 0:
		return None
	}
	return packetsOf(w).first + Format(n-Root)
}

// WebSocket opcodes with the FIN bit set, RFC 6455 section 5.2.
const (
	finText  = 0x81
	finRSV1  = 0xC1 // text, compressed: RFC 7692 section 6
	finClose = 0x88
	finPing  = 0x89
	finPong  = 0x8A
)

// maxHeader is the longest header of a frame from a server: no mask, RFC 6455 section 5.2.
const maxHeader = 10

func appendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size < 1<<16:
		return append(dst, first, 126, byte(size>>8), byte(size))
	}
	dst = append(dst, first, 127)
	return binary.BigEndian.AppendUint64(dst, uint64(size))
}

// headerSize is how many bytes appendHeader adds.
func headerSize(size int) int {
	switch {
	case size < 126:
		return 2
	case size < 1<<16:
		return 4
	}
	return maxHeader
}

// AppendText appends a text frame.
func AppendText(dst, payload []byte) []byte {
	return append(appendHeader(dst, finText, len(payload)), payload...)
}

// AppendPing appends a ping without data.
func AppendPing(dst []byte) []byte { return append(dst, finPing, 0) }

// AppendPong appends the pong for a ping's data, of which a control frame holds 125 bytes.
func AppendPong(dst, data []byte) []byte {
	data = data[:min(len(data), 125)]
	return append(append(dst, finPong, byte(len(data))), data...)
}

// AppendClose appends a close frame with a code and a reason.
func AppendClose(dst []byte, code int, reason string) []byte {
	reason = reason[:min(len(reason), 123)]
	dst = append(dst, finClose, byte(2+len(reason)), byte(code>>8), byte(code))
	return append(dst, reason...)
}

// AppendPacket appends what is for one session only: a packet, an event of a stream, or a list, given as its text.
func AppendPacket(dst, packet []byte, w Way) []byte {
	switch w {
	case Polls:
		return append(append(dst, packet...), engineio.Separator)
	case Polls3:
		return engineio.AppendRecord(dst, packet)
	case Polls09:
		return socketio09.AppendFramed(dst, packet)
	case Events:
		return append(dst, packet...)
	case Answers:
		return append(append(dst, packet...), '\n')
	}
	return AppendText(dst, packet)
}

// AppendEvent appends an event of a Server-Sent Events stream, with data that has no line end in it. The client remembers
// the offset, unless that is 0, and says it when it comes back.
func AppendEvent(dst []byte, offset uint64, name string, data []byte) []byte {
	dst = appendID(dst, offset)
	dst = append(append(append(append(dst, "event: "...), name...), "\ndata: "...), data...)
	return append(dst, "\n\n"...)
}

func appendID(dst []byte, offset uint64) []byte {
	if offset == 0 {
		return dst
	}
	return append(strconv.AppendUint(append(dst, "id: "...), offset, 10), '\n')
}
