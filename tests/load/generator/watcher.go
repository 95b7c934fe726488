package generator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// A watcher is a socket that hears who comes and goes in its channels, and counts it.
type watcher struct {
	conn    net.Conn
	notices atomic.Int64
	ended   chan error // holds why the reader ended, once it has
}

// noticeMark is in every presence notice, once.
var noticeMark = []byte(`"type":"presence"`)

// openWatcher opens the socket of a client that is registered. The caller calls close.
func openWatcher(ctx context.Context, address, path string) (*watcher, error) {
	conn, err := (&net.Dialer{Timeout: openTimeout, KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("open watcher: %w", err)
	}
	err = conn.SetDeadline(time.Now().Add(openTimeout))
	var rest []byte
	if err == nil {
		rest, err = upgrade(conn, path)
	}
	if err = errors.Join(err, conn.SetDeadline(time.Time{})); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("open watcher: %w", err)
	}
	w := &watcher{conn: conn, ended: make(chan error, 1)}
	go func() { w.ended <- w.read(rest) }() // until the connection is closed
	return w, nil
}

func (w *watcher) close() {
	_ = w.conn.Close()
	<-w.ended
}

func (w *watcher) read(held []byte) error {
	buf := make([]byte, 64<<10)
	for {
		for {
			f, err := nextFrame(held)
			if err != nil {
				return err
			}
			if f.size == 0 {
				break
			}
			if err := w.take(f); err != nil {
				return err
			}
			held = held[f.size:]
		}
		n, err := w.conn.Read(buf)
		if err != nil {
			return err
		}
		held = append(held[:len(held):len(held)], buf[:n]...)
	}
}

func (w *watcher) take(f frame) error {
	switch f.opcode {
	case opText:
		w.notices.Add(int64(bytes.Count(f.payload, noticeMark)))
	case opPing:
		_, err := w.conn.Write(appendClientFrame(nil, opPong, f.payload))
		return err
	case opClose:
		return fmt.Errorf("the watcher was sent away: %q", f.payload)
	}
	return nil
}

// await waits until so many notices have come in all.
func (w *watcher) await(ctx context.Context, notices int64, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for w.notices.Load() < notices {
		select {
		case err := <-w.ended:
			w.ended <- err
			return fmt.Errorf("watch presence: %w", err)
		default:
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("wait for presence notices, of which %d of %d came: %w", w.notices.Load(), notices, err)
		}
	}
	return nil
}
