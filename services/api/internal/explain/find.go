package explain

import (
	"context"
	"errors"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// Log is what explaining needs of a log.
type Log interface {
	Each(ctx context.Context, subject string, after uint64, take func(bus.LogMessage) error) error
	Range(ctx context.Context, subject string, after uint64, most int) (entries []bus.LogMessage, more bool, err error)
	Back(ctx context.Context, subject string, take func(bus.LogMessage) (enough bool)) (downTo uint64, err error)
	State(ctx context.Context) (bus.LogState, error)
}

// found is what the logs have of a message.
type found struct {
	messages []message // with the uuid; several, where each is for other users
	log      bus.LogState
	channel  string    // that was looked through, or that the message is of; empty: none
	erased   time.Time // it was removed then
	searched uint64    // where the search for the uuid broke off, for want of time; 0: it did not
}

// tally looks for one uuid on a subject.
type tally struct {
	subjects
	uuid string
	*found
}

// take takes a message of the subject, in order.
func (t *tally) take(e bus.LogMessage) error {
	t.follow(&e)
	switch {
	case t.uuid == "":
	case e.Header.Get(contract.HeaderDelete) == t.uuid:
		t.erased = e.At()
		for i := range t.messages {
			t.messages[i].removed = t.erased
		}
	case e.Header.Get(contract.HeaderEdit) == t.uuid:
		for i := range t.messages {
			t.messages[i].edits++
			t.messages[i].edited = e.At()
		}
	case contract.UUIDOfMessage(e.ID()) == t.uuid:
		if m, is := t.read(&e); is {
			t.messages = append(t.messages, m)
		}
	}
	return nil
}

func (t *tally) follow(e *bus.LogMessage) {
	for i := range t.messages {
		if m := &t.messages[i]; len(m.followers) < mostFollowers && m.kind == contract.TypeMessage {
			m.followers = append(m.followers, e.At())
		}
	}
}

// find looks for the message. The one of a user is looked for where private messages of that user are, too.
func (e *Explainer) find(ctx context.Context, q Question) (*found, error) {
	f := &found{channel: q.Channel}
	var err error
	if f.log, err = e.Log.State(ctx); err != nil {
		return nil, err
	}
	switch {
	case q.Offset > 0:
		err = e.findOffset(ctx, q.Offset, f)
	case q.Channel != "":
		err = e.findIn(ctx, e.Namespace.LiveChannel(q.Channel), q.UUID, f)
	default:
		if q.User != "" {
			err = e.findIn(ctx, e.Namespace.LiveUser(q.User), q.UUID, f)
		}
		if err == nil && len(f.messages) == 0 {
			err = e.findAnywhere(ctx, q.UUID, f)
		}
	}
	if err == nil && len(f.messages) == 0 && f.erased.IsZero() && q.UUID != "" && q.Channel != "" {
		err = e.findInHistory(ctx, q, f)
	}
	if err == nil && len(f.messages) > 0 {
		f.channel = f.messages[0].channel
	}
	return f, err
}

func (e *Explainer) findOffset(ctx context.Context, offset uint64, f *found) error {
	entries, _, err := e.Log.Range(ctx, e.Namespace.LogSubjects(), offset-1, 1)
	if err != nil || len(entries) == 0 || entries[0].Sequence != offset {
		return err
	}
	subjects := newSubjects(e.Namespace)
	m, is := subjects.read(&entries[0])
	if !is {
		return nil
	}
	f.messages = append(f.messages, m)
	return e.followUp(ctx, f)
}

// followUp looks for what came behind the messages that were found, which are on one subject.
func (e *Explainer) followUp(ctx context.Context, f *found) error {
	m := &f.messages[0]
	t := tally{subjects: newSubjects(e.Namespace), uuid: m.uuid, found: f}
	if m.kind != contract.TypeMessage { // an edit is not edited
		t.uuid = ""
	}
	last := f.messages[len(f.messages)-1].offset
	return e.Log.Each(ctx, m.subject, last, func(e bus.LogMessage) error {
		if t.uuid != "" && contract.UUIDOfMessage(e.ID()) == t.uuid { // to other users: it is not the one that was asked about
			return nil
		}
		return t.take(e)
	})
}

func (e *Explainer) findIn(ctx context.Context, live, uuid string, f *found) error {
	t := tally{subjects: newSubjects(e.Namespace), uuid: uuid, found: f}
	return e.Log.Each(ctx, e.Namespace.LogSubject(live), 0, t.take)
}

// findAnywhere looks through the whole log, the newest first, for half of the time that there is.
func (e *Explainer) findAnywhere(ctx context.Context, uuid string, f *found) error {
	within, cancel := ctx, func() {}
	if deadline, is := ctx.Deadline(); is {
		within, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	defer cancel()
	subject := ""
	downTo, err := e.Log.Back(within, e.Namespace.LogSubjects(), func(e bus.LogMessage) bool {
		switch uuid {
		case contract.UUIDOfMessage(e.ID()), e.Header.Get(contract.HeaderDelete):
			subject = e.Subject
		}
		return subject != ""
	})
	if err != nil && ctx.Err() == nil && errors.Is(err, bus.ErrUnavailable) && downTo > 0 {
		f.searched = downTo
		return nil
	}
	if err != nil || subject == "" {
		return err
	}
	t := tally{subjects: newSubjects(e.Namespace), uuid: uuid, found: f}
	return e.Log.Each(ctx, subject, 0, t.take)
}

// findInHistory looks for a message of a channel that the log has no more, or never had.
func (e *Explainer) findInHistory(ctx context.Context, q Question, f *found) error {
	return e.History(q.Channel).Each(ctx, e.Namespace.HistorySubject(q.Channel), 0, func(m bus.LogMessage) error {
		switch q.UUID {
		case m.Header.Get(contract.HeaderDelete):
			f.messages, f.erased = nil, m.At()
		case m.Header.Get(contract.HeaderEdit):
			for i := range f.messages {
				f.messages[i].edits++
				f.messages[i].edited = m.At()
			}
		case contract.UUIDOfMessage(m.ID()):
			if read, is := recorded(q.Channel, &m); is {
				f.messages = append(f.messages, read)
			}
		}
		return nil
	})
}

// pick gives the message that is for a user, or else the first.
func (f *found) pick(user string) *message {
	for i := range f.messages {
		if is, _ := f.messages[i].audience(user); is {
			return &f.messages[i]
		}
	}
	if len(f.messages) == 0 {
		return nil
	}
	return &f.messages[0]
}
