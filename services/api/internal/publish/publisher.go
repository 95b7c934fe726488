// Package publish hands messages, edits and deletions to NATS: to the message log, or, for a channel with store_frames
// false, straight to the gateways; and for a channel that keeps history to its log as well.
//
// It promises that a list goes out in its order; that when Publish returns without an error, every message of it is
// stored where it belongs, or, for such a channel, NATS has it; and that a list of messages which is published again
// under the same uuids, to the same users, within two minutes is completed without a duplicate: by the logs for good, and
// for such a channel by this process. Edits and deletions that are published again are heard again.
package publish

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/trace"
)

// Conn is what publishing needs of the bus.
type Conn interface {
	SendInOrder(list []bus.Outgoing) *bus.Ordered
	Publish(subject string, header bus.Header, data []byte) error
	Flush(ctx context.Context) error
}

// Channels says how messages of a channel are kept.
type Channels interface {
	Settings(channel string) contract.ChannelSettings
	History(channel string) bool // it keeps history, or did once
}

// History is where the records of channels are kept.
type History interface {
	Log(channel string) *bus.Log
	Stored(channel string) // is told of each record that is there now
}

// Config is what a publisher works with.
type Config struct {
	Conn      Conn
	Log       *bus.Log
	History   History
	Namespace contract.Namespace
	Channels  Channels
}

// Publisher sends messages. It is safe for use by many goroutines.
type Publisher struct {
	config Config
	recent recent
}

// New makes a publisher.
func New(c Config) *Publisher { return &Publisher{config: c} }

// Publish sends the messages, which are encoded, and waits until NATS has them. from is who brings them. After an error some of
// them may have been delivered, and the same list may be published again.
func (p *Publisher) Publish(ctx context.Context, from contract.From, messages []message.Message) error {
	p.prepare(messages)
	ctx, span := trace.Step(ctx, "store", trace.Producer)
	defer span.End()
	l := list{publisher: p, live: make([]bus.Outgoing, 0, len(messages))}
	if span.Traced() {
		from.Trace = span.Trace()
		span.Count("channelstream.messages", len(messages))
		l.follow(trace.Parent(ctx), messages)
	}
	l.from = []string{from.String()}
	for i := range messages {
		m := &messages[i]
		l.add(m, i+1 < len(messages) && m.Channel != "" && messages[i+1].Channel == m.Channel)
	}
	err := l.send(ctx)
	if err != nil {
		span.Fail()
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

// kept says whether the history of its channel keeps a message. An edit or deletion may be of one that is there.
func (p *Publisher) kept(m *message.Message, settings contract.ChannelSettings) bool {
	if m.Kind == message.Post {
		return settings.StoreHistory && !m.NoHistory
	}
	return p.config.Channels.History(m.Channel)
}

// list is a list of messages on its way: to gateways, and to the logs that keep history.
type list struct {
	publisher *Publisher
	from      []string // value of contract.HeaderFrom
	live      []bus.Outgoing
	claimed   []claim
	records   []*records

	parent string                        // as whose children gateways trace; empty: they do not
	last   map[*message.Message]struct{} // that they trace: of each channel, and of those that have none
}

// claim is the id of a message that goes straight to the gateways.
type claim struct {
	id string
	at int // in the live list
}

// records go into the same log of history.
type records struct {
	log      *bus.Log
	channels []string
	list     []bus.Outgoing
	sent     *bus.Ordered
}

// follow has gateways trace the list: for each of its channels the message that is written last, since those before it are
// written with it.
func (l *list) follow(parent string, messages []message.Message) {
	l.parent, l.last = parent, map[*message.Message]struct{}{}
	seen := map[string]struct{}{}
	for i := len(messages) - 1; i >= 0; i-- {
		m := &messages[i]
		if _, behind := seen[m.Channel]; !behind {
			seen[m.Channel] = struct{}{}
			l.last[m] = struct{}{}
		}
	}
}

// traceLast writes into the header of the newest live message of the list that gateways trace it, if it is the last of its
// channel.
func (l *list) traceLast(m *message.Message) {
	if _, last := l.last[m]; !last || len(l.live) == 0 {
		return
	}
	newest := &l.live[len(l.live)-1]
	if newest.Header == nil {
		newest.Header = make(bus.Header, 2)
	}
	newest.Header[trace.Header] = []string{l.parent}
}

// add takes a message into the list; more says that the next one goes to the same channel.
func (l *list) add(m *message.Message, more bool) {
	config := &l.publisher.config
	switch {
	case m.Channel == "":
		l.addToUsers(m)
	case !m.Fleeting:
		l.store(m, config.Namespace.LiveChannel(m.Channel), channelID(m), more)
	case l.claim(m):
		h, body := header(m, more)
		l.live = append(l.live, bus.Outgoing{Subject: config.Namespace.LiveChannel(m.Channel), Header: h, Data: body})
	}
	if l.parent != "" {
		l.traceLast(m)
	}
	if m.Record != nil {
		l.record(m)
	}
}

// again says whether a message may have been posted before: the app gave it its uuid. Edits and deletions are new each time.
func again(m *message.Message) bool { return m.Named && m.Kind == message.Post }

// claim says whether a message that the log does not get is new.
func (l *list) claim(m *message.Message) bool {
	if !again(m) {
		return true
	}
	id := m.ID()
	if !l.publisher.recent.claim(id, time.Now()) {
		return false
	}
	l.claimed = append(l.claimed, claim{id: id, at: len(l.live)})
	return true
}

// channelID is under which id a message of a channel is stored. Edits and deletions have their own each time: the same
// one again is another.
func channelID(m *message.Message) string {
	if m.Kind != message.Post {
		return uuid.NewString()
	}
	return m.ID()
}

func (l *list) addToUsers(m *message.Message) {
	except := make(map[string]struct{}, len(m.ExcludeUsers))
	for _, user := range m.ExcludeUsers {
		except[user] = struct{}{}
	}
	for _, user := range m.PMUsers {
		if _, excluded := except[user]; excluded {
			continue
		}
		id := m.IDFor(user)
		if m.Kind != message.Post {
			id = uuid.NewString()
		}
		l.store(m, l.publisher.config.Namespace.LiveUser(user), id, false)
	}
}

// store adds a message for the log, which publishes it on its live subject.
func (l *list) store(m *message.Message, live, id string, more bool) {
	config := &l.publisher.config
	h, body := header(m, more)
	if h == nil {
		h = make(bus.Header, 2)
	}
	h[contract.HeaderFrom] = l.from
	l.live = append(l.live, bus.Outgoing{
		Log: config.Log, Subject: config.Namespace.LogSubject(live), ID: id, New: !again(m), Header: h, Data: body,
	})
}

// record adds a message for the history.
func (l *list) record(m *message.Message) {
	config := &l.publisher.config
	log, h := config.History.Log(m.Channel), bus.Header{contract.HeaderFrom: l.from}
	setAbout(h, m)
	i := slices.IndexFunc(l.records, func(r *records) bool { return r.log == log })
	if i < 0 {
		i = len(l.records)
		l.records = append(l.records, &records{log: log})
	}
	r := l.records[i]
	r.channels = append(r.channels, m.Channel)
	r.list = append(r.list, bus.Outgoing{
		Log: log, Subject: config.Namespace.HistorySubject(m.Channel), ID: channelID(m), New: !again(m), Header: h, Data: m.Record,
	})
}

// send returns when NATS has the whole list.
func (l *list) send(ctx context.Context) error {
	live := l.publisher.config.Conn.SendInOrder(l.live)
	for _, r := range l.records {
		r.sent = l.publisher.config.Conn.SendInOrder(r.list)
	}
	done, err := live.Wait(ctx)
	for _, c := range l.claimed {
		if c.at >= done {
			l.publisher.recent.forget(c.id)
		}
	}
	for _, r := range l.records {
		err = errors.Join(err, l.finish(ctx, r))
	}
	return errors.Join(err, l.nudge(ctx, l.live[:done]))
}

// finish returns when records are stored.
func (l *list) finish(ctx context.Context, r *records) error {
	done, err := r.sent.Wait(ctx)
	for _, channel := range r.channels[:done] {
		l.publisher.config.History.Stored(channel)
	}
	return err
}

// nudge tells gateways of messages that were stored before: their live copies may have been lost with the answer.
func (l *list) nudge(ctx context.Context, sent []bus.Outgoing) error {
	config, nudged := &l.publisher.config, false
	for i := range sent {
		if sent[i].Before == 0 {
			continue
		}
		nudged = true
		h := bus.Header{contract.HeaderNudge: {strconv.FormatUint(sent[i].Before, 10)}}
		if err := config.Conn.Publish(config.Namespace.LiveSubject(sent[i].Subject), h, nil); err != nil {
			return err
		}
	}
	if !nudged {
		return nil
	}
	return config.Conn.Flush(ctx)
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

// setAbout writes which message an edit or deletion is about.
func setAbout(h bus.Header, m *message.Message) {
	switch m.Kind {
	case message.Edit:
		h[contract.HeaderEdit] = []string{m.UUID}
		if m.Audience != "" {
			h[contract.HeaderOf] = []string{m.Audience}
		}
	case message.Delete:
		h[contract.HeaderDelete] = []string{m.UUID}
	}
}
