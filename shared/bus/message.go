package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Header is the header of a message. Keys are case-sensitive.
type Header = nats.Header

// Msg is a message from NATS. Its data must not be changed.
type Msg = nats.Msg

// Publish hands a message to the connection; Flush tells when NATS has it. header may be nil.
func (c *Conn) Publish(subject string, header Header, data []byte) error {
	if !c.nc.IsConnected() {
		return ErrUnavailable
	}
	err := c.nc.PublishMsg(&nats.Msg{Subject: subject, Header: header, Data: data})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("publish on %s: %w", subject, ErrTooLarge)
	case errors.Is(err, nats.ErrBadSubject):
		return fmt.Errorf("publish on %s: %w", subject, err)
	}
	return fmt.Errorf("publish on %s: %w", subject, unavailable(err))
}

// MaxPayload is how many bytes a message may have, its header included.
func (c *Conn) MaxPayload() int64 { return c.nc.MaxPayload() }

// Intake is one queue that many subscriptions fill, so that none of them costs a goroutine.
type Intake struct {
	conn *Conn
	c    chan *nats.Msg
}

// NewIntake makes one that holds at most size messages; what arrives while it is full is dropped and reported as a
// slow consumer.
func (c *Conn) NewIntake(size int) *Intake {
	return &Intake{conn: c, c: make(chan *nats.Msg, size)}
}

// C is where the messages come from. It is never closed.
func (f *Intake) C() <-chan *Msg { return f.c }

// Subscription is a subject that fills an intake.
type Subscription struct{ sub *nats.Subscription }

// Subscribe adds a subject. It is in force once Flush has returned, and it comes back by itself after a
// reconnect.
func (f *Intake) Subscribe(subject string) (*Subscription, error) {
	sub, err := f.conn.nc.ChanSubscribe(subject, f.c)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", subject, unavailable(err))
	}
	return &Subscription{sub: sub}, nil
}

// Unsubscribe takes the subject from the feed. What is in the feed already stays there.
func (s *Subscription) Unsubscribe() error {
	if err := s.sub.Unsubscribe(); err != nil {
		return fmt.Errorf("unsubscribe from %s: %w", s.sub.Subject, err)
	}
	return nil
}
