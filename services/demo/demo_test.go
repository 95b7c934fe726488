package demo

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

const testSecret = "a secret"

// fakeAPI is an api with connections and channels in memory. It answers as spec'd for what the demo asks.
type fakeAPI struct {
	t *testing.T

	mu       sync.Mutex
	users    map[string]int                 // user → status; guarded by mu
	conns    map[string]string              // conn_id → user; guarded by mu
	channels map[string]map[string]struct{} // channel → conn_ids; guarded by mu
	allowed  map[string][]string            // user → channels let in by user; guarded by mu
	messages []map[string]any               // guarded by mu
	fail     func(w http.ResponseWriter)    // answers in place of everything; guarded by mu
}

func (a *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	signed := signature.NewVerifier([]string{signature.DemoSecret(testSecret)}, time.Minute, signature.Leeway)
	if err := signed.VerifyRequest(r.Header.Get("X-Channelstream-Secret"), r.URL.Path, time.Now()); err != nil {
		a.t.Errorf("%s is not signed by the demo: %v", r.URL.Path, err)
	}
	if a.fail != nil {
		a.fail(w)
		return
	}
	var in request
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Errorf("read body: %v", err)
	}
	if r.URL.Path == "/message" {
		a.publish(w, body)
		return
	}
	if err := json.Unmarshal(body, &in); err != nil {
		a.t.Errorf("%s: %v", r.URL.Path, err)
	}
	a.wantOwn(slices.Concat([]string{in.User}, in.Channels)...)
	a.serve(w, r.URL.Path, in)
}

type request struct {
	User, ConnID string
	Channels     []string
	Status       int
}

func (r *request) UnmarshalJSON(data []byte) error {
	var in struct {
		User     string   `json:"user"`
		ConnID   string   `json:"conn_id"`
		Channels []string `json:"channels"`
		Status   int      `json:"status"`
	}
	err := json.Unmarshal(data, &in)
	*r = request{in.User, in.ConnID, in.Channels, in.Status}
	return err
}

func (a *fakeAPI) serve(w http.ResponseWriter, path string, in request) {
	switch path {
	case "/connect":
		if in.ConnID == "" {
			in.ConnID = "conn-" + string(rune('a'+len(a.conns)))
		}
		a.users[in.User], a.conns[in.ConnID] = 1, in.User
		a.enter(in.ConnID, in.Channels)
		reply(w, map[string]any{"conn_id": in.ConnID, "user": in.User, "status": 1, "channels": a.of(in.ConnID)})
	case "/subscribe":
		switch {
		case in.User != "":
			a.allowed[in.User] = append(a.allowed[in.User], in.Channels...)
			reply(w, map[string]any{"channels": in.Channels})
		case a.conns[in.ConnID] == "":
			unknown(w, "conn_id")
		default:
			a.enter(in.ConnID, in.Channels)
			reply(w, map[string]any{"channels": a.of(in.ConnID), "subscribed_to": in.Channels})
		}
	case "/unsubscribe":
		for _, channel := range in.Channels {
			delete(a.channels[channel], in.ConnID)
		}
		reply(w, map[string]any{"channels": a.of(in.ConnID), "unsubscribed_from": in.Channels})
	case "/user_status":
		if _, known := a.users[in.User]; !known {
			unknown(w, "user")
			return
		}
		a.users[in.User] = in.Status
		reply(w, map[string]any{"user": in.User, "status": in.Status})
	case "/info":
		reply(w, a.info())
	case "/disconnect":
		_, known := a.conns[in.ConnID]
		delete(a.conns, in.ConnID)
		for _, members := range a.channels {
			delete(members, in.ConnID)
		}
		reply(w, known)
	default:
		a.t.Errorf("unexpected call of %s", path)
	}
}

func (a *fakeAPI) publish(w http.ResponseWriter, body []byte) {
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		a.t.Errorf("message: %v", err)
	}
	for _, message := range list {
		message["uuid"] = "u1"
		user, _ := message["user"].(string)
		channel, _ := message["channel"].(string)
		a.wantOwn(user, channel)
	}
	a.messages = append(a.messages, list...)
	reply(w, list)
}

// wantOwn fails the test for a name that is not of the demo's form: the api would refuse it.
func (a *fakeAPI) wantOwn(names ...string) {
	for _, name := range names {
		if name != "" && !contract.OfDemo(name) {
			a.t.Errorf("the demo asks about %q", name)
		}
	}
}

func (a *fakeAPI) enter(connID string, channels []string) {
	for _, channel := range channels {
		if a.channels[channel] == nil {
			a.channels[channel] = make(map[string]struct{})
		}
		a.channels[channel][connID] = struct{}{}
	}
}

func (a *fakeAPI) of(connID string) []string {
	var names []string
	for name, members := range a.channels {
		if _, in := members[connID]; in {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a *fakeAPI) info() map[string]any {
	channels, users := map[string]any{}, []map[string]any{}
	for name, members := range a.channels {
		var names []string
		for connID := range members {
			names = append(names, a.conns[connID])
		}
		channels[name] = map[string]any{"name": name, "users": names}
	}
	for name, status := range a.users {
		users = append(users, map[string]any{"user": name, "status": status})
	}
	return map[string]any{"channels": channels, "users": users}
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func unknown(w http.ResponseWriter, field string) {
	w.WriteHeader(http.StatusUnprocessableEntity)
	reply(w, map[string]any{"error": "no", "code": "invalid", "errors": map[string][]string{field: {"Unknown."}}})
}

// page is a browser's view of a running demo.
type page struct {
	t    *testing.T
	demo *Demo
	api  *fakeAPI
}

func open(t *testing.T) page {
	t.Helper()
	api := &fakeAPI{
		t: t, users: map[string]int{}, conns: map[string]string{},
		channels: map[string]map[string]struct{}{}, allowed: map[string][]string{},
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	demo, err := New(Config{APIURL: server.URL, Secret: testSecret, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(demo.Close)
	return page{t, demo, api}
}

// post sends body, a JSON text, to the demo and expects status; it returns the answer.
func (p page) post(path, token, body string, status int) map[string]any {
	p.t.Helper()
	r := httptest.NewRequestWithContext(p.t.Context(), http.MethodPost, "/demo/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	p.demo.Handler().ServeHTTP(w, r)
	if w.Code != status {
		p.t.Fatalf("POST %s %s = %d %s, want %d", path, body, w.Code, w.Body, status)
	}
	var answer map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		p.t.Fatalf("POST %s: %v", path, err)
	}
	return answer
}

func (p page) enter(name string) (token string) {
	p.t.Helper()
	token, ok := p.post("connect", "", `{"username":"`+name+`"}`, http.StatusOK)["token"].(string)
	if !ok {
		p.t.Fatal("no token")
	}
	return token
}
