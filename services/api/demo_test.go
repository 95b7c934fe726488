package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
)

// byDemo makes a request that the demo has signed.
func byDemo(method, path, body string) *http.Request {
	r := request(method, path, body)
	r.Header.Set("x-channelstream-secret", signature.Sign(signature.DemoSecret(secret), r.URL.Path, time.Now()))
	return r
}

// reserved are requests that name ours where they name one: users, channels and connections. The paths are those of the
// names that are at fault if the caller can not have them.
var reserved = []struct {
	method, path, body string
	want               []string
}{
	{http.MethodPost, "/connect", `{"user":"ours"}`, []string{"user"}},
	{http.MethodPost, "/connect", `{"username":"ours","conn_id":"ours","channels":["ours"],"channel_configs":{"ours":{}}}`,
		[]string{"channel_configs.ours", "channels.0", "conn_id", "username"}},
	{http.MethodPost, "/subscribe", `{"conn_id":"ours","channels":["ours"],"channel_configs":{"ours":{}}}`,
		[]string{"channel_configs.ours", "channels.0", "conn_id"}},
	{http.MethodPost, "/subscribe", `{"user":"ours","channels":["ours"]}`, []string{"channels.0", "user"}},
	{http.MethodPost, "/subscribe?conn_id=ours", `{"channels":["ours"]}`, []string{"channels.0", "conn_id"}},
	{http.MethodPost, "/unsubscribe", `{"conn_id":"ours","channels":["ours"]}`, []string{"channels.0", "conn_id"}},
	{http.MethodPost, "/unsubscribe", `{"user":"ours","channels":["ours"]}`, []string{"channels.0", "user"}},
	{http.MethodPost, "/message", `{"user":"ours","channel":"ours"}`, []string{"channel", "user"}},
	{http.MethodPost, "/message", `[{"username":"ours","pm_users":["ours"],"exclude_users":["ours","\u006furs"]}]`,
		[]string{"0.exclude_users.0", "0.exclude_users.1", "0.pm_users.0", "0.username"}},
	{http.MethodPatch, "/message", `{"uuid":"70000000-0000-4000-8000-000000000000","channel":"ours","user":"ours"}`, []string{"channel", "user"}},
	{http.MethodDelete, "/message", `{"uuid":"70000000-0000-4000-8000-000000000000","pm_users":["ours"]}`, []string{"pm_users.0"}},
	{http.MethodPost, "/user_status", `{"user":"ours","status":1}`, []string{"user"}},
	{http.MethodPost, "/info", `{"channels":["ours"]}`, []string{"channels.0"}},
	{http.MethodPost, "/info", `{"info":{"channels":["ours"],"exclude_channels":["ours"]}}`, []string{"info.channels.0", "info.exclude_channels.0"}},
}

// named puts a name in place of "ours".
func named(text, name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "ours", name), `\u006furs`, `\u00`+fmt.Sprintf("%x", name[0])+name[1:])
}

func TestTheDemoCanNotActForAUserOfTheApp(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveSubjects())
	for _, c := range reserved {
		if c.method == http.MethodPost {
			s.wantFaults(byDemo(c.method, named(c.path, "alice"), named(c.body, "alice")), named(strings.Join(c.want, " "), "alice"))
		}
	}
	s.wantFaults(byDemo(http.MethodPost, "/info", `{}`), "channels")
	s.wantFaults(byDemo(http.MethodGet, "/info", ``), "channels")
	for path, body := range map[string]string{"/user_state": `{"user":"alice","user_state":{}}`, "/channel_config": `{"news":{}}`} {
		s.fault(s.do(byDemo(http.MethodPost, path, body)), http.StatusUnauthorized)
	}
	l.silent()
	s.presence.wantNothing(t)
}

func TestAnAppCanNotHaveANameOfTheDemo(t *testing.T) {
	t.Parallel()
	s := start(t)
	l := s.listen(ns.LiveSubjects())
	const name = contract.DemoPrefix + "alice"
	for _, c := range reserved {
		s.wantFaults(signed(c.method, named(c.path, name), named(c.body, name)), named(strings.Join(c.want, " "), name))
	}
	s.wantFaults(signed(http.MethodPost, "/user_state", `{"user":"`+name+`","user_state":{}}`), "user")
	s.wantFaults(signed(http.MethodPost, "/channel_config", `{"`+name+`":{}}`), name)
	l.silent()
	s.presence.wantNothing(t)
}

func TestTheDemoActsForItsOwn(t *testing.T) {
	t.Parallel()
	s := start(t)
	const name = contract.DemoPrefix + "alice"
	s.want(s.do(byDemo(http.MethodPost, "/connect", `{"user":"`+name+`","channels":["`+name+`"]}`)), http.StatusOK)
	asked := last[contract.ConnectRequest](t, s.presence, contract.VerbConnect)
	if asked.User != name || !contract.OfDemo(asked.ConnID) || asked.ConnID == contract.DemoPrefix {
		t.Errorf("asked %+v", asked)
	}
	s.want(s.do(byDemo(http.MethodPost, "/info", `{"channels":["`+name+`"]}`)), http.StatusOK)
	l := s.listen(ns.LiveUser(name))
	s.want(s.do(byDemo(http.MethodPost, "/message", `{"user":"`+name+`","pm_users":["`+name+`"]}`)), http.StatusOK)
	if o := object(t, l.next().Data); o["user"] != name {
		t.Errorf("got %v", o)
	}
}

// A page closes its connection by its id, as any client does, signed or not.
func TestAConnectionOfTheDemoIsDisconnectedByItsID(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.presence.answer(contract.VerbDisconnect, contract.DisconnectAnswer{Known: true})
	const path, body = "/disconnect", `{"conn_id":"` + contract.DemoPrefix + `1"}`
	for _, r := range []*http.Request{request(http.MethodPost, path, body), byDemo(http.MethodPost, path, body), signed(http.MethodPost, path, body)} {
		if got := s.want(s.do(r), http.StatusOK); got != "true" {
			t.Errorf("answered %s", got)
		}
	}
}

// wantNothing fails the test if presence was asked anything.
func (p *presence) wantNothing(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) > 0 {
		t.Errorf("presence was asked %v", slices.Collect(maps.Keys(p.asked)))
	}
}

// wantFaults wants a 422 at these paths, sorted, and no others.
func (s *system) wantFaults(r *http.Request, want string) {
	s.t.Helper()
	got := slices.Sorted(maps.Keys(s.paths(s.do(r))))
	if paths := strings.Fields(want); !slices.Equal(got, paths) {
		s.t.Errorf("%s %s: faults at %q, want %q", r.Method, r.URL, got, paths)
	}
}
