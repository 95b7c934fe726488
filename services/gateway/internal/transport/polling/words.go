package polling

import (
	"bytes"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
)

// Words are what an outlet says by itself in its protocol. They are set once, and shared.
type Words struct {
	Way     frame.Way                // how packets are written for several to be in one answer
	Ping    []byte                   // asks for a sign of life
	Noop    []byte                   // ends a poll that is not to wait
	Close   []byte                   // ends the session's last poll
	Payload func(kept []byte) []byte // the answer with all packets that are kept
	Strict  bool                     // a poll is refused when its client was not heard of for too long, and let go when the client closed
}

var engineIO = Words{
	Way: frame.Polls, Ping: packet(engineio.Ping), Noop: packet(engineio.Noop), Close: packet(engineio.Close),
	Payload: func(kept []byte) []byte { return bytes.TrimSuffix(kept, []byte{engineio.Separator}) }, Strict: true,
}

var engineIO3 = Words{
	Way: frame.Polls3, Ping: packet(engineio.Ping), Noop: record(engineio.Noop), Close: record(engineio.Close),
	Payload: func(kept []byte) []byte { return kept }, Strict: true,
}

func packet(t engineio.PacketType) []byte { return []byte{'0' + byte(t)} }

// record is a packet as it stands in a payload of Engine.IO 3.
func record(t engineio.PacketType) []byte { return engineio.AppendRecord(nil, packet(t)) }
