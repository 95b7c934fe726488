// Package publish hands messages to NATS.
//
// It promises that a list goes out in its order, that when Publish returns without an error NATS has all of it, and
// that a message whose uuid the app gave is sent once by this process, however often it comes within two minutes. It
// does not store anything: who is not connected to a gateway then misses it.
package publish

import (
	"context"
	"time"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Conn is what publishing needs of the bus.
type Conn interface {
	Publish(subject string, header bus.Header, data []byte) error
	Flush(ctx context.Context) error
}

// Publisher sends messages. It is safe for use by many goroutines.
type Publisher struct {
	conn    Conn
	ns      contract.Namespace
	flusher *flusher
	recent  recent
}

// New makes a publisher. timeout bounds the wait for NATS to have what was sent.
func New(conn Conn, ns contract.Namespace, timeout time.Duration) *Publisher {
	return &Publisher{conn: conn, ns: ns, flusher: newFlusher(conn.Flush, timeout)}
}

// Publish sends the messages, which are encoded, and waits until NATS has them. After an error some of them may have
// been delivered, and the same list may be published again.
func (p *Publisher) Publish(ctx context.Context, messages []message.Message) error {
	var claimed []string
	err := p.sendAll(messages, &claimed)
	if err == nil && len(messages) > 0 {
		err = p.flusher.wait(ctx)
	}
	if err != nil {
		for _, id := range claimed {
			p.recent.forget(id)
		}
	}
	return err
}

func (p *Publisher) sendAll(messages []message.Message, claimed *[]string) error {
	for i := range messages {
		m := &messages[i]
		if m.Named {
			if !p.recent.claim(m.UUID, time.Now()) {
				continue
			}
			*claimed = append(*claimed, m.UUID)
		}
		if err := p.send(m); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) send(m *message.Message) error {
	if m.Channel != "" {
		return p.conn.Publish(p.ns.LiveChannel(m.Channel), header(m), m.Object)
	}
	except := make(map[string]struct{}, len(m.ExcludeUsers))
	for _, user := range m.ExcludeUsers {
		except[user] = struct{}{}
	}
	for _, user := range m.PMUsers {
		if _, excluded := except[user]; excluded {
			continue
		}
		if err := p.conn.Publish(p.ns.LiveUser(user), nil, m.Object); err != nil {
			return err
		}
	}
	return nil
}

func header(m *message.Message) bus.Header {
	if m.PM == "" && m.Except == "" {
		return nil
	}
	h := make(bus.Header, 2)
	if m.PM != "" {
		h[contract.HeaderPM] = []string{m.PM}
	}
	if m.Except != "" {
		h[contract.HeaderExclude] = []string{m.Except}
	}
	return h
}
