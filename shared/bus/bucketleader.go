package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Reads from the leader of a bucket's stream. Any replica answers a direct get, and may not have what was stored last; the
// leader alone answers $JS.API.STREAM.MSG.GET, and only when it has applied everything that was stored before it led.

// Current reads a key's newest value, after every write that was acknowledged before.
func (b *Bucket) Current(ctx context.Context, key string) (Entry, error) {
	m, err := b.lastOf(ctx, b.subject(key))
	if err != nil {
		return Entry{}, fmt.Errorf("get %s from the leader of %s: %w", key, b.name, err)
	}
	if m == nil || removes(m.header) {
		return Entry{}, ErrNotFound
	}
	return Entry{Key: key, Value: m.Data, Revision: m.Sequence}, nil
}

// Newest is the revision of the newest entry that the bucket holds, a removal included, after every write that was
// acknowledged before; 0 when it is empty. A watch gets as far as that.
func (b *Bucket) Newest(ctx context.Context) (uint64, error) {
	m, err := b.lastOf(ctx, b.subject(">"))
	if err != nil {
		return 0, fmt.Errorf("read the newest revision of %s: %w", b.name, err)
	}
	if m == nil {
		return 0, nil
	}
	return m.Sequence, nil
}

// storedMsg is a message as the leader gives it.
type storedMsg struct {
	Sequence uint64 `json:"seq"`
	Headers  []byte `json:"hdrs"`
	Data     []byte `json:"data"`
	header   Header
}

// lastOf asks for the newest message on a subject, some times while nobody leads; nil when there is none.
func (b *Bucket) lastOf(ctx context.Context, subject string) (*storedMsg, error) {
	question, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return nil, fmt.Errorf("encode the question: %w", err)
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		m, err := b.lastOnce(ctx, question)
		if err == nil || attempt == leaderAttempts {
			return m, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(leaderWait):
		}
	}
}

// lastOnce asks once. A leader who is gone answers nothing.
func (b *Bucket) lastOnce(ctx context.Context, question []byte) (*storedMsg, error) {
	within, cancel := context.WithTimeout(ctx, askLeader)
	defer cancel()
	reply, err := b.conn.nc.RequestWithContext(within, "$JS.API.STREAM.MSG.GET."+BucketStream(b.name), question)
	if err != nil {
		return nil, unavailable(err)
	}
	var answer struct {
		Message *storedMsg          `json:"message"`
		Error   *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(reply.Data, &answer); {
	case err != nil:
		return nil, fmt.Errorf("decode the answer: %w", err)
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil
	case answer.Error != nil:
		return nil, unavailable(answer.Error)
	case answer.Message == nil:
		return nil, unavailable(errors.New("an answer without a message"))
	}
	if len(answer.Message.Headers) > 0 {
		if answer.Message.header, err = nats.DecodeHeadersMsg(answer.Message.Headers); err != nil {
			return nil, fmt.Errorf("decode the headers: %w", err)
		}
	}
	return answer.Message, nil
}
