// Package socketio09 reads and writes what Socket.IO 0.9 speaks: the clients of 2012 to 2014, protocol revision 1.
//
//	client                                              server
//	GET  /socket.io/1/?username=…             ──────►
//	                                          ◄──────   sid:45:45:websocket,xhr-polling          handshake
//	GET  /socket.io/1/websocket/sid  Upgrade  ──────►
//	                                          ◄──────   1::                                      the root is connected
//	     1::/stream                           ──────►
//	                                          ◄──────   1::/stream   or  7::/stream:2+why not
//	     5:1+:/stream:{"name":"join",
//	                   "args":[["a","b"]]}    ──────►                                            event that asks for an ack
//	                                          ◄──────   6::/stream:1+[["a"]]                     ack
//	                                          ◄──────   5::/stream:{"name":"message",
//	                                                                "args":[[{…},{…}]]}          event
//	                                          ◄──────   2::                                      heartbeat
//	     2::                                  ──────►
//	     0::                                  ──────►                                            the end
//
// A packet is `type:[id[+]]:[endpoint][:data]`. A WebSocket frame holds one. The answer to a poll and the body of a POST to
// /socket.io/1/xhr-polling/sid hold one as it stands, or several, each behind U+FFFD, its length and U+FFFD. The length
// counts UTF-16 code units, as JavaScript does. At /socket.io/1/jsonp-polling/sid an answer is a script, and a POST a form.
//
// Promised: a packet that is returned has a known type, an endpoint of sane length without control characters, an id within
// limits, and is UTF-8; no input makes a decoder panic or use more memory than a small multiple of the input; encoders only
// append.
// Not promised: that a packet is allowed now, or that the endpoint exists.
//
// Sources: socket.io-spec, sections "Handshake", "Transport URL", "Messages"; and where that is silent, what the stock client
// 0.9.17 does.
package socketio09

import "errors"

// Version is the protocol's revision, the first element of the path below the resource.
const Version = "1"

// PacketType says what a packet is for. Its value is the digit on the wire.
type PacketType byte

// The packet types of socket.io-spec, section "Messages".
const (
	Disconnect PacketType = iota // either: leave an endpoint; without one, the end of all
	Connect                      // client: connect to an endpoint; server: it is connected
	Heartbeat                    // server: are you there; client: yes
	Message                      // either: text
	JSON                         // either: a JSON value
	Event                        // either: a name and arguments
	Ack                          // either: the answer to a packet that had an id
	Error                        // server: a reason, and advice
	Noop                         // server: ends a poll
)

// NoID is the ID of a packet that asks for no ack.
const NoID = -1

// Limits of what is taken from a client. Each is far above what a stock client sends.
const (
	MaxID       = 1<<53 - 1 // the largest integer that JavaScript keeps exact
	MaxEndpoint = 256       // bytes, without the query
	MaxQuery    = 8 << 10   // bytes
)

// Errors of the decoders. After any of them the session is to be closed.
var (
	// ErrPacket is returned for what has no type, or not the colons that divide a packet.
	ErrPacket = errors.New("not a packet")
	// ErrUnknownType is returned for a packet whose type is not one of the nine.
	ErrUnknownType = errors.New("unknown packet type")
	// ErrID is returned for an id that is no number up to MaxID.
	ErrID = errors.New("bad packet id")
	// ErrEndpoint is returned for an endpoint or query that is too long or holds a control character.
	ErrEndpoint = errors.New("bad endpoint")
	// ErrEvent is returned for an event that is no JSON object with a name and, if any, a list of arguments.
	ErrEvent = errors.New("bad event")
	// ErrNotUTF8 is returned for text that is not UTF-8.
	ErrNotUTF8 = errors.New("text is not UTF-8")
	// ErrLength is returned for a payload whose lengths do not fit its packets.
	ErrLength = errors.New("bad length in a payload")
	// ErrTooManyPackets is returned for a payload with more packets than the caller takes.
	ErrTooManyPackets = errors.New("too many packets")
	// ErrForm is returned for a form of jsonp-polling without a JSON string called d.
	ErrForm = errors.New("bad form")
)

// Packet is one packet.
type Packet struct {
	Type     PacketType
	ID       int64  // from 0 to MaxID, or NoID
	Endpoint string // without the query; empty is the root
	Query    string // of a Connect, not decoded
	Data     []byte // nil for none; aliases the input
}
