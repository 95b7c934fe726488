package scenario

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

// one is a cluster in which nobody stands in for another.
var one = harness.Size{APIs: 1, Presences: 1, Gateways: 1}

// send publishes a message and gives its uuid.
func send(t *testing.T, api *harness.Node, m client.Message) (uuid string) {
	t.Helper()
	if m.User == "" {
		m.User = "app"
	}
	published, err := api.API().Publish(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return published[0].UUID
}

// tell sends a message that says a text to a channel.
func tell(t *testing.T, api *harness.Node, channel, text string) (uuid string) {
	t.Helper()
	return send(t, api, client.Message{Channel: channel, Message: text})
}

func explain(t *testing.T, api *harness.Node, q client.Explain) *client.Explanation {
	t.Helper()
	e, err := api.API().Explain(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// becomes waits until that is the verdict: what a client's kernel acknowledges, or a gateway says of a socket that ended, takes a
// moment.
func becomes(t *testing.T, api *harness.Node, q client.Explain, verdict client.Verdict, reason string) *client.Explanation {
	t.Helper()
	var e *client.Explanation
	last := ""
	defer func() {
		if t.Failed() {
			t.Log("the last answer:", last)
		}
	}()
	harness.Eventually(t, fmt.Sprintf("%+v is %s, %s", q, verdict, reason), func() bool {
		e = explain(t, api, q)
		last = fmt.Sprintf("%s, %s: %s %+v %+v", e.Verdict, e.Reason, e.Because, e.Facts, e.Connections)
		return e.Verdict == verdict && e.Reason == reason
	})
	return e
}

// factOf gives the last fact with a key.
func factOf(t *testing.T, e *client.Explanation, key string) client.Fact {
	t.Helper()
	for _, f := range slices.Backward(e.Facts) {
		if f.Key == key {
			return f
		}
	}
	t.Fatalf("there is no fact %s among %+v", key, e.Facts)
	return client.Fact{}
}

func TestAnAppIsToldThatAMessageWasDelivered(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		connID, s := enter(t, c.APIs[0], c.Gateways[1], "alice", "news")
		_, other := enter(t, c.APIs[1], c.Gateways[0], "alice", "sport")
		uuid := tell(t, c.APIs[1], "news", "hello")
		s.Await("hello")
		e := becomes(t, c.APIs[0], client.Explain{Message: uuid, ConnID: connID}, client.Delivered, "acknowledged")
		stored, opened := factOf(t, e, "stored"), factOf(t, e, "then")
		if stored.Offset == 0 || stored.Channel != "news" || stored.At == "" || opened.Gateway == "" || opened.Transport != "ws" || opened.State != "attached" {
			t.Errorf("it was stored as %+v, when the connection was %+v", stored, opened)
		}
		if accepted := factOf(t, e, "accepted"); accepted.API == "" || accepted.Address != "127.0.0.1" || accepted.Trace != "" {
			t.Errorf("it was accepted as %+v", accepted)
		}
		if joined := factOf(t, e, "joined"); joined.By != "connect" || joined.Channel != "news" {
			t.Errorf("it joined as %+v", joined)
		}
		if at := factOf(t, e, "acknowledged").Offset; at < stored.Offset {
			t.Errorf("it has come to %d, and the message is at %d", at, stored.Offset)
		}
		byOffset := client.Explain{Message: fmt.Sprint(stored.Offset), ConnID: connID, Channel: "news"}
		becomes(t, c.APIs[1], byOffset, client.Delivered, "acknowledged")
		of := becomes(t, c.APIs[1], client.Explain{Message: uuid, User: "alice", Channel: "news"}, client.Delivered, "acknowledged")
		if len(of.Connections) != 2 || !strings.HasPrefix(of.Because, "So it is with 1 of the user's 2 connections: ") {
			t.Errorf("of alice it says %s %+v", of.Because, of.Connections)
		}
		for _, connection := range of.Connections {
			if want := connection.ConnID == connID; (connection.Verdict == client.Delivered) != want || !want && connection.Reason != "not_in_channel" {
				t.Errorf("%+v", connection)
			}
		}
		private := send(t, c.APIs[0], client.Message{PMUsers: []string{"bob", "alice"}, Message: "psst"})
		other.Await("psst")
		for _, q := range []client.Explain{{Message: private, User: "alice"}, {Message: private, ConnID: connID}} {
			becomes(t, c.APIs[0], q, client.Delivered, "acknowledged")
		}
		s.Drop()
		becomes(t, c.APIs[0], byOffset, client.Delivered, "acknowledged")
	})
}

func TestAnAppIsToldThatAClientGaveBackWhatItHas(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 2})
		v := harness.NewViewer(t, register(t, c.APIs[0], "alice", "news"))
		v.Come(c.Gateways[0])
		uuid := tell(t, c.APIs[0], "news", "hello")
		v.Await("news", "hello")
		c.Gateways[0].Kill()
		q := client.Explain{Message: uuid, ConnID: v.ConnID()}
		becomes(t, c.APIs[0], q, client.Unknown, "gateway_silent")
		v.Come(c.Gateways[1])
		e := becomes(t, c.APIs[0], q, client.Delivered, "handed_back")
		if back := factOf(t, e, "resumed"); back.Offset != v.Offset() {
			t.Errorf("it came back with %+v, and has %d", back, v.Offset())
		}
		later := tell(t, c.APIs[0], "news", "again")
		v.Await("news", "again")
		becomes(t, c.APIs[0], client.Explain{Message: later, ConnID: v.ConnID()}, client.Delivered, "acknowledged")
	}, processes)
}

func TestAnAppIsToldThatAMessageIsOnItsWay(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one)
	api, gateway := c.APIs[0], c.Gateways[0]
	deafID, deaf := enter(t, api, gateway, "deaf", "news")
	pollerID := register(t, api, "poller", "news")
	poller := harness.OpenPoller(t, gateway, pollerID)
	droppedID, dropped := enter(t, api, gateway, "dropped", "news")
	waitingID := register(t, api, "waiting", "news")
	listenerID := register(t, api, "listener", "news")
	listened := make(chan string, 1)
	go func() { listened <- listen(gateway, listenerID) }() // ends with its answer
	harness.Eventually(t, "the listener listens", func() bool { return gateway.Metric("channelstream_gateway_sessions") == 4 })
	tell(t, api, "news", "first")
	deaf.Await("first")
	harness.Eventually(t, "the poller has the first one", func() bool { return slices.Contains(poller.Texts(), "first") })
	if answer := <-listened; !strings.Contains(answer, `"first"`) {
		t.Fatalf("the listener got %s", answer)
	}
	deaf.Deafen()
	poller.Deafen()
	dropped.Drop()
	uuid := tell(t, api, "news", "second")
	for connID, reason := range map[string]string{
		deafID: "unacknowledged", pollerID: "unacknowledged", droppedID: "away", waitingID: "not_opened", listenerID: "away",
	} {
		becomes(t, api, client.Explain{Message: uuid, ConnID: connID, Channel: "news"}, client.OnItsWay, reason)
	}
	harness.Open(t, gateway, waitingID).Await("second")
	becomes(t, api, client.Explain{Message: uuid, ConnID: waitingID}, client.Delivered, "acknowledged")
}

// listen polls once, and gives the answer.
func listen(gateway *harness.Node, connID string) string {
	polls := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := polls.Get(gateway.URL() + "/listen?conn_id=" + connID)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestAnAppIsToldThatAMessageWasForOthers(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one)
	api, gateway := c.APIs[0], c.Gateways[0]
	connID, _ := enter(t, api, gateway, "alice", "news", "left", "unsubscribed")
	goneID, _ := enter(t, api, gateway, "gone", "news")
	carol := harness.OpenSocketIO(t, gateway, api.API(), "carol")
	if _, err := api.API().Subscribe(t.Context(), client.Subscribe{User: "carol", Channels: []string{"news"}}); err != nil {
		t.Fatal(err)
	}
	carol.Join("news")
	carol.Leave("news")
	unsubscribe(t, api, connID, "unsubscribed")
	if _, err := api.API().Disconnect(t.Context(), goneID); err != nil {
		t.Fatal(err)
	}
	is := func(m client.Message, q client.Explain, reason string) *client.Explanation {
		t.Helper()
		m.Message = reason
		q.Message = send(t, api, m)
		if q.User == "" && q.ConnID == "" {
			q.ConnID = connID
		}
		return becomes(t, api, q, client.NotForIt, reason)
	}
	is(client.Message{Channel: "other"}, client.Explain{}, "not_in_channel")
	is(client.Message{Channel: "news", ExcludeUsers: []string{"alice"}}, client.Explain{}, "excluded")
	is(client.Message{Channel: "news", PMUsers: []string{"bob"}}, client.Explain{Channel: "news"}, "not_among_pm_users")
	is(client.Message{PMUsers: []string{"bob"}}, client.Explain{}, "other_users")
	is(client.Message{PMUsers: []string{"bob"}}, client.Explain{User: "bob"}, "not_connected")
	e := is(client.Message{Channel: "unsubscribed"}, client.Explain{}, "left_before")
	if parted := factOf(t, e, "parted"); parted.By != "unsubscribe" {
		t.Errorf("it left as %+v", parted)
	}
	e = is(client.Message{Channel: "news"}, client.Explain{User: "carol"}, "left_before")
	if facts := fmt.Sprintf("%+v", e.Connections); !strings.Contains(facts, "Key:parted") || !strings.Contains(facts, "By:leave") {
		t.Errorf("carol left as %s", facts)
	}
	e = is(client.Message{Channel: "news"}, client.Explain{ConnID: goneID}, "gone_before")
	if ended := factOf(t, e, "disconnected"); ended.By != "disconnect" {
		t.Errorf("it ended as %+v", ended)
	}
	early := tell(t, api, "later", "early")
	subscribe(t, api, connID, "later")
	e = becomes(t, api, client.Explain{Message: early, ConnID: connID}, client.NotForIt, "joined_later")
	if joined := factOf(t, e, "joined"); joined.By != "subscribe" || joined.Channel != "later" {
		t.Errorf("it joined as %+v", joined)
	}
	lateID, _ := enter(t, api, gateway, "late", "later")
	becomes(t, api, client.Explain{Message: early, ConnID: lateID, Channel: "later"}, client.NotForIt, "connected_later")
}

// While its clients are away for longer than the resume window, a message is posted now and then: the log has the last of them
// when the connections are forgotten.
func TestAnAppIsToldThatAClientWasAwayTooLong(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one, harness.Setting("RESUME_WINDOW", "10s"), harness.Setting("LINGER", "1s"),
		harness.Setting("BACKLOG_BYTES", "64KiB"), harness.Setting("MAX_MESSAGE", "64KiB"), harness.Setting("LEASE_TTL", "1s"))
	api, gateway := c.APIs[0], c.Gateways[0]
	slowID, slow := enter(t, api, gateway, "slow", "news", "flood")
	awayID, away := enter(t, api, gateway, "away", "news")
	slow.Deafen()
	large := strings.Repeat("x", 60<<10)
	harness.Eventually(t, "the slow one is closed", func() bool {
		tell(t, api, "flood", large)
		return gateway.Metric("channelstream_gateway_closed_total") > 0
	})
	away.Drop()
	first := tell(t, api, "news", "first")
	e := becomes(t, api, client.Explain{Message: first, ConnID: slowID}, client.OnItsWay, "away")
	if closed := factOf(t, e, "closed"); closed.Reason != "slow_consumer" {
		t.Errorf("it was closed as %+v", closed)
	}
	missed := map[string]string{slowID: "slow_consumer", awayID: "away_too_long"}
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	last := [2]string{first, first} // or else one might be posted right after the connection was forgotten
	for deadline := time.Now().Add(harness.Patience); len(missed) > 0; <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %v", missed)
		}
		for connID, reason := range missed {
			for _, uuid := range last {
				e := explain(t, api, client.Explain{Message: uuid, ConnID: connID, Channel: "news"})
				if e.Verdict == client.Missed && e.Reason != reason {
					t.Errorf("it was missed as %s, want %s: %s", e.Reason, reason, e.Because)
				}
				if e.Verdict == client.Missed {
					delete(missed, connID)
				}
			}
		}
		last = [2]string{last[1], tell(t, api, "news", "again")}
	}
}

func TestAnAppIsToldThatAClientMissedWhatIsNotLogged(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one)
	api, gateway := c.APIs[0], c.Gateways[0]
	connID, s := enter(t, api, gateway, "alice", "fleeting", "forgotten")
	if _, err := api.API().Configure(t.Context(), map[string]client.ChannelConfig{
		"fleeting": {StoreFrames: new(bool), StoreHistory: true}, "forgotten": {StoreFrames: new(bool)},
	}); err != nil {
		t.Fatal(err)
	}
	there := tell(t, api, "fleeting", "there")
	s.Await("there")
	q := client.Explain{Message: there, ConnID: connID, Channel: "fleeting"}
	becomes(t, api, q, client.Unknown, "not_noted")
	s.Drop()
	harness.Eventually(t, "the connection lingers", func() bool {
		q.Message = tell(t, api, "fleeting", "away")
		return explain(t, api, q).Verdict == client.Missed
	})
	e := becomes(t, api, q, client.Missed, "not_logged")
	factOf(t, e, "not_logged")
	becomes(t, api, client.Explain{Message: tell(t, api, "forgotten", "x"), ConnID: connID, Channel: "forgotten"}, client.Unknown, "not_logged")
}

func TestAnAppIsToldThatTheLogWasTrimmedBeforeAClientCameBack(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one, harness.Setting("LOG_MESSAGES", "1000"))
	api, gateway := c.APIs[0], c.Gateways[0]
	if _, err := api.API().Configure(t.Context(), map[string]client.ChannelConfig{"kept": {StoreHistory: true}}); err != nil {
		t.Fatal(err)
	}
	connID, s := enter(t, api, gateway, "alice", "kept", "flood")
	tell(t, api, "kept", "before")
	s.Await("before")
	s.Drop()
	q := client.Explain{ConnID: connID, Channel: "kept"}
	harness.Eventually(t, "the connection lingers", func() bool {
		q.Message = tell(t, api, "kept", "away")
		e := explain(t, api, q)
		return e.Reason == "away" && factOf(t, e, "then").State == "lingering"
	})
	q.Message = tell(t, api, "kept", "away for sure") // of the other one the history tells when it was accepted, which may be before
	offset := factOf(t, explain(t, api, q), "stored").Offset
	flood := make([]client.Message, 1000)
	for i := range flood {
		flood[i] = client.Message{User: "app", Channel: "flood", Message: fmt.Sprint(i)}
	}
	publish(t, api, flood...)
	becomes(t, api, q, client.Missed, "log_no_longer")
	harness.Open(t, gateway, connID)
	e := becomes(t, api, q, client.Missed, "told_missed")
	if gap := factOf(t, e, "told_missed"); gap.Offset >= offset {
		t.Errorf("it was told %+v, and the message was at %d", gap, offset)
	}
	becomes(t, api, client.Explain{Message: fmt.Sprint(offset), ConnID: connID}, client.Unknown, "log_no_longer")
}

func TestAnAppIsToldWhatCanNotBeTold(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, one)
	api, gateway := c.APIs[0], c.Gateways[0]
	connID, s := enter(t, api, gateway, "alice", "news")
	uuid := tell(t, api, "news", "hello")
	s.Await("hello")
	const nobodys = "09d65887-4e12-46d1-96d1-e8441645235b"
	becomes(t, api, client.Explain{Message: nobodys, ConnID: connID}, client.Unknown, "no_such_message")
	becomes(t, api, client.Explain{Message: nobodys, ConnID: connID, Channel: "news"}, client.Unknown, "no_such_message")
	becomes(t, api, client.Explain{Message: "9007199254740991", ConnID: connID}, client.Unknown, "no_such_message")
	becomes(t, api, client.Explain{Message: uuid, ConnID: "nobody's"}, client.Unknown, "no_such_connection")
	if err := api.API().DeleteMessages(t.Context(), client.Deletion{UUID: uuid, Channel: "news"}); err != nil {
		t.Fatal(err)
	}
	becomes(t, api, client.Explain{Message: uuid, ConnID: connID}, client.Unknown, "erased")
	edited := tell(t, api, "news", "to be edited")
	if _, err := api.API().EditMessages(t.Context(), client.Edit{UUID: edited, Channel: "news", Message: "edited"}); err != nil {
		t.Fatal(err)
	}
	e := becomes(t, api, client.Explain{Message: edited, ConnID: connID}, client.Delivered, "acknowledged")
	if f := factOf(t, e, "edited"); f.Count != 1 {
		t.Errorf("it was edited as %+v", f)
	}
	c.Presences[0].Stop()
	c.Presences[0].Start()
	becomes(t, api, client.Explain{Message: edited, ConnID: connID}, client.Unknown, "chronicle_later")
	later := tell(t, api, "news", "later")
	becomes(t, api, client.Explain{Message: later, ConnID: connID}, client.Delivered, "acknowledged")
}
