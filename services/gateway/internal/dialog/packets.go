package dialog

import (
	"encoding/json"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
)

// answerPackets tells a client which channels its join or leave named: as an event, and as an ack if it asked for one.
func answerPackets(p socketio.Packet, event string, named []string) [][]byte {
	list := listOf(named)
	packets := [][]byte{socketio.AppendEvent([]byte{'4'}, p.Namespace, event, list)}
	if p.ID != socketio.NoID {
		packets = append(packets, socketio.AppendAck([]byte{'4'}, p.Namespace, p.ID, list))
	}
	return packets
}

// notify tells a client, in each namespace, what the app changed.
func (d *Dialog) notify(joined, left []string) [][]byte {
	var packets [][]byte
	for _, ns := range names(frame.Namespaces(d.spaces.Load())) {
		if len(joined) > 0 {
			packets = append(packets, socketio.AppendEvent([]byte{'4'}, ns, "join", listOf(joined)))
		}
		if len(left) > 0 {
			packets = append(packets, socketio.AppendEvent([]byte{'4'}, ns, "leave", listOf(left)))
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

func changeSpaces(spaces frame.Namespaces, packets [][]byte) hub.Change {
	return hub.Change{Namespaces: &spaces, Packets: packets}
}
