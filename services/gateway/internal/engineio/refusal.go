package engineio

import "strconv"

// Refusal is why a request is answered with an error in place of packets. The codes and messages are those of the
// stock server, which clients and their logs know; the protocol itself only asks for a 400. It is an error, so a
// handler can return it, and decide by errors.As.
type Refusal byte

// The whole set. A value outside it reads as BadRequest.
const (
	UnknownTransport   Refusal = iota // transport= names none that is served
	UnknownSession                    // sid= names no live session
	BadHandshakeMethod                // a request without sid that is not a GET
	BadRequest                        // anything else that is wrong with the request or its body
	Forbidden                         // the server's rules say no: origin, address
	UnsupportedVersion                // EIO= names a revision that is not served
)

var refusals = [...]string{
	UnknownTransport:   "Transport unknown",
	UnknownSession:     "Session ID unknown",
	BadHandshakeMethod: "Bad handshake method",
	BadRequest:         "Bad request",
	Forbidden:          "Forbidden",
	UnsupportedVersion: "Unsupported protocol version",
}

// Error returns the stock server's message.
func (r Refusal) Error() string { return refusals[r.known()] }

// Status returns the HTTP status of the answer: 403 for Forbidden, else 400.
func (r Refusal) Status() int {
	if r == Forbidden {
		return 403
	}
	return 400
}

// AppendJSON appends the body of the answer: {"code":1,"message":"Session ID unknown"}.
func (r Refusal) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendUint(dst, uint64(r.known()), 10)
	dst = append(dst, `,"message":"`...)
	dst = append(dst, r.Error()...)
	return append(dst, `"}`...)
}

func (r Refusal) known() Refusal {
	if int(r) >= len(refusals) {
		return BadRequest
	}
	return r
}
