package flood

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
)

// Flags of a frame's first byte.
const (
	flagFinal      = 0x80
	flagCompressed = 0x40 // RFC 7692 section 6
)

// appendFrame appends a client's frame. The mask is zero, which is legal and masks nothing.
func appendFrame(dst []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, first, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n)) //nolint:gosec // it fits
	default:
		dst = append(dst, first, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

// frames gives as many frames, one after the other.
func frames(many int, first byte, payload string) (chunk []byte) {
	for range many {
		chunk = appendFrame(chunk, first, []byte(payload))
	}
	return chunk
}

// wire is one TCP connection to the server, with as little above it as an attacker needs.
type wire struct {
	net.Conn
	in *bufio.Reader
}

// dial opens a connection. When ctx ends, everything that waits for it fails with a timeout.
func dial(ctx context.Context, o *order) (*wire, error) {
	dialer := net.Dialer{Timeout: giveUp}
	if o.Buffer > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			var err error
			return errors.Join(raw.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, o.Buffer)
			}), err)
		}
	}
	conn, err := dialer.DialContext(ctx, "tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) }) //nolint:errcheck // it is closed then
	return &wire{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// upgradeRequest is the request that opens a WebSocket.
func upgradeRequest(path string, deflate bool) []byte {
	extension := ""
	if deflate {
		extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: flood\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, extension)
}

// upgrade opens a WebSocket; refused is how the server refused it.
func (w *wire) upgrade(path string, deflate bool) (refused string) {
	if _, err := w.Write(upgradeRequest(path, deflate)); err != nil {
		return ending(err)
	}
	response, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return ending(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return status(response)
	}
	return ""
}

func status(response *http.Response) string { return fmt.Sprintf("HTTP %d", response.StatusCode) }

// open dials, upgrades, and says hello; refused is how the server refused that.
func open(ctx context.Context, o *order, path string) (w *wire, refused string) {
	w, err := dial(ctx, o)
	if err != nil {
		return nil, ending(err)
	}
	refused = w.upgrade(path, o.Deflate)
	for _, text := range o.Hello {
		if refused == "" {
			_, err := w.Write(appendFrame(nil, flagFinal|opText, []byte(text)))
			refused = ending(err)
		}
	}
	for awaited := o.Await == ""; refused == "" && !awaited; {
		_, payload, err := w.next()
		awaited = strings.HasPrefix(string(payload), o.Await)
		refused = ending(err)
	}
	if refused != "" {
		w.Close() //nolint:errcheck // it is given up
		return nil, refused
	}
	return w, ""
}

// closed is the close frame of the server, as an error.
type closed struct {
	code int
	word string
}

func (c closed) Error() string { return fmt.Sprintf("%d %s", c.code, c.word) }

// next reads one frame of the server.
func (w *wire) next() (opcode byte, payload []byte, err error) {
	var header [10]byte
	if _, err := io.ReadFull(w.in, header[:2]); err != nil {
		return 0, nil, err
	}
	length := uint64(header[1])
	switch length {
	case 126:
		_, err = io.ReadFull(w.in, header[2:4])
		length = uint64(binary.BigEndian.Uint16(header[2:]))
	case 127:
		_, err = io.ReadFull(w.in, header[2:10])
		length = binary.BigEndian.Uint64(header[2:])
	}
	if err != nil {
		return 0, nil, err
	}
	if header[0]&0x30 != 0 || length > 16<<20 {
		return 0, nil, fmt.Errorf("the stream is broken: a frame begins with % x", header[:2])
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(w.in, payload); err != nil {
		return 0, nil, err
	}
	opcode = header[0] & 0x0F
	if opcode == opClose {
		c := closed{code: 1005}
		if len(payload) >= 2 {
			c = closed{code: int(binary.BigEndian.Uint16(payload)), word: string(payload[2:])}
		}
		return opcode, payload, c
	}
	return opcode, payload, nil
}

// rest reads frames until the connection ends, and gives how it did; got is called for each.
func (w *wire) rest(got func(opcode byte, payload []byte)) string {
	for {
		opcode, payload, err := w.next()
		if err != nil {
			return ending(err)
		}
		got(opcode, payload)
	}
}

// ending says how a connection ended, of which err is the end; nothing for nil.
func ending(err error) string {
	var c closed
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &c):
		return c.Error()
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.Canceled):
		return endHeld // the attack is over
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return endCut
	}
	return err.Error()
}
