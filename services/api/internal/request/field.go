package request

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

// reader reads fields. Each method takes the path of the field and its value as written, and notes what is wrong; what
// it returns then does not count.
type reader struct {
	faults
	limits Limits
}

// object calls read for each member; read says whether it knows the key. at is the path of the object, "" for the body.
func (r *reader) object(at string, raw []byte, read func(key string, value []byte) bool) {
	if kind(raw) != '{' {
		r.refuse(at, raw, sayNoObject)
		return
	}
	m := walk(raw)
	for m.next() {
		if key := string(m.key); !read(key, m.value) {
			r.add(join(at, key), sayUnknown)
		}
	}
	if m.err != nil {
		r.malformed(m.err)
	}
}

// refuse notes that a value is of the wrong type, or null. Of a body nothing has been read then.
func (r *reader) refuse(at string, raw []byte, sentence string) {
	switch {
	case at == "":
		if err := whole(raw); err != nil {
			r.malformed(err)
		}
		r.add(body, sentence)
	case kind(raw) == 'n':
		r.add(at, sayNull)
	default:
		r.add(at, sentence)
	}
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// list gives the items of a list of at most limit.
func (r *reader) list(at string, raw []byte, limit int) [][]byte {
	if kind(raw) != '[' {
		r.refuse(at, raw, sayNoList)
		return nil
	}
	values, whole, err := items(raw, limit)
	if err != nil {
		r.malformed(err)
		return nil
	}
	if !whole {
		r.tooMany(at, limit)
		return nil
	}
	return values
}

func (r *reader) tooMany(at string, limit int) {
	if at == "" {
		at = body
	}
	r.add(at, sayTooMany, limit)
}

// text reads a string of at most limit characters, none of them a control character.
func (r *reader) text(at string, raw []byte, limit int) string {
	if raw[0] != '"' {
		r.refuse(at, raw, sayNoText)
		return ""
	}
	content, ok := unquote(raw)
	switch {
	case !ok || hasControl(content):
		r.add(at, sayControl)
	case len(content) > limit && utf8.RuneCount(content) > limit:
		r.add(at, sayMaxLength, limit)
	}
	return string(content)
}

func hasControl(content []byte) bool {
	for _, c := range content {
		if c >= utf8.RuneSelf {
			return strings.ContainsFunc(string(content), unicode.IsControl)
		}
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// name reads a string of 1 to limit characters.
func (r *reader) name(at string, raw []byte, limit int) string {
	if string(raw) == `""` {
		r.add(at, sayLength, limit)
		return ""
	}
	return r.text(at, raw, limit)
}

// foreign says whether a name is of the demo's form though an app asks, or of another though the demo does.
func (r *reader) foreign(name string) bool {
	return name != "" && contract.OfDemo(name) != r.limits.Demo
}

// own notes a name that whoever asks can not have.
func (r *reader) own(at, name string) {
	if r.foreign(name) {
		r.add(at, sayForeign)
	}
}

// owned reads a list of at most limit names of users or channels.
func (r *reader) owned(at string, raw []byte, limit, length int) []string {
	names := r.names(at, raw, limit, length)
	for i, name := range names {
		if r.foreign(name) {
			r.add(at+"."+strconv.Itoa(i), sayForeign)
		}
	}
	return names
}

// names reads a list of at most limit names.
func (r *reader) names(at string, raw []byte, limit, length int) []string {
	values := r.list(at, raw, limit)
	if values == nil {
		return nil
	}
	names := make([]string, len(values))
	for i, value := range values {
		if plain(value, length) { // the path costs more than the name
			names[i] = string(value[1 : len(value)-1])
		} else {
			names[i] = r.name(at+"."+strconv.Itoa(i), value, length)
		}
	}
	return names
}

// plain says of most names, with little work, that they are good: printable ASCII without escapes.
func plain(raw []byte, limit int) bool {
	if len(raw) < 3 || len(raw)-2 > limit || raw[0] != '"' {
		return false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

func (r *reader) channels(at string, raw []byte) []string {
	channels := r.owned(at, raw, r.limits.Channels, r.limits.Channel)
	slices.Sort(channels)
	return slices.Compact(channels)
}

// user reads user or username, which mean the same.
func (r *reader) user(at string, raw []byte, user *string) {
	name := r.name(at, raw, r.limits.User)
	r.own(at, name)
	if *user != "" && name != "" && *user != name {
		r.add(at, sayUserTwice)
	}
	*user = name
}

// account is user for a request about the user itself, who may have a signature: it must not be good for a request too.
func (r *reader) account(at string, raw []byte, user *string) {
	r.user(at, raw, user)
	if !signature.ForUser(*user) {
		r.add(at, sayUserIsPath)
	}
}

func (r *reader) connID(at string, raw []byte) string {
	return contract.CanonicalID(r.name(at, raw, r.limits.ConnID))
}

// boolean accepts the words that stand for truth in the apps of old, too.
func (r *reader) boolean(at string, raw []byte) bool {
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true", "t", "yes", "y", "on", "1":
		return true
	case "false", "f", "no", "n", "off", "0":
		return false
	}
	r.refuse(at, raw, sayNoBoolean)
	return false
}

// integer accepts a number without a fraction, also as a string.
func (r *reader) integer(at string, raw []byte, least, most int) int {
	digits := strings.Trim(string(raw), `"`)
	n, err := strconv.Atoi(digits)
	if err != nil && len(digits) < 64 && (kind(raw) == 0) {
		var f float64
		if f, err = strconv.ParseFloat(digits, 64); err == nil && f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
			n = int(f)
		} else {
			err = strconv.ErrSyntax
		}
	}
	switch {
	case err != nil:
		r.refuse(at, raw, sayNoInteger)
	case n < least || n > most:
		r.add(at, sayRange, least, most)
	}
	return n
}

// state reads what an app remembers of a user: scalars by key.
func (r *reader) state(at string, raw []byte) map[string]json.RawMessage {
	state := map[string]json.RawMessage{}
	r.object(at, raw, func(key string, value []byte) bool {
		switch {
		case utf8.RuneCountInString(key) > maxStateKey:
			r.add(at+"."+key, sayMaxLength, maxStateKey)
		case len(state) == maxStateKeys:
			r.add(at, sayTooMany, maxStateKeys)
		case value[0] == '{' || value[0] == '[':
			r.add(at+"."+key, sayNoScalar)
		case kind(value) == 0 && !fits(value):
			r.add(at+"."+key, sayHugeNumber)
		default:
			state[key] = value
		}
		return true
	})
	return state
}

func fits(number []byte) bool {
	_, err := strconv.ParseFloat(string(number), 64)
	return err == nil
}

// queryID reads a connection id from a query, which is plain text and may be anything.
func (r *reader) queryID(id string) string {
	switch {
	case !utf8.ValidString(id) || hasControl([]byte(id)):
		r.add("conn_id", sayControl)
	case utf8.RuneCountInString(id) > r.limits.ConnID:
		r.add("conn_id", sayLength, r.limits.ConnID)
	}
	return contract.CanonicalID(id)
}
