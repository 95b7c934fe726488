package generator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const openTimeout = 20 * time.Second

// A stopped socket's kernel is that of a client on an ordinary network: small segments, small window. Loopback's own
// (64 KB segments, megabytes of buffer) would hide for minutes that nobody reads.
const (
	stoppedSegment = 1460
	stoppedWindow  = 4096
)

// open opens one client's connection, to go on behind an offset, and returns it as a bare non-blocking descriptor.
func open(ctx context.Context, address string, client int, d dialect, l ledger, since uint64, stopped bool) (*socket, error) {
	dialer := net.Dialer{Timeout: openTimeout, KeepAlive: -1}
	if stopped {
		dialer.Control = narrow
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(openTimeout)); err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	rest, err := d.open(conn, d.path(client, l.channel, since))
	if err != nil {
		return nil, fmt.Errorf("open socket %d: %w", client, err)
	}
	fd, err := detach(conn)
	if err != nil {
		return nil, err
	}
	return &socket{fd: fd, next: d.next, partial: rest, ledger: l}, nil
}

func narrow(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, stoppedSegment),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, stoppedWindow))
	})
	return errors.Join(err, failed)
}

// upgrade does the handshake of RFC 6455 §4.1, with a fixed key: no cache stands between.
func upgrade(conn net.Conn, path string) (rest []byte, err error) {
	request := "GET " + path + " HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		return nil, fmt.Errorf("write handshake: %w", err)
	}
	return readHead(conn, http.StatusSwitchingProtocols)
}

// readHead reads the head of an answer, which must have the status, and returns what follows it.
func readHead(conn net.Conn, status int) (rest []byte, err error) {
	for {
		if rest, err = readMore(conn, rest); err != nil {
			return nil, fmt.Errorf("read handshake: %w", err)
		}
		head, after, whole := bytes.Cut(rest, []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.HasPrefix(head, fmt.Appendf(nil, "HTTP/1.1 %d ", status)) {
			return nil, fmt.Errorf("handshake refused: %.300q", rest)
		}
		return after, nil
	}
}

func readMore(conn net.Conn, in []byte) ([]byte, error) {
	var buf [2048]byte
	n, err := conn.Read(buf[:])
	if err != nil {
		return nil, err
	}
	return append(in, buf[:n]...), nil
}

// detach takes a connection from Go's poller: a copy of its descriptor, the only one once the caller has closed conn. It is
// reset when it is closed, so that ten thousand of them leave no port in TIME_WAIT.
func detach(conn net.Conn) (fd int, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("detach socket: %w", err)
	}
	var failed error
	err = raw.Control(func(old uintptr) {
		if fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); failed == nil {
			failed = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0})
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("detach socket: %w", err)
	}
	return fd, nil
}
