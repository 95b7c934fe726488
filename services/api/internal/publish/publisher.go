// Package publish hands messages to NATS: to the message log, or, for a channel with store_frames false, straight to
// the gateways.
//
// It promises that a list goes out in its order; that when Publish returns without an error, every message of it is
// stored, or, for such a channel, NATS has it; and that a list which is published again under the same uuids within two
// minutes is completed without a duplicate: by the log for good, and for such a channel by this process.
package publish

import (
	"context"
	"strconv"
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

// Log is what storing needs of the bus.
type Log interface {
	Store(subject, id string, header bus.Header, data []byte) (*bus.Pending, error)
}

// Config is what a publisher works with.
type Config struct {
	Conn      Conn
	Log       Log
	Namespace contract.Namespace
	Settings  func(channel string) contract.ChannelSettings
}

// Publisher sends messages. It is safe for use by many goroutines.
type Publisher struct {
	config Config
	recent recent
}

// New makes a publisher.
func New(c Config) *Publisher { return &Publisher{config: c} }

// Publish sends the messages, which are encoded, and waits until NATS has them. After an error some of them may have
// been delivered, and the same list may be published again.
func (p *Publisher) Publish(ctx context.Context, messages []message.Message) error {
	l := list{publisher: p, pending: make([]stored, 0, len(messages))}
	err := l.send(messages)
	if err == nil {
		err = l.wait(ctx)
	}
	if err != nil {
		for _, id := range l.claimed {
			p.recent.forget(id)
		}
	}
	return err
}

// list is a list of messages on its way.
type list struct {
	publisher *Publisher
	pending   []stored
	claimed   []string // uuids of those that went straight to the gateways
	direct    bool     // something was sent that only a flush makes sure of
}

// stored is a message on its way into the log.
type stored struct {
	live    string // its live subject
	pending *bus.Pending
}

func (l *list) send(messages []message.Message) error {
	for i := range messages {
		m := &messages[i]
		more := i+1 < len(messages) && m.Channel != "" && messages[i+1].Channel == m.Channel
		var err error
		switch {
		case m.Channel == "":
			err = l.sendToUsers(m)
		case l.publisher.config.Settings(m.Channel).StoreFrames:
			err = l.store(l.publisher.config.Namespace.LiveChannel(m.Channel), contract.ChannelMessageID(m.UUID, m.Channel), header(m, more), m.Object)
		default:
			err = l.sendDirect(m, more)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sendDirect sends a message that is not kept.
func (l *list) sendDirect(m *message.Message, more bool) error {
	if m.Named {
		if !l.publisher.recent.claim(m.UUID, time.Now()) {
			return nil
		}
		l.claimed = append(l.claimed, m.UUID)
	}
	l.direct = true
	return l.publisher.config.Conn.Publish(l.publisher.config.Namespace.LiveChannel(m.Channel), header(m, more), m.Object)
}

func (l *list) sendToUsers(m *message.Message) error {
	except := make(map[string]struct{}, len(m.ExcludeUsers))
	for _, user := range m.ExcludeUsers {
		except[user] = struct{}{}
	}
	for _, user := range m.PMUsers {
		if _, excluded := except[user]; excluded {
			continue
		}
		if err := l.store(l.publisher.config.Namespace.LiveUser(user), contract.UserMessageID(m.UUID, user), nil, m.Object); err != nil {
			return err
		}
	}
	return nil
}

// store sends a message to the log.
func (l *list) store(live, id string, h bus.Header, object []byte) error {
	pending, err := l.publisher.config.Log.Store(l.publisher.config.Namespace.LogSubject(live), id, h, object)
	if err != nil {
		return err
	}
	l.pending = append(l.pending, stored{live: live, pending: pending})
	return nil
}

// wait returns when NATS has the whole list.
func (l *list) wait(ctx context.Context) error {
	for _, s := range l.pending {
		at, err := s.pending.Wait(ctx)
		if err != nil {
			return err
		}
		if at.Duplicate {
			if err := l.nudge(s.live, at.Sequence); err != nil {
				return err
			}
		}
	}
	if l.direct {
		return l.publisher.config.Conn.Flush(ctx)
	}
	return nil
}

// nudge tells gateways of a message that was stored before: its live copy may have been lost with the answer.
func (l *list) nudge(live string, sequence uint64) error {
	l.direct = true
	h := bus.Header{contract.HeaderNudge: {strconv.FormatUint(sequence, 10)}}
	return l.publisher.config.Conn.Publish(live, h, nil)
}

// header writes what decides a message's delivery.
func header(m *message.Message, more bool) bus.Header {
	if m.PM == "" && m.Except == "" && !more {
		return nil
	}
	h := make(bus.Header, 4)
	if more {
		h[contract.HeaderMore] = []string{"1"}
	}
	if m.PM != "" {
		h[contract.HeaderPM] = []string{m.PM}
	}
	if m.Except != "" {
		h[contract.HeaderExclude] = []string{m.Except}
	}
	return h
}
