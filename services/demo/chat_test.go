package demo

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	p := open(t)
	answer := p.post("connect", "", `{"username":" alice "}`, http.StatusOK)
	for key, want := range map[string]any{
		"user": "alice", "prefix": contract.DemoPrefix, "status": 1.0, "conn_id": "conn-a", "gateway": "", "notify_channel": "notify",
		"channels": []any{"pub_chan", "pub_chan2"}, "public_channels": []any{"pub_chan", "pub_chan2"},
	} {
		if !reflect.DeepEqual(answer[key], want) {
			t.Errorf("%s = %v, want %v", key, answer[key], want)
		}
	}
	sig, _ := answer["sig"].(string)
	demo := signature.NewVerifier([]string{signature.DemoSecret(testSecret)}, time.Minute, signature.Leeway)
	if err := demo.VerifyUser(sig, contract.DemoPrefix+"alice", time.Now()); err != nil {
		t.Errorf("sig = %q: %v", sig, err)
	}
	app := signature.NewVerifier([]string{testSecret}, 0, signature.Leeway)
	for _, name := range []string{"alice", contract.DemoPrefix + "alice"} {
		if err := app.VerifyUser(sig, name, time.Now()); err == nil {
			t.Errorf("sig = %q is the app's for %q", sig, name)
		}
	}
}

func TestNameInUseIsRefusedToOthers(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	if got := p.post("connect", "", `{"username":"alice"}`, http.StatusConflict)["code"]; got != "name_taken" {
		t.Errorf("code = %v", got)
	}
	if got := p.post("connect", p.enter("bob"), `{"username":"alice"}`, http.StatusConflict)["code"]; got != "name_taken" {
		t.Errorf("code with another's token = %v", got)
	}
	if got := p.post("connect", token, `{"username":"alice"}`, http.StatusOK)["conn_id"]; got == "conn-a" {
		t.Error("a second tab took over the first one's connection")
	}
}

func TestResumeTakesUpTheConnection(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	p.api.conns = map[string]string{} // the server has forgotten it
	if got := p.post("connect", token, `{"username":"alice","resume":true}`, http.StatusOK)["conn_id"]; got != "conn-a" {
		t.Errorf("conn_id = %v", got)
	}
	if got := p.post("connect", token, `{"username":"mallory","resume":true}`, http.StatusOK)["conn_id"]; got == "conn-a" {
		t.Error("another name resumed alice's connection")
	}
}

func TestNotifyIsAskedForAndLeft(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	p.post("message", token, `{"channel":"notify","text":"hi"}`, http.StatusUnprocessableEntity)
	got := p.post("subscribe", token, `{"channel":"notify"}`, http.StatusOK)["channels"]
	if !reflect.DeepEqual(got, []any{"notify", "pub_chan", "pub_chan2"}) {
		t.Errorf("subscribed: channels = %v", got)
	}
	p.post("message", token, `{"channel":"notify","text":"hi"}`, http.StatusOK)
	got = p.post("unsubscribe", token, `{"channel":"notify"}`, http.StatusOK)["channels"]
	if !reflect.DeepEqual(got, []any{"pub_chan", "pub_chan2"}) {
		t.Errorf("unsubscribed: channels = %v", got)
	}
}

func TestSocketIOPageIsLetJoin(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.post("subscribe", p.enter("alice"), `{"channel":"notify","join":true}`, http.StatusOK)
	if got := p.api.allowed[owned("alice")]; !reflect.DeepEqual(got, ownedAll("notify")) {
		t.Errorf("allowed = %v", got)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	for _, test := range []struct {
		body string
		want map[string]any
	}{
		{`{"channel":"pub_chan","text":" hi\r\nthere "}`, map[string]any{
			"user": owned("alice"), "channel": owned("pub_chan"), "uuid": "u1", "message": map[string]any{"text": "hi\nthere"},
		}},
		{`{"to":"bob","text":"psst"}`, map[string]any{
			"user": owned("alice"), "pm_users": []any{owned("bob"), owned("alice")}, "uuid": "u1", "message": map[string]any{"text": "psst", "to": "bob"},
		}},
		{`{"to":"alice","text":"note"}`, map[string]any{
			"user": owned("alice"), "pm_users": []any{owned("alice")}, "uuid": "u1", "message": map[string]any{"text": "note", "to": "alice"},
		}},
	} {
		p.post("message", token, test.body, http.StatusOK)
		if got := p.api.messages[len(p.api.messages)-1]; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s was published as %v, want %v", test.body, got, test.want)
		}
	}
}

func TestStatusAndPeople(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("bob")
	p.enter("alice")
	p.post("status", token, `{"status":4}`, http.StatusOK)
	p.post("subscribe", token, `{"channel":"notify"}`, http.StatusOK)
	got := p.post("people", token, `{}`, http.StatusOK)["people"]
	want := []any{
		map[string]any{"name": "alice", "status": 1.0, "channels": []any{"pub_chan", "pub_chan2"}},
		map[string]any{"name": "bob", "status": 4.0, "channels": []any{"pub_chan", "pub_chan2", "notify"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("people = %v", got)
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	if got := p.post("leave", token, `{}`, http.StatusOK)["known"]; got != true {
		t.Errorf("known = %v", got)
	}
	p.enter("alice") // the name is free again
}

func TestAPIFaultsReachThePage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		fail   func(http.ResponseWriter)
		status int
		code   string
	}{
		{"unknown connection", func(w http.ResponseWriter) { unknown(w, "conn_id") }, http.StatusGone, "unknown_connection"},
		{"other field", func(w http.ResponseWriter) { unknown(w, "channels.0") }, http.StatusBadGateway, "api_failed"},
		{"busy", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, http.StatusServiceUnavailable, "unavailable"},
		{"wrong secret", func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) }, http.StatusBadGateway, "api_failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			token := p.enter("alice")
			p.api.fail = test.fail
			if got := p.post("subscribe", token, `{"channel":"notify"}`, test.status)["code"]; got != test.code {
				t.Errorf("code = %v, want %s", got, test.code)
			}
		})
	}
}
