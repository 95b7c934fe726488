package generator

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
)

// overEvents speaks Server-Sent Events, as an EventSource does. The answer has no length and no chunks, so that its events stand
// in the stream as they are.
type overEvents struct{ *channelstream }

func (c overEvents) path(client int, _ uint32, _ uint64) string {
	return "/sse?conn_id=" + c.connID(client)
}

func (overEvents) open(conn net.Conn, path string) (rest []byte, err error) {
	if _, err := conn.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")); err != nil {
		return nil, fmt.Errorf("ask for events: %w", err)
	}
	return readHead(conn, http.StatusOK)
}

func (overEvents) next(buf []byte) (frame, error) { return nextEvent(buf) }

// nextEvent returns the event that buf begins with, and the comments before it, as a text frame (WHATWG HTML, section
// "Server-sent events").
func nextEvent(buf []byte) (frame, error) {
	end := bytes.Index(buf, []byte("\n\n"))
	switch {
	case end >= 0:
		return frame{opcode: opText, payload: buf[:end], size: end + 2}, nil
	case len(buf) >= readBuffer:
		return frame{}, errTooLarge
	}
	return frame{}, nil
}
