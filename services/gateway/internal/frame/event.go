package frame

import (
	"slices"

	"github.com/channelstream/channelstream/shared/contract"
)

// Announcement is a message that Socket.IO clients are told of by events of its own.
type Announcement struct {
	Events   []contract.Event // one at least
	Told     int              // the first events, which the client has been told already
	Sequence uint64           // in the log. A smaller offset of the message says that something before it has not come yet
}

// Announced gives the announcement that a message is, from the value of contract.HeaderEvents; nil for other messages.
func Announced(events string, body []byte, sequence uint64) *Announcement {
	if opened := contract.OpenEvents(events, body); len(opened) > 0 {
		return &Announcement{Events: opened, Sequence: sequence}
	}
	return nil
}

// event goes through the Socket.IO events of a list: messages that follow each other are one, an announcement is told by its
// own ones in between.
//
//	m1 m2 a3 m4  ──►  ["message",[m1,m2],"2"]  ["user_connect",{…},"3.1"]  ["presence_join","bob",["a"],"3"]  ["message",[m4],"4"]
//
// The last argument is the offset: stock clients remember a last argument that is a string, and say it when they come back
// (Socket.IO 4.6, connection state recovery). So each event has one, or else a client that drops between two would lose or
// repeat one: 3.1 stands for all before 3, and the first event of that.
type event struct {
	list *List
	rest int // where in the list the next event begins

	run    []Message       // the messages of the event; nil: it tells of an announcement,
	told   *contract.Event // which is this event
	part   int             // the events of the announcement up to this one
	offset uint64
	whole  bool // the offset is that of a client that has got the event; or else part says how many of it
}

// next goes to the next event, and says whether there is one.
func (e *event) next() bool {
	for e.rest < len(e.list.messages) {
		m := &e.list.messages[e.rest]
		if m.Announcement == nil {
			e.takeRun()
			return true
		}
		if e.part = max(e.part, m.Announcement.Told) + 1; e.part <= len(m.Announcement.Events) {
			e.takePart(m)
			return true
		}
		e.rest, e.part = e.rest+1, 0
	}
	return false
}

// takeRun takes the messages up to the next announcement.
func (e *event) takeRun() {
	messages := e.list.messages[e.rest:]
	end := slices.IndexFunc(messages, func(m Message) bool { return m.Announcement != nil })
	if end < 0 {
		end = len(messages)
	}
	e.run, e.told, e.part = messages[:end], nil, 0
	e.offset, e.whole = offsetOf(e.run), true
	e.rest += end
}

// takePart takes one event of an announcement. Where something before the announcement has not come yet, a client that drops
// in the middle of it is told all of it again, as it gets again what else came meanwhile.
func (e *event) takePart(m *Message) {
	a := m.Announcement
	e.run, e.told, e.offset = nil, &a.Events[e.part-1], m.Offset
	if e.whole = e.part == len(a.Events); !e.whole && m.Offset != a.Sequence {
		e.offset = 0
	}
}

// size is how many bytes append adds.
func (e *event) size(head []byte) int {
	size := len(head) + len(e.name()) + len(`",]`) + e.argsSize() + argumentSize(e.offset)
	if !e.whole && e.offset > 0 {
		size += 1 + digits(uint64(e.part))
	}
	return size
}

// append appends the event as a packet that begins with head, in which the quote of the event's name is open.
func (e *event) append(dst, head []byte) []byte {
	dst = append(append(append(dst, head...), e.name()...), `",`...)
	dst = e.appendArgs(dst)
	if e.whole {
		return append(appendArgument(dst, e.offset), ']')
	}
	return append(appendPart(dst, e.offset, e.part), ']')
}

func (e *event) name() string {
	if e.told == nil {
		return Event
	}
	return e.told.Name
}

// argsSize is how many bytes appendArgs adds.
func (e *event) argsSize() int {
	if e.told != nil {
		return e.told.Size()
	}
	size := 1
	for _, m := range e.run {
		size += m.size() + 1
	}
	return size
}

// appendArgs appends the arguments of the event, without an offset.
func (e *event) appendArgs(dst []byte) []byte {
	if e.told == nil {
		return appendArray(dst, e.run)
	}
	for _, piece := range e.told.Args {
		dst = append(dst, piece...)
	}
	return dst
}

// offsetOf is what a client may hand back that has got all of some messages; 0: none of them is in the log.
func offsetOf(messages []Message) uint64 {
	for _, m := range slices.Backward(messages) {
		if m.Offset > 0 {
			return m.Offset
		}
	}
	return 0
}
