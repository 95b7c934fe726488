package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

var actions = map[string]string{
	"subscribe": `{"channel":"notify"}`, "unsubscribe": `{"channel":"notify"}`, "message": `{"channel":"pub_chan","text":"x"}`,
	"status": `{"status":1}`, "people": `{}`, "leave": `{}`,
}

func TestNothingWithoutASession(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	payload, tag, _ := strings.Cut(token, ".")
	other, err := newSessions("another secret", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.issue("alice", "conn-a")
	if err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string]string{
		"none": "", "no tag": payload, "empty tag": payload + ".", "another payload": "e30." + tag,
		"another key": foreign, "cut": token[:len(token)-1], "grown": token + "A", "long": strings.Repeat("a", 1<<16),
	} {
		for path, body := range actions {
			if got := p.post(path, forged, body, http.StatusUnauthorized)["code"]; got != "no_session" {
				t.Errorf("%s with %s: code = %v", path, name, got)
			}
		}
	}
	if len(p.api.messages) != 0 || len(p.api.conns) != 1 {
		t.Error("something has changed")
	}
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s, err := newSessions(testSecret, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.issue("alice", "c1")
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(sessionLifetime - time.Second)
	if got, err := s.open(token); err != nil || got.User != "alice" || got.ConnID != "c1" {
		t.Errorf("open = %v, %v", got, err)
	}
	now = now.Add(time.Second)
	if _, err := s.open(token); err == nil {
		t.Error("an old token still opens")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "Zoë", "bob smith", "a.b*c>d", "日本", "🙂", strings.Repeat("é", maxName)} {
		if got, err := userName(good); err != nil || got != good {
			t.Errorf("userName(%q) = %q, %v", good, got, err)
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "blank": "  ", "too long": strings.Repeat("é", maxName+1), "control": "a\x00b", "line": "a\nb",
		"turned around": "a\u202eb", "invisible": "a\u200bb", "no UTF-8": "a\xffb", "path of a request": "/message",
		"padded path": " /message",
	} {
		if got, err := userName(bad); err == nil {
			t.Errorf("%s: userName(%q) = %q", name, bad, got)
		}
	}
}

func TestBadRequestsReachNoAPI(t *testing.T) {
	t.Parallel()
	p := open(t)
	token := p.enter("alice")
	p.api.fail = func(w http.ResponseWriter) {
		t.Error("the api was asked")
		w.WriteHeader(http.StatusTeapot)
	}
	for _, test := range []struct {
		path, body string
		status     int
	}{
		{"connect", ``, http.StatusBadRequest},
		{"connect", `{"username":"\u0007"}`, http.StatusUnprocessableEntity},
		{"connect", `{"username":"/message"}`, http.StatusUnprocessableEntity},
		{"connect", `{"username":"a","conn_id":"conn-a"}`, http.StatusBadRequest},
		{"connect", `{"username":"a"}{}`, http.StatusBadRequest},
		{"connect", `{"username":"` + strings.Repeat("a", maxBody) + `"}`, http.StatusRequestEntityTooLarge},
		{"subscribe", `{"channel":"secrets"}`, http.StatusUnprocessableEntity},
		{"subscribe", `{"channel":"notify","conn_id":"conn-b"}`, http.StatusBadRequest},
		{"unsubscribe", `{"channel":"pub_chan"}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"pub_chan","text":" "}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"pub_chan","text":"\u0000"}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"pub_chan","text":"` + strings.Repeat("x", maxText+1) + `"}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"elsewhere","text":"x"}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"pub_chan","to":"bob","text":"x"}`, http.StatusUnprocessableEntity},
		{"message", `{"to":"b\u202eob","text":"x"}`, http.StatusUnprocessableEntity},
		{"message", `{"text":"x"}`, http.StatusUnprocessableEntity},
		{"message", `{"channel":"pub_chan","text":"x","user":"bob"}`, http.StatusBadRequest},
		{"status", `{"status":5}`, http.StatusUnprocessableEntity},
		{"status", `{"status":-1}`, http.StatusUnprocessableEntity},
		{"status", `{"status":"1"}`, http.StatusBadRequest},
	} {
		p.post(test.path, token, test.body, test.status)
	}
}

// A form of a foreign site can send text/plain without asking, never JSON.
func TestForeignFormIsRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/demo/connect", strings.NewReader(`{"username":"a"}`))
	r.Header.Set("Content-Type", "text/plain")
	w := httptest.NewRecorder()
	p.demo.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("status = %d", w.Code)
	}
}

func FuzzSessionOpen(f *testing.F) {
	s, err := newSessions(testSecret, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	token, err := s.issue("alice", "c1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := s.open(text); err == nil && (text != token || v.User != "alice") {
			t.Errorf("open(%q) = %v", text, v)
		}
	})
}

// The server ends a body when it waits for too many, and says with what to answer.
func TestABodyThatTheServerEndedIsAnsweredWithItsFault(t *testing.T) {
	t.Parallel()
	ended := iotest.ErrReader(&contract.Fault{Code: contract.CodeTooMany, Message: "Too many."})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/demo/connect", ended)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	open(t).demo.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), `"code":"too_many"`) {
		t.Errorf("answered with %d %s", w.Code, w.Body)
	}
}
