package request

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/contract"
)

// Messages reads the body of a POST to /message, one message or a list, and encodes each for the clients. now stands in
// messages without a timestamp; payload is how many bytes the bus takes at once, 0 if that is not known. Either all
// messages are good or none is returned. They refer to body, which must not change while they are in use.
func Messages(body []byte, limits Limits, payload int64, now time.Time) ([]message.Message, error) {
	return readMessages(message.Post, body, limits, payload, now)
}

// Edits reads the body of a PATCH of /message as Messages does. now stands in edits that do not say when they were made.
func Edits(body []byte, limits Limits, payload int64, now time.Time) ([]message.Message, error) {
	return readMessages(message.Edit, body, limits, payload, now)
}

// Deletions reads the body of a DELETE of /message as Messages does. Nothing but what says which message it is, and who
// hears of it, may stand in it.
func Deletions(body []byte, limits Limits, payload int64) ([]message.Message, error) {
	return readMessages(message.Delete, body, limits, payload, time.Time{})
}

func readMessages(kindOf message.Kind, body []byte, limits Limits, payload int64, now time.Time) ([]message.Message, error) {
	r, err := newReader(body, limits)
	if err != nil {
		return nil, err
	}
	m := messages{reader: r, kind: kindOf, payload: int(payload), now: now.UTC().Format(contract.TimestampLayout)}
	if kind(body) != '[' {
		list := make([]message.Message, 1)
		m.read("", body, &list[0])
		return list, r.fault()
	}
	values := r.list("", body, limits.Messages)
	list := make([]message.Message, len(values))
	for i, value := range values {
		m.read(strconv.Itoa(i), value, &list[i])
	}
	if kindOf == message.Post && r.fields == nil {
		m.repeated(list)
	}
	if err := r.fault(); err != nil {
		return nil, err
	}
	return list, nil
}

type messages struct {
	*reader
	kind    message.Kind
	payload int
	now     string
}

// read reads one message. at is its index in the list, or "".
func (r *messages) read(at string, raw []byte, to *message.Message) {
	if kind(raw) != '{' {
		r.refuse(at, raw, sayNoObject)
		return
	}
	to.Kind = r.kind
	given := false // what must be there
	m := walk(raw)
	for m.next() {
		given = r.field(at, &m, to) || given
	}
	if m.err != nil {
		r.malformed(m.err)
		return
	}
	if !given && r.kind == message.Post {
		r.add(join(at, "user"), sayMissing)
	} else if !given {
		r.add(join(at, "uuid"), sayMissing)
	}
	if to.Channel == "" && len(to.PMUsers) == 0 && !r.faulty(join(at, "channel")) && !r.faulty(join(at, "pm_users")) {
		r.add(join(at, "channel"), sayNobody)
	}
	if r.fields == nil {
		r.finish(at, to)
	}
}

// field reads one member, and says whether it must be there: a message has a user, an edit or deletion a uuid.
func (r *messages) field(at string, m *members, to *message.Message) (required bool) {
	switch string(m.key) {
	case "channel":
		if kind(m.value) != 'n' {
			to.Channel = r.name(join(at, "channel"), m.value, r.limits.Channel)
			if r.foreign(to.Channel) {
				r.add(join(at, "channel"), sayForeign)
			}
		}
	case "pm_users":
		to.PMUsers = unique(r.owned(join(at, "pm_users"), m.value, maxUsers, r.limits.User))
	case "exclude_users":
		to.ExcludeUsers = unique(r.owned(join(at, "exclude_users"), m.value, maxUsers, r.limits.User))
	case "uuid":
		to.UUID, to.Named = r.uuid(join(at, "uuid"), m.value), true
		return r.kind != message.Post
	case "no_history":
		to.NoHistory = r.boolean(join(at, "no_history"), m.value)
	default:
		if r.kind != message.Delete {
			return r.content(at, m, to)
		}
		r.add(join(at, string(m.key)), sayUnknown)
	}
	return false
}

// content reads one member of what a message says, and whether it must be there.
func (r *messages) content(at string, m *members, to *message.Message) (required bool) {
	switch string(m.key) {
	case "user", "username":
		if plain(m.value, r.limits.User) && to.User == "" {
			to.User = string(m.value[1 : len(m.value)-1])
			if r.foreign(to.User) {
				r.add(join(at, string(m.key)), sayForeign)
			}
		} else {
			r.user(join(at, string(m.key)), m.value, &to.User)
		}
		return r.kind == message.Post
	case "message":
		to.Content = m.value
	case "timestamp":
		to.Timestamp = r.timestamp(join(at, "timestamp"), m.value)
	case "edited":
		if r.kind == message.Edit {
			to.Edited = r.timestamp(join(at, "edited"), m.value)
		} else if kind(m.value) != 'n' { // null is what the answer to a message has, which may be posted again
			r.add(join(at, "edited"), sayNotEdited)
		}
	default:
		if contract.Reserved(string(m.key)) {
			r.add(join(at, string(m.key)), sayReserved)
		}
		to.Others = append(to.Others, message.Pair{Name: m.name, Value: m.value})
	}
	return false
}

// finish fills in what the app left out, encodes the message, and sees whether it is small enough.
func (r *messages) finish(at string, to *message.Message) {
	switch {
	case r.kind == message.Edit && to.Edited == "":
		to.Edited = r.now
	case r.kind == message.Post && to.UUID == "":
		to.UUID = uuid.NewString()
	}
	if r.kind == message.Post && to.Timestamp == "" {
		to.Timestamp = r.now
	}
	to.Encode()
	if len(to.Object) > r.limits.Message {
		r.add(join(at, "message"), sayMessageSize, r.limits.Message)
		return
	}
	switch size, lists := to.Size(); {
	case r.payload == 0 || size <= r.payload:
	case lists == 0:
		r.add(join(at, "message"), sayMessageSize, r.payload-(size-len(to.Object)))
	case len(to.PM) >= len(to.Except):
		r.add(join(at, "pm_users"), sayNoRoom, r.payload)
	default:
		r.add(join(at, "exclude_users"), sayNoRoom, r.payload)
	}
}

// repeated refuses messages that say something else under the uuid of one before them, to the same audience: only one of the two
// would be delivered.
func (r *messages) repeated(list []message.Message) {
	seen := map[string]int{}
	for i := range list {
		m := &list[i]
		if !m.Named {
			continue
		}
		id := m.ID()
		if before, found := seen[id]; !found {
			seen[id] = i
		} else if !m.Same(&list[before]) {
			r.add(strconv.Itoa(i)+".uuid", sayUUIDTwice, before)
		}
	}
}

// unique takes repetitions out of names, keeping their order.
func unique(names []string) []string {
	if len(names) < 2 {
		return names
	}
	seen := make(map[string]struct{}, len(names))
	return slices.DeleteFunc(names, func(name string) bool {
		_, found := seen[name]
		seen[name] = struct{}{}
		return found
	})
}

func (r *messages) uuid(at string, raw []byte) string {
	id := contract.CanonicalID(r.text(at, raw, maxUUID))
	if raw[0] == '"' && uuid.Validate(id) != nil {
		r.add(at, sayNoUUID)
	}
	return id
}

// maxUUID is the longest form of a UUID, urn:uuid:….
const maxUUID = 45
