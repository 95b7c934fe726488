package socketio

import "encoding/binary"

// The stock library has a second parser, socket.io-msgpack-parser, whose packets are MessagePack in binary messages. It is not
// served, but refused in its own words: text it would take for a broken connection, and try again for ever.
//
//	client                                               server
//	{type: 0, nsp: "/stream", data: {…}}        ──────►                       binary message
//	                                            ◄──────  {type: 4, nsp: "/stream", data: {message: "…"}}
//
// Source: MessagePack specification, sections "map format family" and "str format family".
const (
	msgpackMap   = 0x80 // with the number of pairs in the low four bits
	msgpackStr   = 0xa0 // with its length in the low five bits
	msgpackStr16 = 0xda // and two bytes of length
)

// AppendMsgpackError appends the packet that refuses a namespace, as MessagePack.
func AppendMsgpackError(dst []byte, ns, message string) []byte {
	dst = append(appendMsgpackStr(append(dst, msgpackMap|3), "type"), byte(ConnectError))
	dst = appendMsgpackStr(appendMsgpackStr(dst, "nsp"), ns)
	dst = append(appendMsgpackStr(dst, "data"), msgpackMap|1)
	return appendMsgpackStr(appendMsgpackStr(dst, "message"), message)
}

func appendMsgpackStr(dst []byte, text string) []byte {
	text = text[:min(len(text), 1<<16-1)]
	if len(text) < 32 {
		return append(append(dst, msgpackStr|byte(len(text))), text...)
	}
	return append(binary.BigEndian.AppendUint16(append(dst, msgpackStr16), uint16(len(text))), text...)
}
