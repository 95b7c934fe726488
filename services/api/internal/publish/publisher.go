// Package publish hands messages, edits and removals to NATS: to the message log, or, for a channel with store_frames
// false, straight to the gateways; and for a channel that keeps history to its log as well.
//
// It promises that a list goes out in its order; that when Publish returns without an error, every message of it is
// stored where it belongs, or, for such a channel, NATS has it; and that a list of messages which is published again
// under the same uuids within two minutes is completed without a duplicate: by the logs for good, and for such a channel
// by this process. Edits and removals that are published again are heard again.
package publish

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

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

// Channels says how messages of a channel are kept.
type Channels interface {
	Settings(channel string) contract.ChannelSettings
	History(channel string) bool // it keeps history, or did once
}

// History is where the records of channels are kept.
type History interface {
	Store(channel, id string, header bus.Header, record []byte) (*bus.Pending, error)
	Stored(channel string) // is told of each record that is there now
}

// Config is what a publisher works with.
type Config struct {
	Conn      Conn
	Log       Log
	History   History
	Namespace contract.Namespace
	Channels  Channels
	Replicas  int // of the logs; with more than one, their leader may change
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
	p.prepare(messages)
	l := list{publisher: p, pending: make([]stored, 0, len(messages))}
	err := l.send(ctx, messages)
	if err == nil {
		err = l.finish(ctx)
	}
	if err != nil {
		for _, id := range l.claimed {
			p.recent.forget(id)
		}
	}
	return err
}

// prepare looks up how each message is kept, and writes the records for the history, before any is sent.
func (p *Publisher) prepare(messages []message.Message) {
	for i := range messages {
		m := &messages[i]
		if m.Channel == "" {
			continue
		}
		settings := p.config.Channels.Settings(m.Channel)
		m.Fleeting = !settings.StoreFrames
		if p.kept(m, settings) {
			m.Keep()
		}
	}
}

// kept says whether the history of its channel keeps a message. An edit or removal may be of one that is there.
func (p *Publisher) kept(m *message.Message, settings contract.ChannelSettings) bool {
	if m.Kind == message.Post {
		return settings.StoreHistory && !m.NoHistory
	}
	return p.config.Channels.History(m.Channel)
}

// list is a list of messages on its way.
type list struct {
	publisher *Publisher
	pending   []stored
	claimed   []string // uuids of those that went straight to the gateways
	direct    bool     // something was sent that only a flush makes sure of
}

// stored is a message on its way into a log.
type stored struct {
	live    string // its live subject; empty for one of the history
	channel string // whose history it is
	pending *bus.Pending
}

func (l *list) send(ctx context.Context, messages []message.Message) error {
	for i := range messages {
		m := &messages[i]
		more := i+1 < len(messages) && m.Channel != "" && messages[i+1].Channel == m.Channel
		if err := l.sendOne(m, more); err != nil {
			return err
		}
		if i > 0 || len(messages) == 1 || l.publisher.config.Replicas < 2 {
			continue
		}
		// Were the first refused and the next ones taken by a leader elected in between, they would change places.
		if err := l.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) sendOne(m *message.Message, more bool) error {
	if err := l.sendLive(m, more); err != nil || m.Record == nil {
		return err
	}
	return l.record(m)
}

func (l *list) sendLive(m *message.Message, more bool) error {
	switch {
	case m.Channel == "":
		return l.sendToUsers(m)
	case m.Fleeting:
		return l.sendDirect(m, more)
	}
	h, body := header(m, more)
	return l.store(l.publisher.config.Namespace.LiveChannel(m.Channel), channelID(m), h, body)
}

// channelID is under which id a message of a channel is stored. Edits and removals have their own each time: the same
// one again is another.
func channelID(m *message.Message) string {
	if m.Kind != message.Post {
		return uuid.NewString()
	}
	return contract.ChannelMessageID(m.UUID, m.Channel)
}

// sendDirect sends a message that the log does not get.
func (l *list) sendDirect(m *message.Message, more bool) error {
	if m.Named && m.Kind == message.Post {
		if !l.publisher.recent.claim(m.UUID, time.Now()) {
			return nil
		}
		l.claimed = append(l.claimed, m.UUID)
	}
	l.direct = true
	h, body := header(m, more)
	return l.publisher.config.Conn.Publish(l.publisher.config.Namespace.LiveChannel(m.Channel), h, body)
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
		id := contract.UserMessageID(m.UUID, user)
		if m.Kind != message.Post {
			id = uuid.NewString()
		}
		h, body := header(m, false)
		if err := l.store(l.publisher.config.Namespace.LiveUser(user), id, h, body); err != nil {
			return err
		}
	}
	return nil
}

// record sends a message to the history.
func (l *list) record(m *message.Message) error {
	h := bus.Header{}
	setAbout(h, m)
	pending, err := l.publisher.config.History.Store(m.Channel, channelID(m), h, m.Record)
	if err != nil {
		return err
	}
	l.pending = append(l.pending, stored{channel: m.Channel, pending: pending})
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

// finish returns when NATS has the whole list.
func (l *list) finish(ctx context.Context) error {
	if err := l.wait(ctx); err != nil || !l.direct {
		return err
	}
	return l.publisher.config.Conn.Flush(ctx)
}

const (
	againAfter = 50 * time.Millisecond // between two looks whether there is a leader again
	lostAfter  = 2 * time.Second       // a message that a leader took with it when it went is not answered at all
)

// wait returns when all that was sent to logs is stored. While a log has no leader, what it refuses is sent again, in the
// same order.
func (l *list) wait(ctx context.Context) error {
	for len(l.pending) > 0 {
		refused, err := l.settle(ctx)
		if err != nil {
			return err
		}
		if l.pending = refused; len(refused) > 0 {
			if err := l.again(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle gives those of the messages under way that are not stored, but may be tried again.
func (l *list) settle(ctx context.Context) (refused []stored, err error) {
	for _, s := range l.pending {
		at, err := l.outcome(ctx, s.pending)
		switch {
		case err == nil:
			if err := l.note(s, at); err != nil {
				return nil, err
			}
		case ctx.Err() == nil && (errors.Is(err, bus.ErrNoLeader) || errors.Is(err, context.DeadlineExceeded)):
			refused = append(refused, s)
		default:
			return nil, err
		}
	}
	return refused, nil
}

func (l *list) outcome(ctx context.Context, p *bus.Pending) (bus.Stored, error) {
	if l.publisher.config.Replicas > 1 {
		within, cancel := context.WithTimeout(ctx, lostAfter)
		defer cancel()
		ctx = within
	}
	return p.Wait(ctx)
}

// note has done what there is to do when a message is stored.
func (l *list) note(s stored, at bus.Stored) error {
	switch {
	case s.live == "":
		l.publisher.config.History.Stored(s.channel)
	case at.Duplicate:
		return l.nudge(s.live, at.Sequence)
	}
	return nil
}

// again sends what is under way once more, after a moment.
func (l *list) again(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return bus.ErrNoLeader
	case <-time.After(againAfter):
	}
	for i := range l.pending {
		var err error
		if l.pending[i].pending, err = l.pending[i].pending.Again(); err != nil {
			return err
		}
	}
	return nil
}

// nudge tells gateways of a message that was stored before: its live copy may have been lost with the answer.
func (l *list) nudge(live string, sequence uint64) error {
	l.direct = true
	h := bus.Header{contract.HeaderNudge: {strconv.FormatUint(sequence, 10)}}
	return l.publisher.config.Conn.Publish(live, h, nil)
}

// header writes what decides a message's delivery, and gives the body that belongs to it.
func header(m *message.Message, more bool) (h bus.Header, body []byte) {
	if m.PM == "" && m.Except == "" && !more && m.Kind == message.Post {
		return nil, m.Object
	}
	h = make(bus.Header, 4)
	setAbout(h, m)
	if more {
		h[contract.HeaderMore] = []string{"1"}
	}
	return h, contract.SetAudience(h, m.Object, m.PM, m.Except)
}

// setAbout writes which message an edit or removal is about.
func setAbout(h bus.Header, m *message.Message) {
	switch m.Kind {
	case message.Edit:
		h[contract.HeaderEdit] = []string{m.UUID}
	case message.Delete:
		h[contract.HeaderDelete] = []string{m.UUID}
	}
}
