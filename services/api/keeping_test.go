package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
)

// keeper is a system whose api runs, with the bucket of channels that presence would write.
type keeper struct {
	*system
	bucket *bus.Bucket
}

func run(t *testing.T, environ ...string) *keeper {
	t.Helper()
	k := &keeper{system: start(t, environ...)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	if err := k.service.Ready(t.Context()); err == nil {
		t.Error("ready before presence has made the bucket of channels")
	}
	var err error
	if k.bucket, err = k.conn.OpenBucket(t.Context(), bus.BucketConfig{Name: ns.Bucket(contract.BucketChannels)}); err != nil {
		t.Fatal(err)
	}
	k.eventually("the api is ready", func() bool { return k.service.Ready(t.Context()) == nil })
	return k
}

// eventually waits for a condition.
func (s *system) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// keeps are settings of a channel that remembers so many messages.
func keeps(size int) contract.ChannelSettings {
	return contract.ChannelSettings{StoreHistory: true, HistorySize: size, StoreFrames: true}
}

// configure gives a channel its settings through the api, and lets presence describe it so from then on.
func (k *keeper) configure(name string, settings contract.ChannelSettings) string {
	k.t.Helper()
	value, err := json.Marshal(contract.ChannelRecord{Name: name, Settings: settings, History: true})
	if err != nil {
		k.t.Fatal(err)
	}
	revision, err := k.bucket.Put(k.t.Context(), contract.EncodeToken(name), value)
	if err != nil {
		k.t.Fatal(err)
	}
	info := contract.ChannelsInfo{Users: []contract.UserInfo{}, Channels: map[string]contract.ChannelInfo{
		name: {Name: name, Settings: settings, History: []json.RawMessage{}, Users: []string{}},
	}}
	k.presence.answer(contract.VerbInfo, contract.InfoAnswer{ChannelsInfo: info})
	k.presence.answer(contract.VerbConfigure, contract.ConfigureAnswer{Seen: contract.Seen{Revision: 3, Settings: revision}, ChannelsInfo: info})
	return k.want(k.post("/channel_config", fmt.Sprintf(`{%q:{"store_history":%t}}`, name, settings.StoreHistory)), http.StatusOK)
}

// history is what /info shows of the channel configured last.
func (k *keeper) history(name string) []map[string]any {
	k.t.Helper()
	var info struct {
		Channels map[string]struct{ History []map[string]any }
	}
	body := k.want(k.post("/info", fmt.Sprintf(`{"channels":[%q]}`, name)), http.StatusOK)
	if err := json.Unmarshal([]byte(body), &info); err != nil {
		k.t.Fatal(err)
	}
	return info.Channels[name].History
}

// wantHistory wants messages with these contents, oldest first.
func (k *keeper) wantHistory(name, want string) {
	k.t.Helper()
	var got []string
	for _, m := range k.history(name) {
		got = append(got, fmt.Sprint(m["message"]))
	}
	if strings.Join(got, " ") != want {
		k.t.Errorf("history %v, want %s", got, want)
	}
}

// say posts messages to a channel, one request for each.
func (k *keeper) say(channel string, contents ...any) {
	k.t.Helper()
	for _, content := range contents {
		k.want(k.post("/message", fmt.Sprintf(`{"user":"s","channel":%q,"message":%v}`, channel, content)), http.StatusOK)
	}
}

// id is a UUID.
func id(n int) string { return fmt.Sprintf("b0000000-0000-4000-8000-%012d", n) }

// named posts a message with a uuid of its own.
func (k *keeper) named(channel string, n int, content string) {
	k.t.Helper()
	k.want(k.post("/message", fmt.Sprintf(`{"user":"s","channel":%q,"uuid":%q,"message":%s}`, channel, id(n), content)), http.StatusOK)
}

func (k *keeper) patch(body string) string {
	k.t.Helper()
	return k.want(k.do(signed(http.MethodPatch, "/message", body)), http.StatusOK)
}

func (k *keeper) remove(body string) string {
	k.t.Helper()
	return k.want(k.do(signed(http.MethodDelete, "/message", body)), http.StatusOK)
}

// stored are the records of a subject of a log.
func (k *keeper) stored(stream, subject string) []bus.LogMessage {
	k.t.Helper()
	var entries []bus.LogMessage
	err := k.conn.BindLog(stream).Each(k.t.Context(), subject, 0, func(e bus.LogMessage) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return entries
}

func (k *keeper) records(channel string) []bus.LogMessage {
	k.t.Helper()
	return k.stored(ns.HistoryStream(contract.HistoryShard(channel)), ns.HistorySubject(channel))
}

func (k *keeper) logged(live string) []bus.LogMessage {
	k.t.Helper()
	return k.stored(ns.LogStream(), ns.LogSubject(live))
}

// Golden part 7: history keeps the delivery keys and the message as the app got it back.
func TestHistoryShowsMessagesAsTheAppGotThemBack(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(2))
	k.want(k.post("/message", `[{"user":"s","channel":"room","message":{"n":0}},{"user":"s","channel":"room","message":{"n":1}},
		{"uuid":"`+id(7)+`","user":"s","channel":"room","timestamp":"2020-01-02T03:04:05+00:00","message":{"t":"tz"},"extra":1,
		"pm_users":["wa"],"exclude_users":["wb"]}]`), http.StatusOK)
	body := k.want(k.post("/info", `{"info":{"channels":["room"]}}`), http.StatusOK)
	const want = `{"uuid":"b0000000-0000-4000-8000-000000000007","timestamp":"2020-01-02T03:04:05.000000Z","user":"s","channel":"room",` +
		`"pm_users":["wa"],"exclude_users":["wb"],"no_history":false,"message":{"t":"tz"},"edited":null,"extra":1,"type":"message","catchup":false}],`
	if !strings.Contains(body, want) || strings.Contains(body, `"n":0`) || !strings.Contains(body, `"n":1`) {
		t.Errorf("history in %s\nwant %s", body, want)
	}
	if strings.Contains(k.want(k.post("/info", `{"info":{"channels":["room"],"include_history":false}}`), http.StatusOK), "tz") {
		t.Error("history that was not asked for")
	}
}

// Golden part 7: `no_history` is delivered, not stored in history.
func TestNoHistoryKeepsAMessageOut(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(2))
	k.say("room", 1)
	l := k.listen(ns.LiveChannel("room"))
	k.want(k.post("/message", `{"user":"s","channel":"room","no_history":true,"message":2}`), http.StatusOK)
	k.wantHistory("room", "1")
	if m := l.next(); !strings.Contains(string(m.Data), `"message":2`) {
		t.Errorf("clients got %s", m.Data)
	}
}

// Golden part 7: history_size 0 means unlimited; 15 messages sent, history length = 15.
func TestHistorySizeZeroShowsAll(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(0))
	for n := range 15 {
		k.say("room", n)
	}
	k.wantHistory("room", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14")
}

// Golden part 17: a smaller history_size shows the newest; here at once, there with the next message.
func TestALoweredHistorySizeShowsTheNewest(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	k.say("room", 0, 1, 2, 3, 4)
	k.wantHistory("room", "0 1 2 3 4")
	k.configure("room", keeps(2))
	k.wantHistory("room", "3 4")
	k.say("room", 5)
	k.wantHistory("room", "4 5")
}

func TestHistoryTrimmedByASmallerSizeDoesNotComeBackWithALargerOne(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	k.say("room", 0, 1, 2, 3, 4)
	k.configure("room", keeps(2))
	k.say("room", 5)
	asked := 0
	k.presence.answer(contract.VerbConfigure, func(data []byte) any { // as presence does for a channel that is to show more
		var request contract.ConfigureRequest
		if err := json.Unmarshal(data, &request); err != nil {
			t.Error(err)
		}
		if asked++; request.Trimmed["room"] == 2 {
			return contract.ConfigureAnswer{}
		}
		return contract.ConfigureAnswer{Trim: map[string]int{"room": 2}}
	})
	k.want(k.post("/channel_config", `{"room":{"store_history":true}}`), http.StatusOK)
	if n := len(k.records("room")); n != 2 || asked != 2 {
		t.Errorf("%d records are left when the settings are given at the question %d", n, asked)
	}
	k.configure("room", keeps(10))
	k.say("room", 6)
	k.wantHistory("room", "4 5 6")
}

func TestHistoryThatCanNotBeTrimmedIs503AndTheSettingsStay(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_REQUEST_TIMEOUT=1s") // its logs of history are not there
	s.presence.answer(contract.VerbConfigure, contract.ConfigureAnswer{Trim: map[string]int{"room": 2}})
	s.fault(s.post("/channel_config", `{"room":{"store_history":true}}`), http.StatusServiceUnavailable)
	if asked := last[contract.ConfigureRequest](t, s.presence, contract.VerbConfigure); len(asked.Trimmed) != 0 || asked.Trimmed == nil {
		t.Errorf("presence was told that %v are trimmed", asked.Trimmed)
	}
}

// Golden part 17: store_history switched off: old history stays visible, new messages are not added.
func TestHistoryThatIsSwitchedOffStaysVisible(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(2))
	k.named("room", 1, `4`)
	k.say("room", 5)
	k.configure("room", contract.DefaultChannelSettings())
	k.say("room", 6)
	k.wantHistory("room", "4 5")
	k.patch(`{"uuid":"` + id(1) + `","channel":"room","message":7}`)
	k.wantHistory("room", "7 5")
	k.remove(`{"uuid":"` + id(1) + `","channel":"room"}`)
	k.wantHistory("room", "5")
}

// Golden part 17: the same uuid twice; within the window it is one message here.
func TestTheSameUUIDIsRememberedOnce(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	for range 3 {
		k.named("room", 1, `1`)
	}
	k.named("room", 2, `2`)
	k.wantHistory("room", "1 2")
	k.remove(`{"uuid":"` + id(1) + `","channel":"room"}`)
	k.wantHistory("room", "2")
}

func TestAFleetingChannelMayRemember(t *testing.T) {
	t.Parallel()
	k := run(t)
	settings := keeps(10)
	settings.StoreFrames = false
	k.configure("room", settings)
	for range 2 {
		k.named("room", 1, `1`)
	}
	k.wantHistory("room", "1")
	k.patch(`{"uuid":"` + id(1) + `","channel":"room","message":2}`)
	k.wantHistory("room", "2")
	k.remove(`{"uuid":"` + id(1) + `","channel":"room"}`)
	k.wantHistory("room", "")
	if n := len(k.logged(ns.LiveChannel("room"))); n != 0 {
		t.Errorf("%d are in the log", n)
	}
}

func TestConnectAndSubscribeShowHistory(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(10))
	k.say("room", `"remember"`)
	info := func() contract.ChannelsInfo {
		return contract.ChannelsInfo{Channels: map[string]contract.ChannelInfo{"room": {Settings: keeps(10)}, "other": {}}}
	}
	other := info()
	k.presence.answer(contract.VerbConnect, contract.ConnectAnswer{History: true, ChannelsInfo: info()})
	k.presence.answer(contract.VerbSubscribe, contract.SubscribeAnswer{ChannelsInfo: &other})
	k.presence.answer(contract.VerbUnsubscribe, contract.UnsubscribeAnswer{ChannelsInfo: info()})
	for path, body := range map[string]string{
		"/connect": `"user":"a"`, "/subscribe": `"conn_id":"c","channels":["a"]`, "/unsubscribe": `"conn_id":"c","channels":["a"]`,
	} {
		if got := k.want(k.post(path, `{`+body+`}`), http.StatusOK); strings.Count(got, "remember") != 1 {
			t.Errorf("%s answered %s", path, got)
		}
		if got := k.want(k.post(path, `{`+body+`,"info":{"include_history":false}}`), http.StatusOK); strings.Contains(got, "remember") {
			t.Errorf("%s answered %s", path, got)
		}
	}
}

func TestHistoryThatCanNotBeReadIs503(t *testing.T) {
	t.Parallel()
	s := start(t) // its logs of history are not there
	s.presence.answer(contract.VerbInfo, contract.InfoAnswer{ChannelsInfo: contract.ChannelsInfo{
		Channels: map[string]contract.ChannelInfo{"room": {Settings: keeps(10)}},
	}})
	s.fault(s.post("/info", `{}`), http.StatusServiceUnavailable)
	s.want(s.post("/info", `{"info":{"include_history":false}}`), http.StatusOK)
}

func TestHistoryIsTrimmedToItsSizeAndEditsDriveNothingOut(t *testing.T) {
	t.Parallel()
	k := run(t)
	k.configure("room", keeps(3))
	k.named("room", 1, `1`)
	k.named("room", 2, `2`)
	for n := range 40 {
		k.patch(fmt.Sprintf(`{"uuid":%q,"channel":"room","message":%d}`, id(1+n%2), 100+n))
	}
	k.say("room", 3)
	k.wantHistory("room", "138 139 3")
	k.eventually("edits in vain are gone", func() bool { return len(k.records("room")) < 20 })
	k.wantHistory("room", "138 139 3")
	for n := range 30 {
		k.say("room", n)
	}
	k.eventually("old messages are gone", func() bool { return len(k.records("room")) < 15 })
	k.wantHistory("room", "27 28 29")
}

// open makes the logs of history, as Run does.
func (k *keeper) open() {
	k.t.Helper()
	messages := settings.Messages{HistoryBytes: 1 << 30, HistoryMessages: 1000}
	if err := k.conn.Open(k.t.Context(), bus.HistoryLogs(ns, messages, 1)...); err != nil {
		k.t.Fatal(err)
	}
}
