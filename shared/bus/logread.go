package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxLastSubjects is how many subjects one request may name, beside that of barriers.
const maxLastSubjects = 1000

// maxRange bounds the bytes of one Range, but for its last message; who wants more asks again from the last sequence.
const maxRange = 1 << 20

const (
	barrierWait  = 20 * time.Millisecond // between two looks at a replica that is behind
	barrierTries = 2 * time.Second       // for one message that marks the end: it may be lost with a leader
	askLeader    = time.Second           // to answer, who may be gone
	staleAfter   = time.Second           // a log with one replica may get more
)

// ErrNoLog is returned by End, with ErrUnavailable, when nobody has made the log yet.
var ErrNoLog = errors.New("there is no such log")

// LogMessage is a message in a log.
type LogMessage struct {
	Subject  string
	Sequence uint64
	Header   Header
	Data     []byte
}

// End is the sequence of the newest message, also when nothing is kept any more, or ErrNoLog. Those who ask at once share
// the question. In a log with replicas it is the leader who knows; while there is none, any of them answers, and may be
// behind.
func (l *Log) End(ctx context.Context) (uint64, error) { return l.ends.wait(ctx) }

func (l *Log) end(ctx context.Context, _ []string) (uint64, error) {
	within, cancel := context.WithTimeout(ctx, askLeader)
	defer cancel()
	if stream, err := l.stream(within); err == nil && stream.CachedInfo().Config.Replicas > 1 {
		if state, err := l.state(within, nil); err == nil {
			return state.Last, nil
		}
	}
	return l.anyEnd(ctx)
}

// anyEnd asks any replica.
func (l *Log) anyEnd(ctx context.Context) (uint64, error) {
	reply, err := l.conn.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+l.name, []byte(`{"last_by_subj":">"}`))
	if errors.Is(err, nats.ErrNoResponders) {
		return 0, fmt.Errorf("read the end of log %s: %w: %w", l.name, ErrNoLog, unavailable(err))
	}
	if err != nil {
		return 0, fmt.Errorf("read the end of log %s: %w", l.name, unavailable(err))
	}
	if reply.Header.Get("Status") == "404" { // nothing is kept
		state, err := l.State(ctx)
		return state.Last, err
	}
	end, err := strconv.ParseUint(reply.Header.Get(HeaderSequence), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the end of log %s: status %q: %w", l.name, reply.Header.Get("Status"), ErrUnavailable)
	}
	return end, nil
}

// LogState is what a log holds.
type LogState struct {
	First    uint64 // sequence of the oldest message; one more than Last when there is none
	Last     uint64 // sequence of the newest
	Messages uint64
	Bytes    uint64
	Oldest   time.Time // when the oldest message was stored; zero when there is none
	Replicas int
}

// State asks the log's leader what it holds. Those who ask at once share the question; the answer is never older than
// it.
func (l *Log) State(ctx context.Context) (LogState, error) { return l.states.wait(ctx) }

func (l *Log) state(ctx context.Context, _ []string) (LogState, error) {
	stream, err := l.conn.js.Stream(ctx, l.name)
	if err != nil {
		return LogState{}, fmt.Errorf("read the state of log %s: %w", l.name, unavailable(err))
	}
	l.known.Store(&sighting{stream: stream, at: time.Now()})
	info := stream.CachedInfo()
	return LogState{
		First: info.State.FirstSeq, Last: info.State.LastSeq, Messages: info.State.Msgs, Bytes: info.State.Bytes,
		Replicas: info.Config.Replicas, Oldest: info.State.FirstTime,
	}, nil
}

// sighting is a stream as it was at a time.
type sighting struct {
	stream jetstream.Stream
	at     time.Time
}

// stream gives the stream as it was last seen. One replica more than it has costs a wait, one less a lost message: so what
// was seen with one is looked at again.
func (l *Log) stream(ctx context.Context) (jetstream.Stream, error) {
	known := l.known.Load()
	if known != nil && (known.stream.CachedInfo().Config.Replicas > 1 || time.Since(known.at) < staleAfter) {
		return known.stream, nil
	}
	if _, err := l.State(ctx); err != nil {
		return nil, err
	}
	return l.known.Load().stream, nil
}

// Range gives the messages of one subject after a sequence, in order; more tells that there are more behind them. A
// replica that is behind may answer: whoever knows of a message that must come asks again.
func (l *Log) Range(ctx context.Context, subject string, after uint64, most int) (entries []LogMessage, more bool, err error) {
	return l.rangeOf(ctx, subject, after, most, maxRange)
}

func (l *Log) rangeOf(ctx context.Context, subject string, after uint64, most, bytes int) (entries []LogMessage, more bool, err error) {
	_, err = l.get(ctx, directGet{Next: subject, Sequence: after + 1, Batch: most, MaxBytes: bytes}, func(e LogMessage) {
		entries = append(entries, e)
		more = e.Header.Get(followingHeader) != "0"
	})
	if err != nil {
		return entries, true, err
	}
	return entries, more, nil
}

// followingHeader says how many messages an answer leaves out that the question was also about.
const followingHeader = "Nats-Num-Pending"

// directGet asks any replica of a stream for messages (ADR-31).
type directGet struct {
	Next     string   `json:"next_by_subj,omitempty"`
	Sequence uint64   `json:"seq,omitempty"`
	Batch    int      `json:"batch,omitempty"`
	MaxBytes int      `json:"max_bytes,omitempty"`
	Last     []string `json:"multi_last,omitempty"`
}

// get calls take with each message of the answer. end is the header behind them, nil if there are none. An answer that
// does not come to its end is an error: what came of it may not be all there is.
func (l *Log) get(ctx context.Context, q directGet, take func(LogMessage)) (end Header, err error) {
	fail := func(err error) (Header, error) {
		return nil, fmt.Errorf("read log %s: %w", l.name, unavailable(err))
	}
	request, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", l.name, err)
	}
	reply, replies, done, err := l.conn.replies.open(max(q.Batch, len(q.Last)) + 1)
	if err != nil {
		return fail(err)
	}
	defer done()
	subject := "$JS.API.DIRECT.GET." + l.name
	if err := l.conn.nc.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: request}); err != nil {
		return fail(err)
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	for {
		var m *nats.Msg
		select {
		case m = <-replies:
		case <-ctx.Done():
			return fail(ctx.Err())
		}
		switch status := m.Header.Get("Status"); status {
		case "":
		case "204":
			return m.Header, nil
		case "404":
			return nil, nil
		default:
			return fail(fmt.Errorf("status %s %s", status, m.Header.Get("Description")))
		}
		sequence, err := strconv.ParseUint(m.Header.Get(HeaderSequence), 10, 64)
		if err != nil {
			return fail(errors.New("a message without a sequence"))
		}
		take(LogMessage{Subject: m.Header.Get(jetstream.SubjectHeader), Sequence: sequence, Header: m.Header, Data: m.Data})
	}
}

// barrierToken is the last token of the subject of messages that nobody reads: their place in the log is what counts.
// No name has this token (contract.EncodeToken), as a log may have a subject for each.
const barrierToken = "=barrier"

// barrier stores a message and gives its sequence: every message that was acknowledged before lies below it, whoever
// leads.
func (l *Log) barrier(ctx context.Context, _ []string) (uint64, error) {
	stream, err := l.stream(ctx)
	if err != nil {
		return 0, err
	}
	for {
		try, cancel := context.WithTimeout(ctx, barrierTries)
		ack, err := l.conn.js.Publish(try, barrierSubject(stream), nil, jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil {
			return ack.Sequence, nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("mark the end of log %s: %w", l.name, unavailable(err))
		case <-time.After(barrierWait):
		}
	}
}

func barrierSubject(stream jetstream.Stream) string {
	return strings.TrimSuffix(stream.CachedInfo().Config.Subjects[0], ">") + barrierToken
}

// tails is what Tails finds.
type tails struct {
	last map[string]uint64 // subject → sequence of its newest message; read only, it has several owners
	upTo uint64
}

// shared is the largest question of Tails that waits for others and is asked with theirs.
const shared = 64

// Tails gives the sequence of the newest message on each subject; those without one are left out. It may have others
// too. upTo is how far the answer goes: it has every message that was acknowledged before the call. In a log with
// replicas that takes a barrier and a replica that has come so far. Those who ask at once share all of it.
func (l *Log) Tails(ctx context.Context, subjects []string) (last map[string]uint64, upTo uint64, err error) {
	var found tails
	if len(subjects) > shared {
		found, err = l.readTails(ctx, subjects)
	} else {
		found, err = l.tails.wait(ctx, subjects...)
	}
	return found.last, found.upTo, err
}

func (l *Log) readTails(ctx context.Context, subjects []string) (tails, error) {
	stream, err := l.stream(ctx)
	if err != nil {
		return tails{}, err
	}
	var goal uint64
	if stream.CachedInfo().Config.Replicas > 1 {
		if goal, err = l.barriers.wait(ctx); err != nil {
			return tails{}, err
		}
	}
	found := tails{last: make(map[string]uint64, len(subjects)), upTo: math.MaxUint64}
	subjects = slices.Compact(slices.Sorted(slices.Values(subjects)))
	for {
		some := subjects[:min(len(subjects), maxLastSubjects)]
		subjects = subjects[len(some):]
		upTo, err := l.lastOf(ctx, append(slices.Clip(some), barrierSubject(stream)), goal, found.last)
		if err != nil {
			return tails{}, err
		}
		if found.upTo = min(found.upTo, upTo); len(subjects) == 0 {
			return found, nil
		}
	}
}

// lastOf reads the newest message of each subject, one of which is that of barriers, from a replica that has come so far.
func (l *Log) lastOf(ctx context.Context, subjects []string, goal uint64, last map[string]uint64) (upTo uint64, err error) {
	for {
		end, err := l.get(ctx, directGet{Last: subjects}, func(e LogMessage) { last[e.Subject] = e.Sequence })
		if err == nil && end != nil {
			upTo, err = strconv.ParseUint(end.Get("Nats-UpTo-Sequence"), 10, 64)
		}
		switch {
		case err == nil && end != nil && upTo >= goal:
			return upTo, nil
		case goal == 0 && err != nil:
			return 0, err
		case goal == 0: // there is not even a barrier to tell how far it goes
			if goal, err = l.barriers.wait(ctx); err != nil {
				return 0, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("read the tails of log %s up to %d: %w", l.name, goal, errors.Join(unavailable(ctx.Err()), err))
		case <-time.After(barrierWait):
		}
	}
}

// JetStream's error codes for a sequence without a message: one that was removed, and, with messageNotFound as the reason
// why it could not be, one that lies before the first.
const (
	sequenceNotFound = 10043
	deleteFailed     = 10057
	messageNotFound  = "no message found"
)

func gone(err *jetstream.APIError) bool {
	return err.ErrorCode == sequenceNotFound || err.ErrorCode == deleteFailed && err.Description == messageNotFound
}

// Erase removes a message and writes over its bytes in the store. It is no error when it is gone already.
func (l *Log) Erase(ctx context.Context, sequence uint64) error {
	fail := func(err error) error {
		return fmt.Errorf("erase message %d of log %s: %w", sequence, l.name, unavailable(err))
	}
	request := strconv.AppendUint([]byte(`{"seq":`), sequence, 10)
	reply, err := l.conn.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.DELETE."+l.name, append(request, '}'))
	if err != nil {
		return fail(err)
	}
	var answer struct {
		Success bool                `json:"success"`
		Error   *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fail(err)
	}
	if answer.Success || answer.Error != nil && gone(answer.Error) {
		return nil
	}
	return fail(answer.Error)
}

// Trim removes the messages of a subject that lie before a sequence.
func (l *Log) Trim(ctx context.Context, subject string, before uint64) error {
	stream, err := l.stream(ctx)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(before)); err != nil {
		return fmt.Errorf("trim %s in log %s: %w", subject, l.name, unavailable(err))
	}
	return nil
}
