package generator

import "fmt"

// A Client is a kind of clients of this project. Each is let in by POST /connect, and opens with its conn_id.
type Client string

// The kinds of clients.
const (
	WebSocket         Client = "/ws"
	SocketIO4         Client = "Socket.IO 4" // by WebSocket only, in the namespace /
	SocketIO2         Client = "Socket.IO 2" // by WebSocket only, in the namespace /stream
	EventSource       Client = "/sse"
	StickyPolling     Client = "polling, sticky"      // Socket.IO 4; each client has a gateway
	RoundRobinPolling Client = "polling, round robin" // each request goes to the next gateway
)

// spokenBy returns the dialects of clients. Those of /ws speak as the app does.
func (c *channelstream) spokenBy(clients []Client) (all []dialect, err error) {
	if len(clients) == 0 {
		return []dialect{c}, nil
	}
	known := map[Client]dialect{
		WebSocket: c, SocketIO4: overSocketIO4{c}, SocketIO2: overSocketIO2{c}, EventSource: overEvents{c},
		StickyPolling: overPolling{channelstream: c, sticky: true}, RoundRobinPolling: overPolling{channelstream: c},
	}
	for _, client := range clients {
		if known[client] == nil {
			return nil, fmt.Errorf("unknown clients %q", client)
		}
		all = append(all, known[client])
	}
	return all, nil
}
