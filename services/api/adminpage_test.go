package api_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

const adminSecret = "open sesame"

var (
	pages   = []string{"/admin", "/admin/", "/admin/ui/live", "/admin/ui/channels", "/admin/ui/channel?name=c", "/admin/ui/users", "/admin/ui/user?name=a", "/admin/ui/explain", "/admin/ui/explain?message=%3Cscript%3E&channel=%3Cscript%3E", "/admin/sign_out"}
	actions = []string{"/admin/sign_out", "/admin/ui/channel/settings", "/admin/ui/channel/message", "/admin/ui/disconnect"}
)

// operator is a browser in which somebody has signed in.
type operator struct {
	*system
	cookie *http.Cookie
	token  string
}

func form(path string, values url.Values) *http.Request {
	r := request(http.MethodPost, path, values.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func credentials(user, secret string) url.Values {
	return url.Values{"user": {user}, "secret": {secret}}
}

// startAdmin begins a system with an admin page, and signs in.
func startAdmin(t *testing.T, environ ...string) *operator {
	t.Helper()
	o := &operator{system: start(t, append([]string{"CHANNELSTREAM_ADMIN_SECRET=" + adminSecret}, environ...)...)}
	o.presence.answer(contract.VerbListChannels, func([]byte) any {
		return contract.ListChannelsAnswer{Channels: []contract.ListedChannel{{Name: "<script>alert(1)</script>", Users: 1, Connections: 2, Settings: contract.DefaultChannelSettings()}}}
	})
	o.presence.answer(contract.VerbListUsers, contract.ListUsersAnswer{Users: []contract.ListedUser{
		{User: `"><img src=x onerror=alert(1)>`, State: map[string]json.RawMessage{"k": json.RawMessage(`"</td><script>"`)}},
	}})
	o.presence.answer(contract.VerbListConnections, contract.ListConnectionsAnswer{Connections: []contract.ListedConnection{
		{ConnID: "c1", User: "' onclick='x", State: contract.Attached, Channels: []string{"javascript:alert(1)"}, Since: "2026-01-02T03:04:05.000006"},
	}})
	w := o.do(form("/admin/sign_in", credentials("admin", adminSecret)))
	o.want(w, http.StatusSeeOther)
	if to := w.Header().Get("Location"); to != "/admin" {
		t.Errorf("sent to %q", to)
	}
	o.cookie = w.Result().Cookies()[0]
	found := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(o.want(o.look("/admin"), http.StatusOK))
	if found == nil {
		t.Fatal("there is no token in the page")
	}
	o.token = html.UnescapeString(found[1])
	return o
}

func (o *operator) look(path string) *httptest.ResponseRecorder {
	r := request(http.MethodGet, path, "")
	r.AddCookie(o.cookie)
	return o.do(r)
}

func (o *operator) act(path string, values url.Values) *httptest.ResponseRecorder {
	values.Set("token", o.token)
	r := form(path, values)
	r.AddCookie(o.cookie)
	return o.do(r)
}

func TestWithoutAnAdminSecretThereIsNoPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range append(pages, "/admin/sign_in", "/admin/static/admin.css") {
		s.fault(s.do(request(http.MethodGet, path, "")), http.StatusNotFound)
	}
	if n := s.log.Count("CHANNELSTREAM_ADMIN_SECRET is not set"); n != 1 {
		t.Errorf("the log says %d times why", n)
	}
	s.fault(s.do(form("/admin/sign_in", credentials("admin", ""))), http.StatusNotFound)
}

func TestNothingIsShownBeforeTheSignIn(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret)
	for _, path := range pages {
		w := s.do(request(http.MethodGet, path, ""))
		if body := s.want(w, http.StatusFound); body != "" || w.Header().Get("Location") != "/admin/sign_in" {
			t.Errorf("%s: %q to %q", path, body, w.Header().Get("Location"))
		}
	}
	for _, path := range actions {
		s.want(s.do(form(path, url.Values{"conn_id": {"c1"}, "name": {"c"}})), http.StatusFound)
	}
	for _, verb := range []string{contract.VerbOverview, contract.VerbListChannels, contract.VerbListUsers, contract.VerbDisconnect, contract.VerbConfigure} {
		if n := s.presence.count(verb); n != 0 {
			t.Errorf("presence was asked to %s", verb)
		}
	}
	s.want(s.do(request(http.MethodGet, "/admin/sign_in", "")), http.StatusOK)
	signed := signed(http.MethodGet, "/admin", "") // the app's secret is no operator's
	s.want(s.do(signed), http.StatusFound)
}

func TestTheCookieIsForThisPageAlone(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret, "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1", "CHANNELSTREAM_ADMIN_USER=root")
	for _, https := range []bool{false, true} {
		r := form("/admin/sign_in", credentials("root", adminSecret))
		if https {
			r.Header.Set("X-Forwarded-Proto", "https")
		}
		w := s.do(r)
		s.want(w, http.StatusSeeOther)
		c := w.Result().Cookies()[0]
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/admin" || c.MaxAge != 43200 || c.Secure != https || c.Domain != "" {
			t.Errorf("https %t: %+v", https, c)
		}
	}
	s.want(s.do(form("/admin/sign_in", credentials("admin", adminSecret))), http.StatusOK)
}

func TestAWrongSecretOpensNothing(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret)
	for range 10 {
		w := s.do(form("/admin/sign_in", credentials("admin", "guess")))
		if body := s.want(w, http.StatusOK); !strings.Contains(body, "not the name and the secret") || len(w.Result().Cookies()) != 0 {
			t.Fatalf("%v", w.Header())
		}
	}
	w := s.do(form("/admin/sign_in", credentials("admin", adminSecret)))
	s.want(w, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") == "" || len(w.Result().Cookies()) != 0 {
		t.Errorf("%v", w.Header())
	}
	other := form("/admin/sign_in", credentials("admin", adminSecret))
	other.RemoteAddr = "192.0.2.1:5000"
	s.want(s.do(other), http.StatusSeeOther)
	if strings.Contains(s.log.String(), "guess") {
		t.Error("a guess is in the log")
	}
	forged := request(http.MethodGet, "/admin", "")
	forged.AddCookie(&http.Cookie{Name: "channelstream_admin", Value: "e30.AAAA"})
	s.want(s.do(forged), http.StatusFound)
}

func TestWhatAFormDoesIsAskedForByAPageOfThisServer(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	for _, path := range actions {
		for name, change := range map[string]func(*http.Request){
			"no token":     func(r *http.Request) { r.PostForm = nil; r.Body = http.NoBody },
			"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"a neighbour":  func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		} {
			r := form(path, url.Values{"token": {o.token}, "conn_id": {"c1"}, "name": {"c"}, "message": {"m"}, "history_size": {"1"}})
			r.AddCookie(o.cookie)
			change(r)
			if w := o.do(r); w.Code != http.StatusForbidden {
				t.Errorf("%s by %s: %d", path, name, w.Code)
			}
		}
	}
	evil := form("/admin/sign_in", credentials("admin", adminSecret)) // nobody is signed in by another site either
	evil.Header.Set("Sec-Fetch-Site", "cross-site")
	o.want(o.do(evil), http.StatusForbidden)
	if o.presence.count(contract.VerbDisconnect)+o.presence.count(contract.VerbConfigure) != 0 {
		t.Error("something was done")
	}
}

// Names, states and messages are of whoever connects.
func TestWhatUsersWriteIsShownAsText(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|<[^>]*\son[a-z]+\s*=|<script(?:\s+src="/admin/static/[^"]+" defer)?>[^<]|href="javascript:|<img src=x`)
	escaped := strings.NewReplacer("&#39; onclick=&#39;x", "!", "&lt;img src=x onerror=alert(1)&gt;", "!")
	for _, path := range append(pages, "/admin/sign_in") {
		w := o.look(path)
		body := o.want(w, http.StatusOK)
		if found := inline.FindString(escaped.Replace(body)); found != "" {
			t.Errorf("%s: %q", path, found)
		}
		h := w.Header()
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") ||
			h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, h)
		}
		for _, link := range regexp.MustCompile(`(?:src|href)="(/admin/static/[^"]+)"`).FindAllStringSubmatch(body, -1) {
			o.want(o.do(request(http.MethodGet, link[1], "")), http.StatusOK)
		}
	}
}

func TestThePageActsAsAnApp(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	w := o.act("/admin/ui/channel/settings", url.Values{
		"name": {"a&b"}, "long_name": {"A and B"}, "history_size": {"7"}, "store_history": {"on"}, "notify_state": {"on"},
	})
	o.want(w, http.StatusSeeOther)
	if to := w.Header().Get("Location"); to != "/admin/ui/channel?done=saved&name=a%26b" {
		t.Errorf("sent to %q", to)
	}
	long := "A and B"
	got := last[contract.ConfigureRequest](t, o.presence, contract.VerbConfigure).Channels["a&b"]
	if want := (contract.ChannelSettings{StoreHistory: true, HistorySize: 7, NotifyState: true}); got.ChannelSettings != want || *got.LongName != long {
		t.Errorf("%+v", got)
	}

	l := o.listen(ns.LiveChannel("a&b"))
	for text, want := range map[string]string{"hello <b>": `"hello <b>"`, `{"n": 1}`: `{"n":1}`} {
		o.want(o.act("/admin/ui/channel/message", url.Values{"name": {"a&b"}, "message": {text}}), http.StatusSeeOther)
		var message struct {
			User    string
			Message json.RawMessage
		}
		if err := json.Unmarshal(l.next().Data, &message); err != nil || message.User != "admin" || !sameJSON(t, string(message.Message), want) {
			t.Errorf("%+v, %v", message, err)
		}
	}

	o.want(o.act("/admin/ui/disconnect", url.Values{"conn_id": {"c7"}, "user": {"alice"}, "channel": {"a&b"}}), http.StatusSeeOther)
	if got := last[contract.DisconnectRequest](t, o.presence, contract.VerbDisconnect); got.ConnID != "c7" {
		t.Errorf("%+v", got)
	}
	w = o.act("/admin/ui/disconnect", url.Values{"user": {"alice"}})
	o.want(w, http.StatusSeeOther)
	if got := last[contract.DisconnectRequest](t, o.presence, contract.VerbDisconnect); got.ConnID != "c1" || w.Header().Get("Location") != "/admin/ui/user?done=all&name=alice" {
		t.Errorf("%+v, sent to %q", got, w.Header().Get("Location"))
	}
	if asked := last[contract.ListConnectionsRequest](t, o.presence, contract.VerbListConnections); asked.User != "alice" || asked.Limit != contract.MaxPage {
		t.Errorf("%+v", asked)
	}
}

func TestAFormThatIsWrongComesBackAsItWasFilledIn(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	body := o.want(o.act("/admin/ui/channel/settings", url.Values{"name": {"c"}, "history_size": {"many"}, "notify_state": {"on"}}), http.StatusUnprocessableEntity)
	for _, want := range []string{"history_size: This must be a whole number.", `value="many"`, `name="notify_state" checked`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if o.presence.count(contract.VerbConfigure) != 0 {
		t.Error("presence was asked")
	}
	o.presence.answer(contract.VerbListUsers, contract.ListUsersAnswer{})
	o.want(o.look("/admin/ui/user?name=nobody"), http.StatusNotFound)
	o.presence.answer(contract.VerbListChannels, contract.Unavailable("Later."))
	if body := o.want(o.look("/admin/ui/channels"), http.StatusServiceUnavailable); !strings.Contains(body, "Later.") {
		t.Error("the page does not say why")
	}
}

func TestAnOperatorIsToldWhetherAMessageArrived(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	uuid := o.posted(`{"user":"app","channel":"a b","message":1}`)
	o.presence.answer(contract.VerbChronicle, func(raw []byte) any {
		if strings.Contains(string(raw), `"conn_id":"alice"`) {
			return contract.ChronicleAnswer{From: time.Now().Add(-time.Hour)}
		}
		return there("c1", "alice")
	})
	ask := func(message, who string) string {
		return "/admin/ui/explain?" + url.Values{"message": {message}, "channel": {"a b"}, "who": {who}}.Encode()
	}
	for _, who := range []string{"c1", "alice"} { // a connection, or else a user
		body := o.want(o.look(ask(uuid, who)), http.StatusOK)
		for _, want := range []string{`<span class="badge unknown">unknown</span>`, "It was accepted, and stored in the log at offset", `value="` + uuid + `"`} {
			if !strings.Contains(body, want) {
				t.Errorf("for %s the page lacks %s", who, want)
			}
		}
		if named := strings.Contains(body, `aria-label="Connection c1"`); named != (who == "alice") {
			t.Errorf("for %s the page names connections: %t", who, named)
		}
	}
	if body := o.want(o.look(ask("neither", "alice")), http.StatusUnprocessableEntity); !strings.Contains(body, "message: ") || !strings.Contains(body, `value="neither"`) {
		t.Error("what is wrong is not said, or what was filled in is not kept")
	}
}

func TestOperatorsWithAPortOfTheirOwnHaveThePageThereAlone(t *testing.T) {
	t.Parallel()
	o := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret, "CHANNELSTREAM_OPERATOR_PORT=9000")
	for _, path := range append(pages, "/admin/sign_in") {
		o.fault(o.do(request(http.MethodGet, path, "")), http.StatusNotFound)
	}
	o.want(o.do(signed(http.MethodGet, "/admin/admin.json", "")), http.StatusOK) // the app's
	ask := func(r *http.Request) int {
		w := httptest.NewRecorder()
		o.service.Pages().ServeHTTP(w, r)
		return w.Code
	}
	if got := ask(request(http.MethodGet, "/admin", "")); got != http.StatusFound {
		t.Errorf("where operators ask: %d", got)
	}
	if got := ask(signed(http.MethodGet, "/admin/admin.json", "")); got != http.StatusNotFound {
		t.Errorf("what is the app's, where operators ask: %d", got)
	}
}

func TestBelowAPathThePageStaysThere(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_ADMIN_SECRET="+adminSecret)
	below := edge.Below(settings.Settings{Listen: settings.Listen{BasePath: "/push"}}, s.service.Handler())
	ask := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		below.ServeHTTP(w, r)
		return w
	}
	if to := ask(request(http.MethodGet, "/push/admin", "")).Header().Get("Location"); to != "/push/admin/sign_in" {
		t.Errorf("sent to %q", to)
	}
	body := s.want(ask(request(http.MethodGet, "/push/admin/sign_in", "")), http.StatusOK)
	for _, found := range regexp.MustCompile(`(?:href|src|action)="(/[^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(found[1], "/push/admin/") {
			t.Errorf("the page names %s", found[1])
		}
	}
	w := ask(form("/push/admin/sign_in", credentials("admin", adminSecret)))
	s.want(w, http.StatusSeeOther)
	if c := w.Result().Cookies()[0]; c.Path != "/push/admin" || w.Header().Get("Location") != "/push/admin" {
		t.Errorf("%+v to %q", c, w.Header().Get("Location"))
	}
}

func TestSigningOutEndsTheCookie(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	w := o.act("/admin/sign_out", url.Values{})
	o.want(w, http.StatusSeeOther)
	if c := w.Result().Cookies()[0]; c.MaxAge >= 0 || c.Path != "/admin" || w.Header().Get("Location") != "/admin/sign_in" {
		t.Errorf("%+v to %q", c, w.Header().Get("Location"))
	}
}

func TestTheOverviewShowsWhoLives(t *testing.T) {
	t.Parallel()
	o := startAdmin(t)
	o.presence.answer(contract.VerbOverview, contract.OverviewAnswer{TotalConnections: 12345, TotalMessages: 7, Uptime: 61, Instances: []contract.Instance{
		{Service: contract.LeaseGateway, ID: "g1", Version: "9.8.7", Sessions: 4321, Started: time.Now().UTC().Format(contract.TimestampLayout)},
		{Service: contract.LeasePresence, ID: "p1", Leads: true},
	}})
	for _, path := range []string{"/admin", "/admin/ui/live"} {
		body := o.want(o.look(path), http.StatusOK)
		for _, want := range []string{"12,345", "9.8.7", "4,321 sessions", "leads", "unknown", "1m1s", `id="live" data-live="/admin/ui/live"`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
	}
}
