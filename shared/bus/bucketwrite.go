package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// How a bucket is written (ADR-8). A key is a subject of the bucket's stream; its revision is the sequence of the newest
// message on it, and the stream refuses a message that expects another. nats.go's own layer does the same at twice the
// price.
const headerOperation = "KV-Operation"

// A write while the stream has no leader finds nobody; it is tried again some times.
const (
	leaderAttempts = 3
	leaderWait     = 250 * time.Millisecond
)

// write stores a message on a key's subject, and gives its sequence, or ErrTooLarge.
func (b *Bucket) write(ctx context.Context, verb, key string, header Header, value []byte) (uint64, error) {
	fail := func(err error) (uint64, error) {
		return 0, fmt.Errorf("%s %s in %s: %w", verb, key, b.name, unavailable(err))
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	m := &nats.Msg{Subject: b.subject(key), Header: header, Data: value}
	for attempt := 1; ; attempt++ {
		ack, err := b.conn.nc.RequestMsgWithContext(ctx, m)
		if err == nil {
			revision, err := b.stored(ack.Data)
			if err == nil || errors.Is(err, ErrConflict) {
				return revision, err
			}
			return fail(err)
		}
		if errors.Is(err, nats.ErrMaxPayload) {
			return 0, fmt.Errorf("%s %s in %s: %w", verb, key, b.name, ErrTooLarge)
		}
		if !errors.Is(err, nats.ErrNoResponders) || attempt == leaderAttempts {
			return fail(err)
		}
		select {
		case <-ctx.Done():
			return fail(ctx.Err())
		case <-time.After(leaderWait):
		}
	}
}

// stored reads the acknowledgement of a stream.
func (b *Bucket) stored(ack []byte) (uint64, error) {
	if digits, found := bytes.CutPrefix(ack, b.ackPrefix); found { // as servers write it, when all is well
		if sequence, err := strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte("}"))), 10, 64); err == nil {
			return sequence, nil
		}
	}
	var answer struct {
		Sequence uint64              `json:"seq"`
		Error    *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(ack, &answer); err != nil {
		return 0, fmt.Errorf("decode the acknowledgement: %w", err)
	}
	switch {
	case answer.Error == nil && answer.Sequence > 0:
		return answer.Sequence, nil
	case answer.Error == nil:
		return 0, errors.New("the acknowledgement has no sequence")
	}
	switch answer.Error.ErrorCode {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant: // of one replica, of several
		return 0, ErrConflict
	}
	return 0, answer.Error
}

func expecting(last uint64) Header {
	return Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(last, 10)}}
}

// Create writes a key that has no value, and gives its revision.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	revision, err := b.write(ctx, "create", key, expecting(0), value)
	if !errors.Is(err, ErrConflict) {
		return revision, err
	}
	removed, err := b.read(ctx, key)
	if err != nil || !removed.Deleted {
		return 0, ErrConflict
	}
	return b.write(ctx, "create", key, expecting(removed.Revision), value)
}

// Update writes a key whose revision is still `last`, and gives its new revision.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, last uint64) (uint64, error) {
	return b.write(ctx, "update", key, expecting(last), value)
}

// Put writes a key whatever it holds.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.write(ctx, "put", key, nil, value)
}

// Remove removes a key whose revision is still `last`, and gives the revision of its removal. The marker of the
// removal goes by itself.
func (b *Bucket) Remove(ctx context.Context, key string, last uint64) (uint64, error) {
	header := expecting(last)
	header[headerOperation] = []string{"PURGE"}
	header[jetstream.MsgTTLHeader] = []string{tombstone.String()}
	header[jetstream.MsgRollup] = []string{jetstream.MsgRollupSubject}
	return b.write(ctx, "remove", key, header, nil)
}
