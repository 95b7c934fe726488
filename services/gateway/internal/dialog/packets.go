package dialog

import (
	"encoding/json"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
)

// answerPackets tells a client which channels its join or leave named: as an event, and as an ack if it asked for one.
func (d *Dialog) answerPackets(p socketio.Packet, event string, named []string) [][]byte {
	list := listOf(named)
	packets := [][]byte{d.speaks.Event(p.Namespace, event, list)}
	if p.ID != socketio.NoID {
		packets = append(packets, d.speaks.Ack(p.Namespace, p.ID, list))
	}
	return packets
}

// notify tells a client, in each namespace, what the app changed.
func (d *Dialog) notify(joined, left []string) [][]byte {
	var packets [][]byte
	for _, ns := range names(frame.Namespaces(d.spaces.Load())) {
		if len(joined) > 0 {
			packets = append(packets, d.speaks.Event(ns, "join", listOf(joined)))
		}
		if len(left) > 0 {
			packets = append(packets, d.speaks.Event(ns, "leave", listOf(left)))
		}
	}
	return packets
}

func listOf(names []string) json.RawMessage {
	if names == nil {
		names = []string{}
	}
	list, err := json.Marshal(names)
	if err != nil { // a list of strings always has a JSON form
		return json.RawMessage("[]")
	}
	return list
}
