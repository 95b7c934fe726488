package websocket

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// Read hands every text message to `message` until the socket closes, and then closes the member. A message's bytes
// are valid during the call. message may be nil: then text only marks activity.
func (o *Outlet) Read(m *hub.Member, message func([]byte) contract.Reason) {
	defer o.ReaderGone()
	o.ws.SetPongHandler(func(string) error { m.Touch(); return nil })
	o.ws.SetPingHandler(func(data string) error {
		m.Touch()
		m.Use(func(out hub.Outlet) contract.Reason {
			return out.Send(frame.AppendPong(nil, []byte(data)), time.Now())
		})
		return nil
	})
	o.ws.SetCloseHandler(func(int, string) error { return nil })
	reason, speaking := o.read(m, message)
	m.Close(reason)
	if speaking {
		o.drain()
	}
}

// drain passes over what the client still sends, so that the close frame is not lost: a socket that is closed with
// something unread is reset, and what was on its way to the client may go with it.
func (o *Outlet) drain() {
	if o.conn.SetReadDeadline(time.Now().Add(closeWait)) == nil {
		io.Copy(io.Discard, o.conn) //nolint:errcheck // any end will do
	}
}

// read reads until the socket or the session is to end. speaking means that it is not the client who ended it.
func (o *Outlet) read(m *hub.Member, message func([]byte) contract.Reason) (reason contract.Reason, speaking bool) {
	for {
		kind, r, err := o.ws.NextReader()
		if err != nil {
			return readReason(err)
		}
		m.Touch()
		r = &limited{r: r, left: o.maxFrame}
		if message == nil {
			if _, err = io.Copy(io.Discard, r); err != nil {
				return readReason(err)
			}
			continue
		}
		p, err := io.ReadAll(r)
		if err != nil {
			return readReason(err)
		}
		if kind != websocket.TextMessage {
			continue // binary attachments are not for us
		}
		if reason := message(p); reason != "" {
			return reason, true
		}
	}
}

// limited ends a message that is larger than a client may send: a small compressed one may unpack to gigabytes, and the
// read limit of the connection counts bytes on the wire.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, websocket.ErrReadLimit
	}
	return n, err
}

func readReason(err error) (reason contract.Reason, speaking bool) {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return contract.ReasonTooLarge, true
	case errors.As(err, &closed), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), isNetwork(err):
		return contract.ReasonClosed, false
	}
	return contract.ReasonProtocolError, true
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
