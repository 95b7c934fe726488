package presence

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// ear hears what gateways hear.
type ear struct {
	system *system
	log    *bus.Log
	feed   *bus.Intake
}

// heard is a message of a channel.
type heard struct {
	UUID, Type, User, Channel, Timestamp string

	Message, State, Users json.RawMessage
	Status                int
	LeftOut               int `json:"users_left_out"`

	exclude string
	stored  bool
	events  []contract.Event
}

func (h *system) listen() *ear {
	h.t.Helper()
	e := h.listenWithoutLog()
	e.log = h.log()
	return e
}

func (h *system) listenWithoutLog() *ear {
	h.t.Helper()
	conn := h.dial()
	e := &ear{system: h, feed: conn.NewIntake(1024)}
	if _, err := e.feed.Subscribe(ns.LiveSubjects()); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.Flush(ctx); err != nil {
		h.t.Fatal(err)
	}
	return e
}

// next gives the next message.
func (e *ear) next() heard {
	e.system.t.Helper()
	select {
	case m := <-e.feed.C():
		h := heard{exclude: m.Header.Get(contract.HeaderExclude), stored: m.Header.Get(bus.HeaderSequence) != "",
			events: contract.OpenEvents(m.Header.Get(contract.HeaderEvents), m.Data)}
		if err := json.Unmarshal(m.Data, &h); err != nil {
			e.system.t.Fatal(err)
		}
		if h.Type != "" && !strings.HasSuffix(string(m.Data), contract.LiveMark) {
			e.system.t.Errorf("%s does not end in the live mark", m.Data)
		}
		return h
	case <-time.After(patience):
		e.system.t.Fatal("nothing was heard")
	}
	return heard{}
}

// told gives what was announced up to now.
func (e *ear) told() (all []heard) {
	e.system.t.Helper()
	e.system.post(e.log, "mark")
	for {
		h := e.next()
		if h.Type == "" {
			return all
		}
		all = append(all, h)
	}
}

// want is what is said up to now, as "user action channel".
func (e *ear) want(words ...string) []heard {
	e.system.t.Helper()
	all := e.told()
	if got := sentences(all); !slices.Equal(got, words) {
		e.system.t.Fatalf("told of %q, want %q", got, words)
	}
	return all
}

func sentences(all []heard) (sentences []string) {
	for _, h := range all {
		var message struct{ Action string }
		_ = json.Unmarshal(h.Message, &message) //nolint:errcheck // a message of another type has none
		sentences = append(sentences, strings.TrimSpace(h.User+" "+message.Action)+" "+h.Channel)
	}
	return sentences
}

func (h *system) set(channel string, change func(*contract.ChannelSettings)) {
	h.t.Helper()
	settings := contract.DefaultChannelSettings()
	change(&settings)
	must[contract.ConfigureAnswer](h, contract.VerbConfigure, contract.ConfigureRequest{
		Channels: map[string]contract.ChannelConfig{channel: {ChannelSettings: settings}},
	})
}

func notifyPresence(s *contract.ChannelSettings) { s.NotifyPresence = true }

func withLists(s *contract.ChannelSettings) {
	s.NotifyPresence, s.BroadcastPresenceWithUserLists = true, true
}

func notifyState(s *contract.ChannelSettings) { s.NotifyState = true }

// led starts a replica that leads.
func (h *system) led(c Config) *replica {
	h.t.Helper()
	r := h.start(c)
	eventually(h.t, "it leads", r.leads)
	return r
}

func TestOthersAreToldWhoJoinedAndWhoParted(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("lists", withLists)
	h.set("plain", notifyPresence)
	e := h.listen()
	must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c1", User: "bo b", Channels: []string{"lists", "plain", "silent"},
		FreshState: map[string]json.RawMessage{"col": json.RawMessage(`"red"`), "own": json.RawMessage("1")}, PublicKeys: []string{"col"},
	})
	for _, m := range e.want("bo b joined lists", "bo b joined plain") {
		users := map[string]string{"lists": `[{"user":"bo b","state":{"col":"red"}}]`, "plain": `[]`}[m.Channel]
		if m.Type != contract.TypePresence || string(m.State) != `{"col":"red"}` || m.Status != 1 || string(m.Users) != users ||
			m.exclude != contract.EncodeToken("bo b") || !m.stored || m.Timestamp == "" {
			t.Errorf("heard %+v: state %s, users %s", m, m.State, m.Users)
		}
	}
	h.connect("c2", "bo b", "lists")
	h.connect("c3", "alice", "lists")
	e.want("alice joined lists")
	must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"lists", "plain"}})
	e.want("bo b parted plain")
	must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c2"})
	if m := e.want("bo b parted lists")[0]; string(m.State) != "null" || string(m.Users) != `[{"user":"alice","state":{}}]` {
		t.Errorf("state %s, users %s", m.State, m.Users)
	}
	must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"lists"}})
	e.want()
	must[contract.SubscribeAnswer](h, contract.VerbSubscribe, contract.SubscribeRequest{ConnID: "c1", Channels: []string{"lists"}})
	e.want("bo b joined lists")
}

// wantEvents is what Socket.IO clients are told up to now.
func (e *ear) wantEvents(want ...string) {
	e.system.t.Helper()
	var got []string
	for _, h := range e.told() {
		for _, event := range h.events {
			got = append(got, event.Name+" "+string(bytes.Join(event.Args, nil)))
		}
	}
	if !slices.Equal(got, want) {
		e.system.t.Fatalf("told of\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSocketIOClientsAreToldByTheEventsOfTheSeed(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("lists", withLists)
	h.set("plain", func(s *contract.ChannelSettings) { s.NotifyPresence, s.NotifyState = true, true })
	e := h.listen()
	must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
		ConnID: "c1", User: "bo b", Channels: []string{"plain", "silent"},
		FreshState: map[string]json.RawMessage{"col": json.RawMessage(`"red"`), "own": json.RawMessage("1")}, PublicKeys: []string{"col"},
	})
	e.wantEvents(`user_connect {"user":"bo b","status":1,"state":{"col":"red"}}`, `presence_join "bo b",["plain"]`)
	h.connect("c2", "bo b", "plain", "lists")
	e.wantEvents(`presence_join "bo b",["lists"],[{"user":"bo b","state":{"col":"red"}}]`)
	must[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "bo b", Status: 3})
	must[contract.UserStateAnswer](h, contract.VerbUserState, contract.UserStateRequest{
		User: "bo b", State: map[string]json.RawMessage{"col": json.RawMessage(`"blue"`)},
	})
	e.wantEvents(`user_status {"user":"bo b","status":3,"state":{"col":"red"},"changed":[]}`,
		`user_status {"user":"bo b","status":3,"state":{"col":"blue"},"changed":[{"key":"col","value":"blue"}]}`)
	must[contract.DisconnectAnswer](h, contract.VerbDisconnect, contract.DisconnectRequest{ConnID: "c2"})
	e.wantEvents(`presence_leave "bo b",["lists"],[]`)
	must[contract.UnsubscribeAnswer](h, contract.VerbUnsubscribe, contract.UnsubscribeRequest{ConnID: "c1", Channels: []string{"plain"}})
	e.wantEvents(`presence_leave "bo b",["plain"]`, `user_disconnect {"user":"bo b","status":3,"state":null}`)
}

func TestWhoComesBackWithinTheLingerTimeDidNotPart(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := hasty()
	c.ConnectTimeout, c.Linger, c.LeaseTTL, c.ResumeWindow = time.Minute, 500*time.Millisecond, time.Minute, time.Minute
	h.led(c)
	h.set("one", notifyPresence)
	e := h.listen()
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "one")
	h.attach("c1", "g1", "s1")
	h.attach("c2", "g1", "s2")
	h.detach("c1", "g1", "s1", 0)
	h.attach("c1", "g1", "s3")
	h.detach("c2", "g1", "s2", 0)
	e.want("alice joined one", "bob joined one")
	if got := sentences([]heard{e.next()}); got[0] != "bob parted one" {
		t.Fatalf("heard %q", got)
	}
	h.mustAttach(contract.AttachRequest{ConnID: "c2", Gateway: "g1", Session: "s4", Transport: "websocket", Resume: true})
	eventually(t, "bob joined again", func() bool { return slices.Contains(sentences(e.told()), "bob joined one") })
}

func TestAChannelWithoutFramesIsToldWithoutTheLog(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("one", func(s *contract.ChannelSettings) { s.NotifyPresence, s.NotifyState, s.StoreFrames = true, true, false })
	e := h.listen()
	h.connect("c1", "alice", "one")
	must[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "alice", Status: 3})
	for range 2 {
		if m := e.next(); m.stored || m.Channel != "one" {
			t.Errorf("heard %+v", m)
		}
	}
}

func TestWhatCanNotBeStoredYetIsToldLater(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("one", notifyPresence)
	e := h.listenWithoutLog()
	h.connect("c1", "alice", "one")
	h.connect("c2", "bob", "one")
	h.log()
	for _, want := range []string{"alice joined one", "bob joined one"} {
		if got := sentences([]heard{e.next()}); got[0] != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

func TestAListOfUsersThatNoMessageHoldsIsLeftOutAndItsReadersAreToldSo(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("one", withLists)
	e := h.listen()
	large, err := json.Marshal(strings.Repeat("x", 300<<10))
	if err != nil {
		t.Fatal(err)
	}
	for i, user := range []string{"a", "b", "c"} {
		must[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
			ConnID: user, User: user, Channels: []string{"one"}, PublicKeys: []string{"large"},
			FreshState: map[string]json.RawMessage{"large": large}, Info: contract.InfoOptions{OmitUsers: true},
		})
		m, leftOut := e.next(), 0
		if got := sentences([]heard{m})[0]; got != user+" joined one" {
			t.Fatalf("heard %q", got)
		}
		if i == 2 {
			leftOut = 3
		}
		if (string(m.Users) == "[]") != (leftOut > 0) || m.LeftOut != leftOut {
			t.Errorf("%s joined: %d bytes of users, %d left out", user, len(m.Users), m.LeftOut)
		}
	}
}

func TestAReplicaThatTakesOverGoesOnAnnouncing(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	c := patient()
	c.LeaseTTL = time.Second
	a := h.led(c)
	b := h.start(c)
	h.set("one", notifyPresence)
	e := h.listen()
	var want, got []string
	come := func(users ...string) {
		for _, user := range users {
			h.connect(user, user, "one")
			want = append(want, user+" joined one")
		}
	}
	come("u1", "u2", "u3")
	a.stop()
	come("u4", "u5") // nobody leads
	eventually(t, "the other leads", b.leads)
	come("u6")
	eventually(t, "all is told", func() bool {
		got = append(got, sentences(e.told())...)
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("told of %q, want %q", got, want)
	}
}

func TestStateIsToldWhereItIsPublicAndNew(t *testing.T) {
	t.Parallel()
	h := newSystem(t)
	h.led(patient())
	h.set("one", notifyState)
	h.set("other", notifyState)
	e := h.listen()
	h.connect("c1", "alice", "one", "silent")
	h.connect("c2", "bob", "other")
	change := func(keys []string, state ...string) contract.UserStateAnswer {
		t.Helper()
		request := contract.UserStateRequest{User: "alice", State: map[string]json.RawMessage{}, PublicKeys: keys}
		for i := 0; i < len(state); i += 2 {
			request.State[state[i]] = json.RawMessage(state[i+1])
		}
		return must[contract.UserStateAnswer](h, contract.VerbUserState, request)
	}
	change([]string{"b", "a"}, "own", "1", "b", "2", "a", `"x"`, "gone", "null")
	m := e.want("alice one")[0]
	if m.Type != contract.TypeUserState || m.Status != 1 || m.exclude != "" || !m.stored ||
		string(m.Message) != `{"state":{"a":"x","b":2},"changed":[{"key":"a","value":"x"},{"key":"b","value":2}]}` {
		t.Errorf("heard %+v: %s", m, m.Message)
	}
	answer := change(nil, "own", "2", "b", "2.0")
	if len(answer.Changed) != 1 || answer.Changed[0].Key != "own" || !slices.Equal(answer.PublicKeys, []string{"b", "a"}) || len(answer.State) != 3 {
		t.Errorf("answered %+v", answer)
	}
	change([]string{}, "b", "3")
	change([]string{"b"})
	e.want()
	change(nil, "b", "null")
	if m := e.want("alice one")[0]; string(m.Message) != `{"state":{"b":null},"changed":[{"key":"b","value":null}]}` {
		t.Errorf("heard %s", m.Message)
	}
	must[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "alice", Status: 2})
	must[contract.UserStatusAnswer](h, contract.VerbUserStatus, contract.UserStatusRequest{User: "alice", Status: 2})
	if m := e.want("alice one")[0]; string(m.Message) != `{"state":{"b":null},"changed":[]}` || m.Status != 2 {
		t.Errorf("heard %+v: %s", m, m.Message)
	}
	refused[contract.UserStateAnswer](h, contract.VerbUserState, contract.UserStateRequest{User: "nobody"}, contract.CodeInvalid, "user")
}

func TestNumbersAreTheSameByTheirValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"2", "2.0", true}, {"20", "2e1", true}, {"-0", "0.0", true}, {"2", "3", false}, {"2", `"2"`, false},
		{"9007199254740993", "9007199254740992", false}, {"1", "true", false}, {"null", "null", true}, {"1e-999999999", "0", true},
	} {
		if got := same(json.RawMessage(c.a), json.RawMessage(c.b)); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
}
