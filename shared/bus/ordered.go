package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Outgoing is a message of a list that is sent in order.
type Outgoing struct {
	Log     *Log // that stores it; nil: it goes straight to those who listen now
	Subject string
	ID      string // under which it is stored once, see Log.Store; unused without a log
	New     bool   // nobody has sent it before
	Header  Header // may be nil and is changed
	Data    []byte

	Before uint64 // set by Wait: where it lies since it was stored before; 0: nothing is known of that
}

func (m *Outgoing) message() *nats.Msg {
	if m.Header == nil {
		m.Header = make(Header, 1)
	}
	m.Header[jetstream.MsgIDHeader] = []string{m.ID}
	return &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}
}

const (
	maxRun      = 500     // messages that are under way at once
	maxRunBytes = 4 << 20 // of their data; NATS drops what is sent to a log once 128 MiB wait to be stored
	againAfter  = 50 * time.Millisecond
	lostAfter   = 2 * time.Second // a message that a leader took with it when it went is not answered at all
)

// Ordered is a list on its way. A message of it goes out only when those before it are stored, whatever NATS refuses in
// between and whoever leads the log: so what is out is always a beginning of the list, and when all of the list is sent
// again under the same ids, the logs get the rest of it behind that. It is used by one goroutine.
//
// A listener gets the live copy of a stored message before a message behind it that goes straight, because the leader of
// the log sends the copy before the answer. With several NATS servers the copy may come to the listener through other
// servers than the message; it is then ahead by at least the time that the answer took.
type Ordered struct {
	conn *Conn
	list []Outgoing
	done int // messages that are out
	run  run // from list[done] on
}

// run is messages that may be under way at the same time.
type run struct {
	end     int      // in the list
	pending *Pending // of the first, if the others wait for it
	batch   *batch   // of all, if they do not
	err     error    // why the rest of those that are not stored could not be sent
}

// SendInOrder begins to send a list. Wait sends the rest of it.
func (c *Conn) SendInOrder(list []Outgoing) *Ordered {
	o := &Ordered{conn: c, list: list}
	if len(list) > 0 {
		o.begin()
	}
	return o
}

// Wait returns when the list is stored, or NATS has what is not to be stored; or else with the number of messages, from
// the first on, of which that is sure. While a log has no leader it tries again, until ctx ends; whatever else NATS
// refuses ends the list, with ErrUnavailable or, for a message that NATS can not hold, ErrTooLarge.
func (o *Ordered) Wait(ctx context.Context) (done int, err error) {
	for o.done < len(o.list) {
		if err := o.finish(ctx); err != nil {
			return o.done, err
		}
		if o.done < len(o.list) {
			o.begin()
		}
	}
	return o.done, nil
}

// begin sends the next run, or the first message of it.
func (o *Ordered) begin() {
	first := &o.list[o.done]
	bytes, isNew := 0, true
	end := o.done
	for ; end < len(o.list) && end-o.done < maxRun && o.list[end].Log == first.Log; end++ {
		m := &o.list[end]
		if bytes += len(m.Data); bytes > maxRunBytes && end > o.done {
			break
		}
		isNew = isNew && m.New
	}
	o.run = run{end: end}
	switch {
	case first.Log == nil:
		o.publish()
	case isNew && end-o.done > 1:
		o.run.batch = first.Log.sendBatch(o.list[o.done:end])
	default:
		o.run.pending, _ = first.Log.send(first.message()) // after an error it is sent again
	}
}

// publish sends a run that is not stored.
func (o *Ordered) publish() {
	for i := o.done; i < o.run.end; i++ {
		m := &o.list[i]
		if err := o.conn.Publish(m.Subject, m.Header, m.Data); err != nil {
			o.run.end, o.run.err = i, err
			return
		}
	}
}

// finish returns when the run is out.
func (o *Ordered) finish(ctx context.Context) error {
	if o.list[o.done].Log != nil {
		return o.store(ctx)
	}
	if err := o.conn.Flush(ctx); err != nil {
		return err
	}
	o.done = o.run.end
	return o.run.err
}

// store returns when the run is stored. Where it is not known that all of it is new, its first message says whether it was
// sent before: a batch skips silently what is stored already.
func (o *Ordered) store(ctx context.Context) error {
	first := &o.list[o.done]
	if o.run.batch == nil {
		if err := first.store(ctx, o.run.pending); err != nil {
			return err
		}
		if o.done++; o.run.end-o.done > 1 && first.Before == 0 {
			o.run.batch = first.Log.sendBatch(o.list[o.done:o.run.end])
		}
	}
	if o.run.batch != nil && o.run.batch.stored(ctx) {
		o.done = o.run.end
	}
	for ; o.done < o.run.end; o.done++ {
		if err := o.list[o.done].store(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// store returns when a message is stored. An attempt may be under way.
func (m *Outgoing) store(ctx context.Context, pending *Pending) (err error) {
	for {
		if ctx.Err() != nil {
			return unavailable(ctx.Err())
		}
		if pending == nil {
			if pending, err = m.Log.send(m.message()); err != nil {
				return err
			}
		}
		at, err := pending.wait(ctx, lostAfter)
		if err == nil {
			if at.Duplicate {
				m.Before = at.Sequence
			}
			return nil
		}
		if !passes(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(againAfter):
		}
		pending = nil
	}
}

// JetStream's error codes for a message that may be sent again in a moment: too many wait to be stored, and an earlier
// attempt is not decided yet.
const (
	tooManyRequests = 10167
	inProcess       = 10158
)

// passes says whether it helps to try again soon.
func passes(err error) bool {
	var refusal *jetstream.APIError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode == tooManyRequests || refusal.ErrorCode == inProcess
	}
	return errors.Is(err, ErrNoLeader) || errors.Is(err, errLost)
}
