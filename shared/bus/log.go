package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// Headers of a log's messages on their live subjects.
const (
	HeaderSequence     = jetstream.SequenceHeader     // its place in the log
	HeaderLastSequence = jetstream.LastSequenceHeader // the place of the message before it on the same subject
	HeaderStored       = jetstream.TimeStampHeaer     // when the log took it, by the clock of the NATS server (RFC 3339)
)

// LogConfig says how a log is kept. The oldest messages go first.
type LogConfig struct {
	Name       string        // of the stream
	Subjects   string        // all that is stored, with a wildcard at its end
	Live       string        // where each stored message is published again, with a wildcard at its end; empty: nowhere
	First      uint64        // sequence of the first message ever, if the log is made; 0: 1, or by the clock
	ByClock    bool          // it begins behind any log that was there before and is lost
	Age        time.Duration // 0: no limit
	Bytes      int64
	Messages   int64 // 0: no limit
	PerSubject int64 // messages; 0: no limit
	Replicas   int
	Memory     bool   // kept in memory instead of files
	Setting    string // that says so, for an error
}

// MessageLog is the configuration of the log of a namespace's messages.
func MessageLog(ns contract.Namespace, m settings.Messages, replicas int) LogConfig {
	return LogConfig{
		Name: ns.LogStream(), Subjects: ns.LogSubjects(), Live: ns.LiveSubjects(), ByClock: true, Age: m.ResumeWindow,
		Bytes: int64(m.LogBytes), Messages: int64(m.LogMessages), Replicas: replicas, Memory: m.LogStorage == "memory", Setting: settings.Prefix + "LOG_STORAGE",
	}
}

// epoch is where the sequences of a log or bucket begin that is made now: behind those of any log that was there before and is lost,
// unless it took more than a million messages a second. So an offset of a lost log is never taken for one of its successor.
// It is below 2^53, and exact in JSON, until 2242.
func epoch(now time.Time) uint64 { return uint64(now.UnixMilli())<<20/1000 + 1 } //nolint:gosec // after 1970

// HistoryLogs are the configurations of the logs that keep the history of a namespace's channels.
func HistoryLogs(ns contract.Namespace, m settings.Messages, replicas int) (all []Kept) {
	for shard := range contract.HistoryShards {
		all = append(all, historyLog(ns, shard, m, replicas))
	}
	return all
}

func historyLog(ns contract.Namespace, shard int, m settings.Messages, replicas int) LogConfig {
	return LogConfig{
		Name: ns.HistoryStream(shard), Subjects: ns.HistorySubjects(shard), Age: m.HistoryAge,
		Bytes:      int64(m.HistoryBytes) / contract.HistoryShards,
		PerSubject: historyRecords * int64(m.HistoryMessages), Replicas: replicas,
		Memory: m.HistoryStorage == "memory", Setting: settings.Prefix + "HISTORY_STORAGE",
	}
}

// historyRecords is how many records a message of history may have on average, its edits counted: whoever keeps a
// channel's history short removes what is too old, and the log's own limit is for when nobody does.
const historyRecords = 4

// Log is a JetStream stream whose messages are published again on live subjects once they are stored. The copy on the
// live subject is sent at most once: who must not miss a message looks into the log.
type Log struct {
	conn     *Conn
	name     string
	known    atomic.Pointer[sighting] // as it was last seen; nil before
	ends     *rounds[uint64]
	states   *rounds[LogState]
	barriers *rounds[uint64]
	tails    *rounds[tails]
}

func newLog(c *Conn, name string) *Log {
	l := &Log{conn: c, name: name}
	l.ends = newRounds(&c.changes, flushTimeout, l.end)
	l.states = newRounds(&c.changes, flushTimeout, l.state)
	l.barriers = newRounds(&c.changes, publishTimeout, l.barrier)
	l.tails = newRounds(&c.changes, publishTimeout, l.readTails)
	return l
}

// OpenLog makes the log if it is not there, and brings its configuration up to date. It returns a settings.Fault for what
// can not be had here, and else ErrUnavailable.
func (c *Conn) OpenLog(ctx context.Context, l LogConfig) (*Log, error) {
	storage := jetstream.FileStorage
	if l.Memory {
		storage = jetstream.MemoryStorage
	}
	config := jetstream.StreamConfig{
		Name: l.Name, Subjects: []string{l.Subjects}, Storage: storage, Replicas: max(l.Replicas, 1),
		MaxAge: l.Age, MaxBytes: l.Bytes, MaxMsgs: unlimited(l.Messages), MaxMsgsPerSubject: unlimited(l.PerSubject),
		Discard: jetstream.DiscardOld, Duplicates: duplicates, AllowDirect: true, AllowBatchPublish: true,
	}
	if l.Age > 0 {
		config.Duplicates = min(l.Age, duplicates)
	}
	if l.Live != "" {
		config.RePublish = &jetstream.RePublish{Source: l.Subjects, Destination: l.Live}
	}
	created := config
	created.FirstSeq = l.First
	if l.ByClock {
		created.FirstSeq = max(l.First, epoch(time.Now()))
	}
	err := c.createStream(ctx, created)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		_, err = c.js.UpdateStream(ctx, config)
		if code(err) == codeUnfit {
			return nil, c.unfit(ctx, l, err)
		}
	}
	if err != nil {
		return nil, unopened("log "+l.Name, l.Replicas, err)
	}
	return newLog(c, l.Name), nil
}

// unfit is why NATS does not bring an existing log up to date.
func (c *Conn) unfit(ctx context.Context, l LogConfig, err error) error {
	stream, infoErr := c.js.Stream(ctx, l.Name)
	if infoErr != nil {
		return unopened("log "+l.Name, l.Replicas, infoErr)
	}
	is, wanted := jetstream.MemoryStorage, jetstream.FileStorage
	if l.Memory {
		is, wanted = wanted, is
	}
	if stream.CachedInfo().Config.Storage != is {
		return unopened("log "+l.Name, l.Replicas, err)
	}
	return settings.Fault{Key: l.Setting, Problem: fmt.Sprintf(
		"log %s is kept in %s storage and can not move to %s storage: set it back, or delete the stream of that name with all messages in it",
		l.Name, strings.ToLower(is.String()), strings.ToLower(wanted.String()))}
}

// duplicates is how long the id of a message is remembered, so that it is stored once.
const duplicates = 2 * time.Minute

// unlimited is how a stream's configuration writes no limit.
func unlimited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// RemoveStream removes the stream of a log or bucket, with all that is in it.
func (c *Conn) RemoveStream(ctx context.Context, name string) error {
	if err := c.js.DeleteStream(ctx, name); err != nil {
		return fmt.Errorf("remove stream %s: %w", name, unavailable(err))
	}
	return nil
}

// BindLog gives a log that somebody else makes. Until then its reads fail.
func (c *Conn) BindLog(name string) *Log { return newLog(c, name) }

// Stored is where a message came to lie.
type Stored struct {
	Sequence  uint64
	Duplicate bool // it was there already: its id was stored before
}

// ErrNoLeader is returned by Pending.Wait and Ordered.Wait for a message that nobody took, because the log's servers elect
// a leader, or the log is not there: it is not stored. It is an ErrUnavailable.
var ErrNoLeader = fmt.Errorf("%w: the log has no leader", ErrUnavailable)

// Pending is a message on its way into the log.
type Pending struct {
	future jetstream.PubAckFuture
}

// Store sends a message to the log. What must be stored in order, or again until it is, goes by SendInOrder. The id makes it be stored once, however often it is sent within the log's age, at most
// two minutes. header may be nil and is changed.
func (l *Log) Store(subject, id string, header Header, data []byte) (*Pending, error) {
	m := Outgoing{Subject: subject, ID: id, Header: header, Data: data}
	return l.send(m.message())
}

// send leaves it to the caller to send a refused message again: nats.go would do that behind others that came later.
func (l *Log) send(m *nats.Msg) (*Pending, error) {
	if !l.conn.nc.IsConnected() {
		return nil, ErrUnavailable
	}
	future, err := l.conn.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
	switch {
	case err == nil:
		return &Pending{future: future}, nil
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, fmt.Errorf("store on %s: %w", m.Subject, ErrTooLarge)
	}
	return nil, fmt.Errorf("store on %s: %w", m.Subject, unavailable(err))
}

// errLost is that of a message which was neither stored nor refused in time.
var errLost = errors.New("the log did not answer in time")

// Wait returns when the message is stored.
func (p *Pending) Wait(ctx context.Context) (Stored, error) { return p.wait(ctx, publishTimeout) }

func (p *Pending) wait(ctx context.Context, timeout time.Duration) (Stored, error) {
	late := time.NewTimer(timeout)
	defer late.Stop()
	var err error
	select {
	case ack := <-p.future.Ok():
		return Stored{Sequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
	case err = <-p.future.Err():
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			err = ErrNoLeader
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
		err = errLost
	}
	return Stored{}, fmt.Errorf("store on %s: %w", p.future.Msg().Subject, unavailable(err))
}
