package dialog

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/channelstream/channelstream/services/gateway/internal/engineio"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/session"
	"github.com/channelstream/channelstream/services/gateway/internal/socketio"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

// Credentials are what a client says of itself, in the URL's query or with the connect packet.
type Credentials struct {
	ConnID   string `json:"conn_id"`
	User     string `json:"user"`
	Username string `json:"username"`
	Sig      string `json:"sig"`
	Long     string `json:"signature"`
}

// Recovery is what a stock client adds that was here before (Socket.IO 4.6, connection state recovery).
type Recovery struct {
	PID    string `json:"pid"`
	Offset string `json:"offset"`
}

// FromQuery reads the credentials in a URL's query.
func FromQuery(q url.Values) Credentials {
	return Credentials{
		ConnID: q.Get("conn_id"), User: q.Get("user"), Username: q.Get("username"),
		Sig: q.Get("sig"), Long: q.Get("signature"),
	}
}

// asQuery writes the credentials so that FromQuery reads them.
func (c Credentials) asQuery() string {
	q := url.Values{}
	for name, value := range map[string]string{
		"conn_id": c.ConnID, "user": c.User, "username": c.Username, "sig": c.Sig, "signature": c.Long,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// Sentences of refusals.
const (
	invalidNamespace = "Invalid namespace" // as stock servers say
	noCredentials    = "Send conn_id, or username and sig"
	userIsPath       = "A user name must not begin with /"
	badSignature     = "The sig is wrong or too old"
	otherParser      = "Use the default parser: socket.io-msgpack-parser is not served"
	otherConnection  = "This connection has other credentials"
)

// connect connects a namespace. s is the session that another one has already, or nil.
func (d *Dialog) connect(ctx context.Context, s *session.Session, p socketio.Packet) contract.Reason {
	d.named = true
	ns := bit(p.Namespace)
	if ns == 0 {
		d.refuse(ctx, p.Namespace, &refusal{sentence: invalidNamespace})
		return ""
	}
	spaces := frame.Namespaces(d.spaces.Load())
	if spaces&ns != 0 && d.revision4 && ns == frame.Root {
		return "" // by the server, before the client asked for it
	}
	if spaces&ns != 0 {
		return contract.ReasonProtocolError // it is connected already
	}
	who, wrong := d.credentials(p)
	if wrong != nil {
		d.refuse(ctx, p.Namespace, wrong)
		return ""
	}
	if s != nil {
		return d.connectAlso(ctx, s, p, who)
	}
	s, before, err := d.attach(ctx, who, recoveryOf(p))
	if err != nil {
		return d.notAttached(ctx, p.Namespace, err)
	}
	if err := d.name(s.User); err != nil {
		s.Abandon()
		d.refuse(ctx, p.Namespace, &refusal{sentence: err.Error()})
		return ""
	}
	if ended := d.begin(s); ended != "" {
		s.Abandon()
		return ended
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	d.spaces.Store(uint32(ns))
	entrance := session.Entrance{
		Member: d.member, Namespaces: ns, Notify: d.notify, Notices: !d.revision4,
		Packets: func(o session.Outcome) [][]byte {
			d.from.Store(o.Offset)
			if d.revision4 {
				return d.welcome4(p.Namespace, o)
			}
			return d.welcome(s, p.Namespace, before, o)
		},
		Missed: d.missed(ns),
	}
	if before != nil && before.here {
		entrance.Since, entrance.Told = &before.since, before.told
	}
	if err := s.Enter(ctx, entrance); err != nil {
		return contract.ReasonClosed
	}
	return ""
}

// connectAlso connects a second namespace to the connection that the first one has. A client that was in it before, on the same
// connection, goes on where it stopped there.
func (d *Dialog) connectAlso(ctx context.Context, s *session.Session, p socketio.Packet, who session.Credentials) contract.Reason {
	if who.ConnID != "" && who.ConnID != s.ConnID || who.ConnID == "" && who.User != s.User {
		d.refuse(ctx, p.Namespace, &refusal{sentence: otherConnection})
		return ""
	}
	if d.implicit {
		return d.moveTo(ctx, s, p.Namespace)
	}
	ns, before, left := bit(p.Namespace), recoveryOf(p), make(chan struct{})
	o := session.Opening{
		Namespace: ns, Missed: d.missed(ns), Left: left,
		Packets: func(o session.Outcome) [][]byte { return d.welcome(s, p.Namespace, before, o) },
	}
	if before != nil && before.connID == s.ConnID && !s.Left && d.left&ns == 0 {
		o.Since, o.Told = &before.since, before.told
	}
	d.spaces.Store(d.spaces.Load() | uint32(ns)) // first: who knows that it is connected may be told farewell
	if d.opened == nil {
		d.opened = map[frame.Namespaces]chan struct{}{}
	}
	d.opened[ns] = left
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	switch err := s.Open(ctx, o); {
	case errors.Is(err, session.ErrOpening):
		return contract.ReasonRateLimited
	case err != nil:
		return contract.ReasonClosed
	}
	return ""
}

// refusal is why a client is not let in: a sentence for the client, and for the log what is behind it, if that is more.
type refusal struct {
	sentence string
	cause    error
}

// Error writes the refusal for a log.
func (r *refusal) Error() string {
	if r.cause == nil {
		return r.sentence
	}
	return r.sentence + ": " + r.cause.Error()
}

// say has the log tell that a client is not let in.
func (d *Dialog) say(ctx context.Context, why error) {
	d.config.Logger.DebugContext(ctx, "a client is refused", "way", "socket.io", "reason", why)
}

// mostRefusals is how many refusals of one client wait for their time. A client asks for a namespace or two.
const mostRefusals = 8

// waitingPacket is a refusal that waits for its time.
type waitingPacket struct{ packet []byte }

// refuse tells a client that it is not let in, when the pace of refusals allows it.
func (d *Dialog) refuse(ctx context.Context, namespace string, why *refusal) {
	d.say(ctx, why)
	waits := &waitingPacket{packet: d.speaks.Refused(namespace, why.sentence)}
	if !d.keepRefusal(waits) {
		d.member.Send(waits.packet)
		return
	}
	d.config.Pace.Tell(func() { d.tellRefusal(waits) })
}

// keepRefusal has a refusal wait, if it is not one too many.
func (d *Dialog) keepRefusal(w *waitingPacket) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.refusals) >= mostRefusals {
		return false
	}
	d.refusals = append(d.refusals, w)
	return true
}

// tellRefusal tells a refusal that waits, unless Refusals gave it. It is on its way to the member before another call of either.
func (d *Dialog) tellRefusal(w *waitingPacket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := slices.Index(d.refusals, w); at >= 0 {
		d.refusals = slices.Delete(d.refusals, at, at+1)
		d.member.Send(w.packet)
	}
}

// Refusals gives those that wait for their time, which are not told here any more.
func (d *Dialog) Refusals() (packets [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.refusals {
		packets = append(packets, w.packet)
	}
	d.refusals = nil
	return packets
}

// Binary takes a binary message: an attachment of an event that is not for us, or, from a client that is not connected, a packet of
// the other parser. That client is refused for good in its own words, in every namespace that it may have asked for. It does not block.
func (d *Dialog) Binary() {
	if d.Connected() {
		return
	}
	d.say(d.member.Life(), &refusal{sentence: otherParser})
	for _, ns := range names(frame.Root | frame.Stream) {
		packet := engineio.Packet{Type: engineio.Message, Binary: true, Data: socketio.AppendMsgpackError(nil, ns, otherParser)}
		d.member.Send(engineio.AppendText(nil, packet))
	}
}

// credentials takes what the connect packet says, or else the query, and checks the signature.
func (d *Dialog) credentials(p socketio.Packet) (session.Credentials, *refusal) {
	given := d.query
	if len(p.Data) > 0 {
		var auth Credentials
		if err := json.Unmarshal(p.Data, &auth); err == nil && auth != (Credentials{}) {
			given = auth
		}
	}
	if p.Query != "" {
		q, err := url.ParseQuery(p.Query)
		if err == nil && FromQuery(q) != (Credentials{}) && (d.revision4 || given == (Credentials{})) {
			given = FromQuery(q) // it is newer than the URL's, where the client has no other way to say it
		}
	}
	if given.ConnID != "" {
		id := contract.CanonicalID(given.ConnID)
		if !validName(id, d.config.MaxConnID) {
			return session.Credentials{}, &refusal{sentence: contract.UnknownConnection}
		}
		return session.Credentials{ConnID: id}, nil
	}
	user, sig := first(given.Username, given.User), first(given.Sig, given.Long)
	if user == "" || sig == "" {
		return session.Credentials{}, &refusal{sentence: noCredentials}
	}
	if !signature.ForUser(user) {
		return session.Credentials{}, &refusal{sentence: userIsPath}
	}
	if !validName(user, d.config.MaxUser) {
		return session.Credentials{}, &refusal{sentence: badSignature, cause: errName}
	}
	if err := d.config.Verify(sig, user); err != nil {
		return session.Credentials{}, &refusal{sentence: badSignature, cause: err}
	}
	return session.Credentials{User: user}, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// errName is behind the refusal of a user whose name can be none.
var errName = errors.New("a name has so many characters at most, and no control characters")

// notAttached refuses a client that can not be attached; or ends it, if that is for now: the stock client does not come back
// by itself from a refusal.
func (d *Dialog) notAttached(ctx context.Context, namespace string, err error) contract.Reason {
	var fault *contract.Fault
	if errors.As(err, &fault) && fault.Code == contract.CodeInvalid {
		for _, sentences := range fault.Fields {
			d.refuse(ctx, namespace, &refusal{sentence: strings.Join(sentences, " ")})
			return ""
		}
	}
	d.say(ctx, err)
	return contract.ReasonUnavailable
}

// validName says whether a name may be one at all: 1 to so many characters of UTF-8, none of them a control character.
func validName(name string, most int) bool {
	return name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= most && !strings.ContainsFunc(name, isControl)
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// channels reads the names of a join or leave: a list, or one name, or several arguments. What can be no channel is
// left out, and so is what is over the limit.
func (d *Dialog) channels(args []json.RawMessage) []string {
	var channels []string
	for _, arg := range args {
		var one string
		var list []json.RawMessage
		if json.Unmarshal(arg, &one) == nil && one != "" {
			channels = append(channels, one)
		} else if json.Unmarshal(arg, &list) == nil {
			for _, element := range list {
				if json.Unmarshal(element, &one) == nil {
					channels = append(channels, one)
				}
			}
		}
	}
	channels = slices.DeleteFunc(channels, func(c string) bool { return !validName(c, d.config.MaxChannel) })
	slices.Sort(channels)
	channels = slices.Compact(channels)
	return channels[:min(len(channels), d.config.MaxChannels)]
}
