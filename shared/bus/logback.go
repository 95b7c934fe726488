package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// At is when the message was stored, as the log says; the zero time if it does not.
func (e *LogMessage) At() time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// Back reads in parts of so many sequences, at least and at most.
const (
	leastBack = 1 << 10
	mostBack  = 1 << 18
)

// Back calls take with messages of a subject, which may have wildcards, from the newest part of the log to the oldest, and within a
// part in order. It ends after the part in which take said that it has enough, and when all was read. downTo is the sequence
// behind which all was read, with an error too. A replica that is behind may answer: what came in the last moment may be missing.
func (l *Log) Back(ctx context.Context, subject string, take func(LogMessage) (enough bool)) (downTo uint64, err error) {
	state, err := l.State(ctx)
	if err != nil {
		return 0, err
	}
	begin, end, width := max(state.First, 1)-1, state.Last, uint64(leastBack)
	for end > begin {
		from := begin
		if end-begin > width {
			from = end - width
		}
		found, enough, err := l.part(ctx, subject, from, end, take)
		if err != nil || enough {
			return end, err
		}
		if end = from; found < leastBack/2 { // few of them are of the subject
			width = min(2*width, mostBack)
		}
	}
	return begin, nil
}

// part calls take with the messages of a subject between two sequences, the second of which is among them.
func (l *Log) part(ctx context.Context, subject string, after, upTo uint64, take func(LogMessage) bool) (found int, enough bool, err error) {
	for more := true; more && after < upTo; {
		var entries []LogMessage
		if entries, more, err = l.rangeOf(ctx, subject, after, pageSize, pageBytes); err != nil {
			return found, enough, err
		}
		for _, e := range entries {
			if e.Sequence > upTo {
				return found, enough, nil
			}
			enough = take(e) || enough
			after, found = e.Sequence, found+1
		}
	}
	return found, enough, nil
}
