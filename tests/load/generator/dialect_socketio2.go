package generator

import (
	"fmt"
	"net"
)

// overSocketIO2 speaks Engine.IO 3 and Socket.IO 4, the protocol of clients 1.x and 2.x. The flow: server 0{sid…}, client
// 40/stream, before the server connects it to / by itself, server 40/stream; then server 42/stream,[event, data]. The client pings,
// see ping.go: 2 is answered by 3.
type overSocketIO2 struct{ *channelstream }

func (c overSocketIO2) path(client int, _ uint32, _ uint64) string {
	return "/socket.io/?EIO=3&transport=websocket&conn_id=" + c.connID(client)
}

func (overSocketIO2) open(conn net.Conn, path string) ([]byte, error) {
	in, err := upgrade(conn, path)
	if err != nil {
		return nil, err
	}
	if in, err = expect(conn, in, "0{"); err != nil {
		return nil, err
	}
	if _, err := conn.Write(appendClientFrame(nil, opText, []byte("40/stream,"))); err != nil {
		return nil, fmt.Errorf("connect to the namespace: %w", err)
	}
	return expect(conn, in, "40/stream")
}
