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
	"github.com/channelstream/channelstream/services/gateway/internal/socket"
	"github.com/channelstream/channelstream/shared/contract"
)

// Read hands every text message to `message` until the socket closes, and then closes the member. A message's bytes
// are valid during the call. message may be nil: then text only marks activity.
func (o *Outlet) Read(m *hub.Member, message func([]byte) contract.Reason) {
	defer o.readerGone()
	o.ws.SetPongHandler(func(string) error { m.Touch(); return nil })
	o.ws.SetPingHandler(func(data string) error {
		m.Touch()
		m.Use(func(out hub.Outlet, w *socket.Writer) contract.Reason {
			return out.Send(w, frame.AppendPong(nil, []byte(data)), time.Now())
		})
		return nil
	})
	o.ws.SetCloseHandler(func(int, string) error { return nil })
	m.Close(o.read(m, message))
}

func (o *Outlet) read(m *hub.Member, message func([]byte) contract.Reason) contract.Reason {
	for {
		kind, r, err := o.ws.NextReader()
		if err != nil {
			return readReason(err)
		}
		m.Touch()
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
			return reason
		}
	}
}

func readReason(err error) contract.Reason {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return contract.ReasonTooLarge
	case errors.As(err, &closed), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), isNetwork(err):
		return contract.ReasonClosed
	}
	return contract.ReasonProtocolError
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
