package generator

import (
	"bytes"
	"fmt"
	"net"
)

// socketio speaks to the stock server by WebSocket only, as a client with transports: ["websocket"] does. The flow
// (Engine.IO 4, Socket.IO 5): server 0{sid…}, client 40, server 40{sid…}; then server 42[event, data], and 2 answered by 3.
type socketio struct{ webSocket }

// Packets of Engine.IO by which one side asks whether the other is alive, and is told.
const (
	enginePing = "2"
	enginePong = "3"
)

func (socketio) register(*poster, int, uint32) error { return nil }

func (socketio) path(_ int, channel uint32, _ uint64) string {
	return "/socket.io/?EIO=4&transport=websocket&channel=" + channelName(channel)
}

func (socketio) open(conn net.Conn, path string) ([]byte, error) {
	in, err := upgrade(conn, path)
	if err != nil {
		return nil, err
	}
	if in, err = expect(conn, in, "0{"); err != nil {
		return nil, err
	}
	if _, err := conn.Write(appendClientFrame(nil, opText, []byte("40"))); err != nil {
		return nil, fmt.Errorf("connect to the namespace: %w", err)
	}
	return expect(conn, in, "40{")
}

// expect reads frames until one that begins with prefix has come and returns what follows it.
func expect(conn net.Conn, in []byte, prefix string) ([]byte, error) {
	for {
		f, err := nextFrame(in)
		if err != nil {
			return nil, err
		}
		if f.size > 0 {
			in = in[f.size:]
			if bytes.HasPrefix(f.payload, []byte(prefix)) {
				return in, nil
			}
			continue
		}
		if in, err = readMore(conn, in); err != nil {
			return nil, fmt.Errorf("wait for %q: %w", prefix, err)
		}
	}
}

func (socketio) post(p *poster, body []byte) error { return p.post("/message", "", body) }

func (socketio) appendList(dst []byte, channels []uint32, payloads [][]byte) []byte {
	return appendJSON(dst, channels, payloads)
}
