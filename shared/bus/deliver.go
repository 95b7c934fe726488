package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// A delivery is an answer whose sender learns whether it has come. It is sent in parts as a large answer is, also when it is
// one part, and the last part is asked for nothing more but that it is there:
//
//	caller → responder   the request, with a subject to reply to
//	responder → caller   a part, with headerParts and a subject to reply to
//	caller → responder   nothing: the next part, or all is there
//
// The responder may take its time, and the caller may stop waiting.

// Inbox is where the replies to one message come.
type Inbox struct {
	Subject string
	C       <-chan *Msg // never closed
	forget  func()
}

// OpenInbox gives an inbox in which so many replies fit; what comes while it is full is dropped. The caller closes it.
func (c *Conn) OpenInbox(size int) (*Inbox, error) {
	reply, replies, forget, err := c.replies.open(size)
	if err != nil {
		return nil, err
	}
	return &Inbox{Subject: reply, C: replies, forget: forget}, nil
}

// Close drops what comes from now on.
func (i *Inbox) Close() { i.forget() }

// Send hands a message to the connection, as Publish does, that is to be replied to. If nobody listens, NATS replies; see
// IsNobody.
func (c *Conn) Send(m *Msg) error {
	if !c.nc.IsConnected() {
		return ErrUnavailable
	}
	if err := c.nc.PublishMsg(m); err != nil {
		return fmt.Errorf("send to %s: %w", m.Subject, unavailable(err))
	}
	return nil
}

// IsNobody says whether a reply is that of NATS to a message to which nobody listens.
func IsNobody(reply *Msg) bool { return len(reply.Data) == 0 && reply.Header.Get("Status") == "503" }

// Deliver sends an answer and returns when the caller has it all; ErrNobody if the caller has gone.
func (c *Conn) Deliver(ctx context.Context, to string, answer []byte) error {
	if len(answer) > maxAnswer {
		return fmt.Errorf("an answer of %d bytes: %w", len(answer), errAnswer)
	}
	header := nats.Header{headerParts: {strconv.Itoa(len(answer))}}
	for {
		part := answer[:min(len(answer), maxPart)]
		answer = answer[len(part):]
		asked, err := c.exchange(ctx, &nats.Msg{Subject: to, Header: header, Data: part})
		if err != nil {
			return fmt.Errorf("deliver an answer: %w", err)
		}
		if len(answer) == 0 {
			return nil
		}
		to = asked.Reply
	}
}

// Receive gives a whole answer, of which the first part has come, and tells the responder that it is there.
func (c *Conn) Receive(ctx context.Context, first *Msg) ([]byte, error) {
	answer, last, err := c.gather(ctx, first)
	if err != nil {
		return nil, fmt.Errorf("receive an answer: %w", err)
	}
	if err := c.Publish(last.Reply, nil, nil); err != nil {
		return nil, fmt.Errorf("say that an answer has come: %w", err)
	}
	return answer, nil
}
