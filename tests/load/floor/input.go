package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
)

// Messages come as: length of the rest (4 bytes, big endian), length of the channel's name (1 byte), the name, and what
// members get. A POST's body holds one or more; the raw connection holds nothing else.

const (
	rawBuffer  = 64 << 10
	maxMessage = rawBuffer - 4
)

var errMalformed = errors.New("malformed message")

func (h *hub) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	batch, rest, err := split(nil, body)
	if err != nil || len(rest) > 0 {
		http.Error(w, errMalformed.Error(), http.StatusBadRequest)
		return
	}
	h.publish(batch)
}

// acceptRaw serves publish connections until the listener is closed.
func (h *hub) acceptRaw(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept publisher: %w", err)
		}
		go func() {
			defer func() { _ = conn.Close() }()
			if err := h.readRaw(conn); !errors.Is(err, io.EOF) {
				slog.Error("read messages", "error", err)
			}
		}()
	}
}

// readRaw publishes whatever whole messages one read brings as one batch, until reading fails.
func (h *hub) readRaw(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, rawBuffer)
	var batch []message
	for {
		if _, err := in.Peek(4); err != nil {
			return err
		}
		waiting, err := in.Peek(in.Buffered())
		if err != nil {
			return err
		}
		held := append([]byte(nil), waiting...) // writers keep it, the reader's buffer is overwritten
		var rest []byte
		if batch, rest, err = split(batch[:0], held); err != nil {
			return err
		}
		if len(batch) == 0 { // the first is not whole
			size := 4 + int(binary.BigEndian.Uint32(held))
			if _, err := in.Peek(size); err != nil {
				return err
			}
			continue
		}
		h.publish(batch)
		if _, err := in.Discard(len(held) - len(rest)); err != nil {
			return err
		}
	}
}

// split appends the whole messages of in to batch; they share its bytes. rest is the beginning of one that is not whole.
func split(batch []message, in []byte) (_ []message, rest []byte, err error) {
	for len(in) >= 4 {
		size := int(binary.BigEndian.Uint32(in))
		if size == 0 || size > maxMessage || len(in) > 4 && 1+int(in[4]) > size {
			return batch, in, errMalformed
		}
		if len(in) < 4+size {
			break
		}
		name := 5 + int(in[4])
		batch = append(batch, message{channel: string(in[5:name]), body: in[name : 4+size]})
		in = in[4+size:]
	}
	return batch, in, nil
}
