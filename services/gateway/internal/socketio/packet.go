// Package socketio reads and writes the packets of the Socket.IO protocol, version 5, as clients 3.x and 4.x speak
// it. See the Socket.IO protocol, sections "Exchange protocol" and "Packet encoding"
// (https://socket.io/docs/v4/socket-io-protocol/). Each packet travels as the data of an Engine.IO message, so on
// the wire it stands after a 4 that is not written here.
//
//	client                                        server
//	0/stream,{"conn_id":"…"}             ──────►                                      connect
//	                                     ◄──────  0/stream,{"sid":"…","pid":"…"}      connect, or
//	                                     ◄──────  4/stream,{"message":"…"}            connect error
//	2/stream,7["join",["a","b"]]         ──────►                                      event that asks for an ack
//	                                     ◄──────  3/stream,7[["a"]]                   ack
//	                                     ◄──────  2/stream,["message",[{…},{…}]]      event
//	51-/stream,["x",{"_placeholder":…}]  ──────►                                      event, 1 binary frame follows
//	1/stream,                            ──────►                                      disconnect
//
// A packet is `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`. The namespace "/" is written as nothing.
//
// Promised: a packet that is returned has a namespace of sane length without control characters, an id and a number
// of attachments within limits where its type allows them, and data that is valid JSON of the form its type wants; no
// input makes a decoder panic or use more memory than a small multiple of the input; encoders only append and do not
// allocate when dst has room.
// Not promised: that a packet is allowed now, that the namespace exists, that binary frames follow, or that their
// placeholders agree with their number. Those are the session's to judge.
package socketio

import "errors"

// PacketType says what a packet is for. Its value is the digit on the wire.
type PacketType byte

// The packet types of the protocol's section "Exchange protocol".
const (
	Connect      PacketType = iota // client: open a namespace; server: it is open
	Disconnect                     // either: leave a namespace
	Event                          // either: a named event with arguments
	Ack                            // either: the answer to an event that had an id
	ConnectError                   // server: the namespace is refused
	BinaryEvent                    // an event whose binary arguments follow in frames of their own
	BinaryAck                      // an ack of the same kind
)

// NoID is the ID of a packet that asks for no ack and is none.
const NoID = -1

// Root is the namespace of a packet that names none.
const Root = "/"

// Limits of what is taken from a client. Each is far above what a stock client sends.
const (
	MaxID          = 1<<53 - 1 // the largest integer that JavaScript keeps exact
	MaxAttachments = 10        // the stock parser's default
	MaxNamespace   = 256       // bytes, without the query
	MaxQuery       = 8 << 10   // bytes
	MaxArgs        = 64        // arguments of one event
)

// Errors of the decoders. After any of them the session is to be closed, as the stock server does.
var (
	// ErrEmptyPacket is returned for no bytes at all.
	ErrEmptyPacket = errors.New("empty packet")
	// ErrUnknownType is returned for a packet that does not start with a type's digit.
	ErrUnknownType = errors.New("unknown packet type")
	// ErrAttachments is returned for a binary packet whose number of attachments is missing, not a number, or not
	// from 1 to MaxAttachments.
	ErrAttachments = errors.New("bad number of attachments")
	// ErrNamespace is returned for a namespace or query that is too long or holds a control character.
	ErrNamespace = errors.New("bad namespace")
	// ErrID is returned for an ack id above MaxID, for an ack without one, and for one where none belongs.
	ErrID = errors.New("bad ack id")
	// ErrPayload is returned for data that is not JSON, or not of the form that the packet's type wants.
	ErrPayload = errors.New("bad payload")
	// ErrNotUTF8 is returned for a packet that is not UTF-8.
	ErrNotUTF8 = errors.New("packet is not UTF-8")
	// ErrReservedEvent is returned for an event with a name that the libraries keep for themselves.
	ErrReservedEvent = errors.New("reserved event name")
	// ErrTooManyArgs is returned for an event with more than MaxArgs arguments.
	ErrTooManyArgs = errors.New("too many arguments")
)

// Packet is one Socket.IO packet.
type Packet struct {
	Type        PacketType
	Namespace   string // starts with /; without the query
	Query       string // what the client wrote after ? in the namespace, not decoded
	ID          int64  // from 0 to MaxID, or NoID
	Attachments int    // binary frames that follow
	Data        []byte // JSON, or nil; aliases the input
}
