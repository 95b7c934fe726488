package request

import (
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/channelstream/channelstream/shared/contract"
)

// Explain is a request of /admin/explain.
type Explain struct {
	UUID    string // of the message
	Offset  uint64 // of the message in the log, in place of its uuid
	Channel string
	ConnID  string
	User    string // in place of ConnID
}

// ReadExplain reads the body of /admin/explain, or else its query, which has the same fields. The demo's users can be asked about, too.
func ReadExplain(body []byte, query url.Values, limits Limits) (Explain, error) {
	var request Explain
	r, err := given(body, query, limits, func(r *reader, key string, value []byte) bool {
		switch key {
		case "message":
			r.place(key, value, &request)
		case "channel":
			request.Channel = r.name(key, value, limits.Channel)
		case "user", "username":
			name := r.name(key, value, limits.User)
			if request.User != "" && request.User != name {
				r.add(key, sayUserTwice)
			}
			request.User = name
		case "conn_id":
			request.ConnID = r.connID(key, value)
		default:
			return false
		}
		return true
	})
	if err != nil {
		return request, err
	}
	r.require("message", request.UUID != "" || request.Offset > 0 || r.faulty("message"))
	r.require("conn_id", request.ConnID != "" || request.User != "" || r.faulty("conn_id") || r.faulty("user") || r.faulty("username"))
	if request.ConnID != "" && request.User != "" {
		r.add("user", sayTwoTargets)
	}
	return request, r.fault()
}

// place reads which message is meant: a uuid, or an offset as a number or as text.
func (r *reader) place(at string, raw []byte, to *Explain) {
	text := string(raw)
	if raw[0] == '"' {
		text = r.text(at, raw, maxUUID)
	}
	offset, err := strconv.ParseUint(text, 10, 63)
	switch {
	case r.faulty(at):
	case err == nil && offset > 0:
		to.Offset = offset
	case raw[0] == '"' && uuid.Validate(contract.CanonicalID(text)) == nil:
		to.UUID = contract.CanonicalID(text)
	default:
		r.add(at, sayNoPlace)
	}
}
