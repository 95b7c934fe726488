package main

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/sys/unix"
)

// upgrade does the handshake of RFC 6455 §4.2 and leaves nothing behind but the descriptor: the connection is taken from
// net/http and from Go's poller, and its buffers and goroutine are let go.
func (h *hub) upgrade(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-Websocket-Key")
	if key == "" {
		http.Error(w, "not a WebSocket handshake", http.StatusBadRequest)
		return
	}
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	fd, err := detach(conn)
	if err != nil {
		slog.Error("detach socket", "error", err)
		return
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + accept(key) + "\r\n\r\n"
	if err := h.join(membership{channel: r.URL.Query().Get("channel"), fd: fd, answer: answer}); err != nil {
		slog.Error("join", "error", err)
	}
}

// accept is the answer to a handshake's key; the GUID is RFC 6455 §1.3's.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// detach returns a copy of the connection's descriptor, still non-blocking, that outlives conn.
func detach(conn net.Conn) (fd int, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(old uintptr) { fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, failed)
}
