// Package message holds a message on its way from an app to the clients, or an edit or deletion of one, and writes the
// forms it has outside: the object that clients get, the answer that the app gets, and the record in the history.
//
// It promises that the client object and the record are one line of valid JSON which ends in its brace, with each key
// once, as long as the raw JSON that goes in is valid.
package message

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
)

// Kind says what a Message does.
type Kind uint8

// A post is new. An edit changes some of a message that went out before, a deletion takes it back.
const (
	Post Kind = iota
	Edit
	Delete
)

// Message is one message, edit or deletion. Raw JSON is as the app wrote it.
type Message struct {
	Kind         Kind
	UUID         string // of an edit or deletion: that of the message which it is about
	Named        bool   // the app gave the UUID, so that it may come again
	User         string
	Channel      string // empty: none
	PMUsers      []string
	ExcludeUsers []string
	NoHistory    bool
	Content      []byte // raw JSON; empty means null, in an edit that it stays as it is, as User and Timestamp do
	Timestamp    string // contract.TimestampLayout, or ZonedLayout if the app gave a zone
	Edited       string // of an edit; in the layout of Timestamp
	Others       []Pair

	Object []byte // what clients get, as Encode wrote it
	PM     string // value of contract.HeaderPM; empty for none
	Except string // value of contract.HeaderExclude; empty for none

	Audience string // contract.Audience of a message that goes to some users only

	Record   []byte // what the history keeps, as Keep wrote it; nil for nothing
	Fleeting bool   // it goes straight to the gateways, and not into the log
}

// Pair is a key of the app's own.
type Pair struct {
	Name  []byte // raw JSON string
	Value []byte // raw JSON
}

// Encode writes the object that clients get, and the headers for a channel.
func (m *Message) Encode() {
	m.Object = m.appendObject(make([]byte, 0, m.room()))
	if m.Channel != "" || len(m.PMUsers) > 1 || len(m.ExcludeUsers) > 0 { // the copy of one user says who gets it
		m.Audience = contract.Audience(m.PMUsers, m.ExcludeUsers)
	}
	if m.Channel == "" {
		return
	}
	if len(m.PMUsers) > 0 {
		m.PM = contract.JoinTokens(m.PMUsers)
	}
	if len(m.ExcludeUsers) > 0 {
		m.Except = contract.JoinTokens(m.ExcludeUsers)
	}
}

// ID is the same for messages with the same uuid and audience. Under it a channel's message is stored, once; edits and deletions
// are stored each time.
func (m *Message) ID() string {
	switch {
	case m.Channel != "":
		return contract.WithAudience(contract.ChannelMessageID(m.UUID, m.Channel), m.Audience)
	case m.Audience == "":
		return m.IDFor(m.PMUsers[0])
	}
	return m.IDFor("")
}

// Same says whether clients and history get the same of a message as of another with its ID.
func (m *Message) Same(other *Message) bool {
	return m.NoHistory == other.NoHistory && bytes.Equal(m.Object, other.Object)
}

// IDFor is under which a user's copy of a private message is stored, once.
func (m *Message) IDFor(user string) string {
	return contract.WithAudience(contract.UserMessageID(m.UUID, user), m.Audience)
}

// Size is what the message takes on the bus, as gateways get it or as the history keeps it, whichever is more; and how much of
// that are lists of users.
func (m *Message) Size() (all, lists int) {
	const around = 2 << 10 // more than its other headers take, and what a record has that the object has not
	if m.Channel != "" {
		lists = max(len(m.PM)+len(m.Except), written(m.PMUsers)+written(m.ExcludeUsers))
	}
	return len(m.Object) + lists + around, lists
}

// written is the most that names take as JSON.
func written(names []string) int {
	n := 0
	for _, name := range names {
		n += 2*len(name) + len(`"",`)
	}
	return n
}

func (m *Message) room() int {
	n := 192 + len(m.User) + len(m.Channel) + len(m.Content)
	for i := range m.Others {
		n += len(m.Others[i].Name) + len(m.Others[i].Value) + 2
	}
	return n
}

func (m *Message) appendObject(to []byte) []byte {
	switch m.Kind {
	case Edit:
		return m.appendEvent(to, contract.TypeEdit)
	case Delete:
		return m.appendEvent(to, contract.TypeDelete)
	}
	to = append(to, `{"uuid":"`...)
	to = append(to, m.UUID...)
	to = append(to, `","type":"`+contract.TypeMessage+`","user":`...)
	to = appendString(to, m.User)
	to = append(to, `,"channel":`...)
	to = m.appendChannel(to)
	to = append(to, `,"message":`...)
	to = m.appendContent(to)
	to = append(to, `,"timestamp":"`...)
	to = append(to, m.Timestamp...)
	to = append(to, `","edited":null`...)
	to = m.appendOthers(to)
	return append(to, contract.LiveMark...)
}

// appendEvent writes what clients get of an edit or a deletion.
func (m *Message) appendEvent(to []byte, kind string) []byte {
	to = append(to, `{"uuid":"`...)
	to = append(to, m.UUID...)
	to = append(to, `","type":"`...)
	to = append(to, kind...)
	to = append(to, `","channel":`...)
	to = m.appendChannel(to)
	to = m.appendChanges(to)
	to = m.appendOthers(to)
	return append(to, '}')
}

// appendChanges writes what an edit changes.
func (m *Message) appendChanges(to []byte) []byte {
	if m.User != "" {
		to = appendString(append(to, `,"user":`...), m.User)
	}
	if len(m.Content) > 0 {
		to = m.appendContent(append(to, `,"message":`...))
	}
	if m.Timestamp != "" {
		to = append(append(append(to, `,"timestamp":"`...), m.Timestamp...), '"')
	}
	if m.Edited != "" {
		to = append(append(append(to, `,"edited":"`...), m.Edited...), '"')
	}
	return to
}

// AppendAnswer writes the message as the app gets it back.
func (m *Message) AppendAnswer(to []byte) []byte {
	return append(m.appendOthers(m.appendFacts(to)), '}')
}

// Keep writes the record for the history: a message as the app got it back, an edit or deletion as clients get it.
func (m *Message) Keep() {
	if m.Kind != Post {
		m.Record = m.Object
		return
	}
	to := m.appendFacts(make([]byte, 0, len(m.Object)+96))
	to = m.appendOthers(to)
	m.Record = append(append(to, `,"type":"`+contract.TypeMessage+`"`...), contract.LiveMark...)
}

// appendFacts writes all but the keys of the app's own, and leaves the object open.
func (m *Message) appendFacts(to []byte) []byte {
	to = append(to, `{"uuid":"`...)
	to = append(to, m.UUID...)
	to = append(to, '"')
	if m.Kind == Post {
		to = append(to, `,"timestamp":"`...)
		to = append(to, m.Timestamp...)
		to = append(to, `","user":`...)
		to = appendString(to, m.User)
	}
	to = append(to, `,"channel":`...)
	to = m.appendChannel(to)
	to = append(to, `,"pm_users":`...)
	to = appendStrings(to, m.PMUsers)
	to = append(to, `,"exclude_users":`...)
	to = appendStrings(to, m.ExcludeUsers)
	to = append(to, `,"no_history":`...)
	to = strconv.AppendBool(to, m.NoHistory)
	if m.Kind != Post {
		return m.appendChanges(to)
	}
	to = append(to, `,"message":`...)
	to = m.appendContent(to)
	return append(to, `,"edited":null`...)
}

// appendOthers writes the keys of the app's own.
func (m *Message) appendOthers(to []byte) []byte {
	for i := range m.Others {
		to = m.Others[i].appendTo(to)
	}
	return to
}

func (m *Message) appendChannel(to []byte) []byte {
	if m.Channel == "" {
		return append(to, "null"...)
	}
	return appendString(to, m.Channel)
}

func (m *Message) appendContent(to []byte) []byte {
	if len(m.Content) == 0 {
		return append(to, "null"...)
	}
	return appendCompact(to, m.Content)
}

func (p *Pair) appendTo(to []byte) []byte {
	to = append(to, ',')
	to = append(to, p.Name...)
	to = append(to, ':')
	return appendCompact(to, p.Value)
}

// appendCompact copies valid JSON without the space between its tokens: a client's frame is one line, which
// Server-Sent Events rely on, and bytes are what fan-out costs.
func appendCompact(to, raw []byte) []byte {
	for len(raw) > 0 {
		stop := bytes.IndexByte(raw, '"')
		if stop < 0 {
			return appendTokens(to, raw)
		}
		to = appendTokens(to, raw[:stop])
		end := stringEnd(raw[stop:])
		to = append(to, raw[stop:stop+end]...)
		raw = raw[stop+end:]
	}
	return to
}

func appendTokens(to, raw []byte) []byte {
	for _, c := range raw {
		if c > ' ' {
			to = append(to, c)
		}
	}
	return to
}

// stringEnd is where the string ends that raw begins with: behind the first quote that no backslash escapes, which is
// one with an even number of backslashes before it.
func stringEnd(raw []byte) int {
	for at := 1; ; {
		next := bytes.IndexByte(raw[at:], '"')
		if next < 0 {
			return len(raw)
		}
		quote := at + next
		first := quote
		for raw[first-1] == '\\' {
			first--
		}
		if at = quote + 1; (quote-first)%2 == 0 {
			return at
		}
	}
}

func appendStrings(to []byte, list []string) []byte {
	to = append(to, '[')
	for i, s := range list {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(to, s)
	}
	return append(to, ']')
}

// appendString writes a JSON string (RFC 8259 section 7).
func appendString(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ' || c == utf8.RuneSelf-1:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}
