package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Headers of a log's messages on their live subjects.
const (
	HeaderSequence     = jetstream.SequenceHeader     // its place in the log
	HeaderLastSequence = jetstream.LastSequenceHeader // the place of the message before it on the same subject
)

// MaxLastSubjects is how many subjects one call of Last may name.
const MaxLastSubjects = 1000

// maxRange bounds the bytes of one Range; who wants more asks again from the last sequence.
const maxRange = 8 << 20

// LogConfig says how a log is kept.
type LogConfig struct {
	Name     string // of the stream
	Subjects string // all that is stored, with a wildcard at its end
	Live     string // where each stored message is published again, with a wildcard at its end
	Age      time.Duration
	Bytes    int64
	Messages int64
	Replicas int
	Memory   bool // kept in memory instead of files
}

// MessageLog is the configuration of the log of a namespace's messages.
func MessageLog(ns contract.Namespace, m settings.Messages, replicas int) LogConfig {
	return LogConfig{
		Name: ns.LogStream(), Subjects: ns.LogSubjects(), Live: ns.LiveSubjects(), Age: m.ResumeWindow,
		Bytes: int64(m.LogBytes), Messages: int64(m.LogMessages), Replicas: replicas, Memory: m.LogStorage == "memory",
	}
}

// Log is a JetStream stream whose messages are published again on live subjects once they are stored. The copy on the
// live subject is sent at most once: who must not miss a message looks into the log.
type Log struct {
	conn *Conn
	name string
	ends *rounds[uint64]
}

func newLog(c *Conn, name string) *Log {
	l := &Log{conn: c, name: name}
	l.ends = newRounds(flushTimeout, l.end)
	return l
}

// OpenLog makes the log if it is not there, and brings its configuration up to date.
func (c *Conn) OpenLog(ctx context.Context, l LogConfig) (*Log, error) {
	storage := jetstream.FileStorage
	if l.Memory {
		storage = jetstream.MemoryStorage
	}
	_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: l.Name, Subjects: []string{l.Subjects}, Storage: storage, Replicas: max(l.Replicas, 1),
		MaxAge: l.Age, MaxBytes: l.Bytes, MaxMsgs: l.Messages, Discard: jetstream.DiscardOld,
		Duplicates:  min(l.Age, 2*time.Minute),
		AllowDirect: true,
		RePublish:   &jetstream.RePublish{Source: l.Subjects, Destination: l.Live},
	})
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", l.Name, unavailable(err))
	}
	return newLog(c, l.Name), nil
}

// BindLog gives a log that somebody else makes. Until then its reads fail.
func (c *Conn) BindLog(name string) *Log { return newLog(c, name) }

// Stored is where a message came to lie.
type Stored struct {
	Sequence  uint64
	Duplicate bool // it was there already: its id was stored before
}

// Pending is a message on its way into the log.
type Pending struct {
	subject string
	future  jetstream.PubAckFuture
}

// Store sends a message to the log; messages of one connection are stored in the order in which they are sent. The id
// makes it be stored once, however often it is sent within the log's age, at most two minutes. header may be nil and
// is changed.
func (l *Log) Store(subject, id string, header Header, data []byte) (*Pending, error) {
	if !l.conn.nc.IsConnected() {
		return nil, ErrUnavailable
	}
	if header == nil {
		header = make(Header, 1)
	}
	header[jetstream.MsgIDHeader] = []string{id}
	future, err := l.conn.js.PublishMsgAsync(&nats.Msg{Subject: subject, Header: header, Data: data})
	switch {
	case err == nil:
		return &Pending{subject: subject, future: future}, nil
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fmt.Errorf("store on %s: %w", subject, ErrTooLarge)
	}
	return nil, fmt.Errorf("store on %s: %w", subject, unavailable(err))
}

// Wait returns when the message is stored.
func (p *Pending) Wait(ctx context.Context) (Stored, error) {
	select {
	case ack := <-p.future.Ok():
		return Stored{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
	case err := <-p.future.Err():
		return Stored{}, fmt.Errorf("store on %s: %w", p.subject, unavailable(err))
	case <-ctx.Done():
		return Stored{}, fmt.Errorf("store on %s: %w", p.subject, unavailable(ctx.Err()))
	}
}

// Entry of a log.
type LogEntry struct {
	Subject  string
	Sequence uint64
	Header   Header
	Data     []byte
}

// End is the sequence of the newest message, 0 when none is stored. Those who ask at once share the question.
func (l *Log) End(ctx context.Context) (uint64, error) { return l.ends.wait(ctx) }

func (l *Log) end(ctx context.Context) (uint64, error) {
	reply, err := l.conn.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+l.name, []byte(`{"last_by_subj":">"}`))
	if err != nil {
		return 0, fmt.Errorf("read the end of log %s: %w", l.name, unavailable(err))
	}
	if reply.Header.Get("Status") == "404" {
		return 0, nil
	}
	end, err := strconv.ParseUint(reply.Header.Get(HeaderSequence), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the end of log %s: status %q: %w", l.name, reply.Header.Get("Status"), ErrUnavailable)
	}
	return end, nil
}

// Range gives the messages of one subject after a sequence, in order; more tells that there are more behind them.
func (l *Log) Range(ctx context.Context, subject string, after uint64, most int) (entries []LogEntry, more bool, err error) {
	batch, err := jetstreamext.GetBatch(ctx, l.conn.js, l.name, most,
		jetstreamext.GetBatchSubject(subject), jetstreamext.GetBatchSeq(after+1), jetstreamext.GetBatchMaxBytes(maxRange))
	if err != nil {
		return nil, false, fmt.Errorf("read %s from log %s: %w", subject, l.name, unavailable(err))
	}
	for m, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return entries, true, fmt.Errorf("read %s from log %s: %w", subject, l.name, unavailable(err))
		}
		entries = append(entries, LogEntry{Subject: m.Subject, Sequence: m.Sequence, Header: m.Header, Data: m.Data})
		more = m.Header.Get("Nats-Num-Pending") != "0"
	}
	return entries, more, nil
}

// Last gives the sequence of the newest message on each of at most MaxLastSubjects subjects; those without one are
// left out.
func (l *Log) Last(ctx context.Context, subjects []string) (map[string]uint64, error) {
	batch, err := jetstreamext.GetLastMsgsFor(ctx, l.conn.js, l.name, subjects)
	if err != nil {
		return nil, fmt.Errorf("read the tails of log %s: %w", l.name, unavailable(err))
	}
	last := make(map[string]uint64, len(subjects))
	for m, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return last, fmt.Errorf("read the tails of log %s: %w", l.name, unavailable(err))
		}
		last[m.Subject] = m.Sequence
	}
	return last, nil
}
