package socketio09

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Handshake is what a client is told first.
type Handshake struct {
	SID              string
	HeartbeatTimeout time.Duration // a client that heard nothing by WebSocket for so long takes it for broken
	CloseTimeout     time.Duration // and a client that polls, that was answered nothing
	Transports       []string
}

// AppendHandshake appends the answer to a handshake: sid:45:45:websocket,xhr-polling. Times are whole seconds, rounded up.
func AppendHandshake(dst []byte, h Handshake) []byte {
	dst = appendSeconds(append(append(dst, h.SID...), ':'), h.HeartbeatTimeout)
	dst = appendSeconds(append(dst, ':'), h.CloseTimeout)
	return append(append(dst, ':'), strings.Join(h.Transports, ",")...)
}

func appendSeconds(dst []byte, d time.Duration) []byte {
	return strconv.AppendInt(dst, int64(math.Ceil(d.Seconds())), 10)
}

// maxIndex is how many digits a script's number may have. A client counts its scripts from 0.
const maxIndex = 9

// IsIndex says whether a script may call the function of this number: `io.j[0]`. Anything else would be somebody's code.
func IsIndex(index string) bool {
	_, ok := readUint([]byte(index), math.MaxInt64/10)
	return ok && len(index) <= maxIndex
}

// AppendScript appends the script that hands text to a client which can not read it: io.j[0]("8::");
func AppendScript(dst []byte, index string, text []byte) []byte {
	dst = append(append(append(dst, "io.j["...), index...), "]("...)
	return append(appendString(dst, string(text)), ");"...)
}

// AppendErrorScript appends the script that tells such a client why it is not let in: io.j[0](new Error("why not"));
func AppendErrorScript(dst []byte, index, sentence string) []byte {
	dst = append(append(append(dst, "io.j["...), index...), "](new Error("...)
	return append(appendString(dst, sentence), "));"...)
}
