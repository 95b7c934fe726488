package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

func TestAWildcardNameReachesOnlyItsOwnSubject(t *testing.T) {
	t.Parallel()
	s := start(t)
	others := s.listen(ns.LiveChannel("a"), ns.LiveChannel("a.b"), ns.LiveUser("a"))
	for _, name := range []string{"*", ">", "a.*", "a.>", ".", "a b", "=2A", "$SYS", "\u2028", strings.Repeat("🙂", 256)} {
		own := s.listen(ns.LiveChannel(name), ns.LiveUser(name))
		quoted, _ := json.Marshal(name)
		s.want(s.post("/message", fmt.Sprintf(`[{"user":"a","channel":%s},{"user":"a","pm_users":[%s]}]`, quoted, quoted)), http.StatusOK)
		if m := own.next(); m.Subject != ns.LiveChannel(name) || object(t, m.Data)["channel"] != name {
			t.Errorf("%q: %s on %s", name, m.Data, m.Subject)
		}
		if m := own.next(); m.Subject != ns.LiveUser(name) {
			t.Errorf("%q: on %s", name, m.Subject)
		}
		own.silent()
	}
	others.silent()
}

func TestAListenerOfEverythingHearsOnlyWhatWasPublished(t *testing.T) {
	t.Parallel()
	s := start(t)
	all := s.listen(">")
	for _, body := range []string{
		`[{"user":"a","channel":"c"},{"user":"a"}]`, `{"user":"a","channel":"c\r\nPUB x 1"}`, `{"user":"","channel":"c"}`, `{`, `[[]]`, `[{"user":"a","channel":"c"}`,
	} {
		if w := s.post("/message", body); w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	all.silent()
}

func TestForwardingHeadersOfStrangersDoNotCount(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := signed(http.MethodPost, "/message", `{"user":"a","channel":"c"}`)
	r.RemoteAddr = "198.51.100.1:1"
	for _, header := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip", "X-Client-Ip"} {
		r.Header.Set(header, "127.0.0.1")
	}
	s.fault(s.do(r), http.StatusForbidden)
}

func TestTheSecretItselfOpensNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, sent := range []string{secret, secret + ".", "." + secret, strings.Repeat("A", 1<<16), "..", "."} {
		r := request(http.MethodPost, "/message", `{"user":"a","channel":"c"}`)
		r.Header.Set("x-channelstream-secret", sent)
		s.fault(s.do(r), http.StatusUnauthorized)
	}
}

func TestASignatureInTheWrongPlaceDoesNotCount(t *testing.T) {
	t.Parallel()
	s := start(t)
	right := signature.Sign(secret, "/message", time.Now())
	for name, place := range map[string]func(*http.Request){
		"the body":       func(*http.Request) {},
		"another header": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+right) },
		"a cookie":       func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "secret", Value: right}) },
		"another query":  func(r *http.Request) { r.URL.RawQuery = "signature=" + right },
	} {
		r := request(http.MethodPost, "/message", `{"user":"a","channel":"c","secret":"`+right+`"}`)
		place(r)
		if w := s.do(r); w.Code != http.StatusForbidden {
			t.Errorf("in %s: %d", name, w.Code)
		}
	}
}

func TestASignatureOfAUserIsNoSignatureOfARequest(t *testing.T) {
	t.Parallel()
	s := start(t)
	r := request(http.MethodPost, "/message", `{"user":"a","channel":"c"}`)
	r.Header.Set("x-channelstream-secret", signature.Sign(secret, "alice", time.Now()))
	s.fault(s.do(r), http.StatusUnauthorized)
}

func TestAnswersAreNeverTakenForPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := s.post("/message", `{"user":"<script>alert(1)</script>","channel":"c"}`)
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Errorf("headers %v", w.Header())
	}
}

func TestAClientThatLiesAboutItsLengthCostsNoMemory(t *testing.T) {
	t.Parallel()
	s := start(t)
	server := httptest.NewServer(s.service.Handler())
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is closed in any case
	sign := signature.Sign(secret, "/message", time.Now())
	fmt.Fprintf(conn, "POST /message HTTP/1.1\r\nHost: x\r\nx-channelstream-secret: %s\r\nContent-Length: 9999999999\r\n\r\n{", sign)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestANameOf512BytesTravelsWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	name := strings.Repeat("ü.", 256)[:512]
	name = strings.ToValidUTF8(name, "x")
	l := s.listen(ns.LiveUser(name))
	quoted, _ := json.Marshal(name)
	s.want(s.post("/message", fmt.Sprintf(`{"user":%s,"pm_users":[%s],"channel":null}`, quoted, quoted)), http.StatusOK)
	if o := object(t, l.next().Data); o["user"] != name {
		t.Errorf("got %v", o["user"])
	}
}

func TestPMUsersOfAChannelNeverBecomeSubjects(t *testing.T) {
	t.Parallel()
	s := start(t)
	users := s.listen(ns.LiveUser("b"))
	channel := s.listen(ns.LiveChannel("c"))
	s.want(s.post("/message", `{"user":"a","channel":"c","pm_users":["b"]}`), http.StatusOK)
	if m := channel.next(); m.Header[contract.HeaderPM][0] != "b" {
		t.Errorf("headers %v", m.Header)
	}
	users.silent()
}

// The signature of a user named /message would be one for posting.
func TestNoUserHasTheNameOfAPath(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, body := range map[string]string{
		"/connect":     `{%q:"/message"}`,
		"/subscribe":   `{%q:"/message","channels":["a"]}`,
		"/user_status": `{%q:"/message","status":1}`,
		"/user_state":  `{%q:"/message","user_state":{"a":1}}`,
	} {
		for _, field := range []string{"user", "username"} {
			fault := s.fault(s.post(path, fmt.Sprintf(body, field)), http.StatusUnprocessableEntity)
			if len(fault.Fields) != 1 || len(fault.Fields[field]) != 1 {
				t.Errorf("%s of %s: %v", field, path, fault)
			}
		}
	}
	s.presence.wantNothing(t)
	s.want(s.post("/message", `{"user":"/cron","channel":"a"}`), http.StatusOK) // who posts needs no signature
	s.want(s.post("/connect", `{"user":"a/b"}`), http.StatusOK)
}
