package explain

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// mostFollowers is how many messages behind another one count: a client that does not say where it stopped, and whose gateway
// did not either, gets so many of a channel at most. It is the gateway's catch-up.
const (
	mostFollowers        = 100
	mostPrivateFollowers = 50
)

// message is one that was found. Users are written as tokens.
type message struct {
	uuid    string
	kind    string // contract.TypeMessage, TypeEdit or TypeDelete
	offset  uint64 // in the log; 0: it is not there
	at      time.Time
	subject string // of the log
	channel string // empty: a private message
	of      string // the user whose copy of a private message it is
	only    []string
	except  []string
	from    contract.From // of one that processes of earlier versions stored it is empty

	followers []time.Time // when the first messages behind it on its subject were stored
	edits     int
	edited    time.Time // the last time
	removed   time.Time // it is about to be erased
}

func (m *message) private() bool { return m.channel == "" }

// audience says whether a message is for a user, and if not, why.
func (m *message) audience(user string) (is bool, why Reason) {
	token := contract.EncodeToken(user)
	switch {
	case m.private() && m.of != token:
		return false, OtherUsers
	case slices.Contains(m.except, token):
		return false, Excluded
	case len(m.only) > 0 && !slices.Contains(m.only, token):
		return false, NotAmongPMUsers
	}
	return true, ""
}

// object is what of a message's body is read here.
type object struct {
	UUID         string   `json:"uuid"`
	Channel      string   `json:"channel"`
	PMUsers      []string `json:"pm_users"`      // of a record of history
	ExcludeUsers []string `json:"exclude_users"` // of a record of history
}

// subjects tells what the subjects of the log are for.
type subjects struct{ channel, user string } // what they begin with

func newSubjects(ns contract.Namespace) subjects {
	const token = "x"
	before := func(live string) string { return strings.TrimSuffix(ns.LogSubject(live), token) }
	return subjects{channel: before(ns.LiveChannel(token)), user: before(ns.LiveUser(token))}
}

// read reads a message of the log. It gives false for what is none, such as a mark of the end.
func (s subjects) read(e *bus.LogMessage) (message, bool) {
	m := message{
		offset: e.Sequence, at: e.At(), subject: e.Subject, kind: contract.TypeMessage,
		from: contract.ParseFrom(e.Header.Get(contract.HeaderFrom)),
	}
	var body object
	data := contract.OpenAudience(e.Header, e.Data)
	if json.Unmarshal(data, &body) != nil {
		return m, false
	}
	m.uuid = body.UUID
	m.only, m.except = tokens(e.Header.Get(contract.HeaderPM)), tokens(e.Header.Get(contract.HeaderExclude))
	switch {
	case e.Header.Get(contract.HeaderEdit) != "":
		m.kind = contract.TypeEdit
	case e.Header.Get(contract.HeaderDelete) != "":
		m.kind = contract.TypeDelete
	}
	if token, is := strings.CutPrefix(e.Subject, s.channel); is {
		if m.channel = body.Channel; m.channel == "" { // it is written in each message; and else in the subject
			m.channel, _ = contract.DecodeToken(token) //nolint:errcheck // what can not be read is nobody's
		}
		return m, m.channel != ""
	}
	of, is := strings.CutPrefix(e.Subject, s.user)
	m.of = of
	return m, is
}

// recorded reads a message of a channel's history.
func recorded(channel string, e *bus.LogMessage) (message, bool) {
	var body object
	if json.Unmarshal(e.Data, &body) != nil {
		return message{}, false
	}
	return message{
		uuid: body.UUID, kind: contract.TypeMessage, at: e.At(), channel: channel,
		only: tokensOf(body.PMUsers), except: tokensOf(body.ExcludeUsers),
		from: contract.ParseFrom(e.Header.Get(contract.HeaderFrom)),
	}, true
}

func tokens(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func tokensOf(users []string) []string { return tokens(contract.JoinTokens(users)) }
