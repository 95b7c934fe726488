package notice

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/channelstream/channelstream/shared/contract"
)

// place is where in a body a value is.
type place struct{ from, size int }

func (p place) String() string { return contract.EventValue(p.from, p.size) }

// presenceEvents are the events by which Socket.IO clients are told that a user joined or parted: of who came before they hear
// where, and of who went after. alone says that the channel is the user's first, or was the last; lists that it is told who is
// there.
func presenceEvents(body []byte, joined, alone, lists bool) (string, error) {
	v, err := valuesOf(body, place{size: len(body)})
	if err != nil {
		return "", err
	}
	where := fmt.Sprintf(`,%s,[%s]`, v["user"], v["channel"])
	if lists {
		where += "," + v["users"].String()
	}
	who := fmt.Sprintf(`,{"user":%s,"status":%s,"state":%s}`, v["user"], v["status"], v["state"])
	switch {
	case joined && alone:
		return contract.JoinEvents(contract.EventUserConnect+who, contract.EventPresenceJoin+where), nil
	case joined:
		return contract.EventPresenceJoin + where, nil
	case alone:
		return contract.JoinEvents(contract.EventPresenceLeave+where, contract.EventUserDisconnect+who), nil
	}
	return contract.EventPresenceLeave + where, nil
}

// statusEvents are the events by which they are told of a user's status and state.
func statusEvents(body []byte) (string, error) {
	v, err := valuesOf(body, place{size: len(body)})
	if err != nil {
		return "", err
	}
	message, err := valuesOf(body, v["message"])
	if err != nil {
		return "", err
	}
	return contract.EventUserStatus + fmt.Sprintf(`,{"user":%s,"status":%s,"state":%s,"changed":%s}`,
		v["user"], v["status"], message["state"], message["changed"]), nil
}

// valuesOf gives where the values of an object in a body are, by their keys.
func valuesOf(body []byte, object place) (map[string]place, error) {
	values := map[string]place{}
	decoder := json.NewDecoder(bytes.NewReader(body[object.from:][:object.size]))
	_, err := decoder.Token()
	for err == nil && decoder.More() {
		var key json.Token
		var value json.RawMessage
		if key, err = decoder.Token(); err == nil {
			err = decoder.Decode(&value)
		}
		if name, ok := key.(string); ok {
			values[name] = place{from: object.from + int(decoder.InputOffset()) - len(value), size: len(value)}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find the values of a notice: %w", err)
	}
	return values, nil
}
