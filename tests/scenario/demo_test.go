package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/services/demo"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// place is where a stranger finds a demo, and where the app of the same server works.
type place struct {
	t             *testing.T
	api, demo, at string // URLs of the api, of the demo, and of the sockets
	secret        string
	app           *client.Client
	alice         *harness.Socket // the app's own, in the channel "board"
	conn          string          // of alice
	looked        int             // at what alice got
}

// The demo was a way into every user of the app: it signed any name with the app's secret.
func TestTheDemoNeverLetsAStrangerInAsAUserOfTheApp(t *testing.T) {
	told(t, func(t *testing.T, form harness.Form) {
		c := harness.Start(t, form, harness.Pairs)
		service, err := demo.New(demo.Config{
			APIURL: c.APIs[0].URL(), Secret: c.Secret, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(service.Close)
		server := httptest.NewServer(service.Handler())
		t.Cleanup(server.Close)
		strangers(t, &place{api: c.APIs[1].URL(), demo: server.URL, at: c.Gateways[0].URL(), secret: c.Secret})
	})
}

func TestTheDemoOfTheAllInOneNeverLetsAStrangerInAsAUserOfTheApp(t *testing.T) {
	t.Parallel()
	s := harness.AllInOne(t, "CHANNELSTREAM_DEMO=true")
	strangers(t, &place{api: s.URL, demo: s.URL, at: s.URL, secret: s.Secret})
}

func TestTheDemoIsOffWhereSomebodyChoseTheSecret(t *testing.T) {
	t.Parallel()
	s := harness.AllInOne(t, "CHANNELSTREAM_DEMO=")
	p := &place{t: t, demo: s.URL}
	if status, body := p.ask("connect", "", `{"username":"alice"}`); status != http.StatusNotFound || !strings.Contains(body, `"not_found"`) {
		t.Errorf("status %d: %s", status, body)
	}
}

// strangers tells what a stranger tries with what the demo hands out.
func strangers(t *testing.T, p *place) {
	t.Helper()
	p.t = t
	p.app = p.signingWith(p.secret)
	alice, err := p.app.Connect(t.Context(), client.Connect{User: "alice", Channels: []string{"board"}})
	if err != nil {
		t.Fatal(err)
	}
	p.conn = alice.ConnID
	if p.alice, _ = harness.TryOpenAt(t, p.at, alice.ConnID); p.alice == nil {
		t.Fatal("alice can not open her socket")
	}
	visitor := p.enter("alice")
	p.opensSocketIOAsNobodyElse(visitor)
	p.hearsNothingOfTheApp(visitor)
	p.writesToNobodyElse(visitor)
	p.holdsAKeyToNothingElse()
	p.isNoUserThatAnAppCanHave()
}

func (p *place) signingWith(secret string) *client.Client {
	p.t.Helper()
	return harness.Client(p.t, p.api, secret)
}

// visitor is what /demo/connect answers.
type visitor struct {
	User   string `json:"user"`
	Prefix string `json:"prefix"`
	ConnID string `json:"conn_id"`
	Sig    string `json:"sig"`
	Token  string `json:"token"`
}

func (p *place) enter(name string) visitor {
	p.t.Helper()
	status, body := p.ask("connect", "", `{"username":"`+name+`","resume":false}`)
	var v visitor
	if err := json.Unmarshal([]byte(body), &v); err != nil || status != http.StatusOK || v.User != name {
		p.t.Fatalf("enter: status %d: %s (%v)", status, body, err)
	}
	return v
}

// ask posts to the demo.
func (p *place) ask(path, token, body string) (status int, answer string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.demo+"/demo/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	own := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	w, err := own.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer w.Body.Close() //nolint:errcheck // read only
	var text bytes.Buffer
	if _, err := text.ReadFrom(w.Body); err != nil {
		p.t.Fatal(err)
	}
	return w.StatusCode, text.String()
}

func (p *place) opensSocketIOAsNobodyElse(v visitor) {
	p.t.Helper()
	if _, refusal := harness.TrySocketIOAt(p.t, p.at, "alice", v.Sig); !strings.HasPrefix(refusal, "44/stream,") {
		p.t.Errorf("the demo's sig opens the app's alice: %q", refusal)
	}
	own, refusal := harness.TrySocketIOAt(p.t, p.at, v.Prefix+v.User, v.Sig)
	if own == nil {
		p.t.Fatalf("the demo's sig does not open the demo's alice: %s", refusal)
	}
	if joined := own.Join("board", v.Prefix+"pub_chan"); len(joined) != 1 || joined[0] != v.Prefix+"pub_chan" {
		p.t.Errorf("the demo's alice joined %q", joined)
	}
	p.say("to the app", client.Message{PMUsers: []string{"alice"}}, client.Message{Channel: "board"})
	p.fence(v, "fence")
	if got := string(own.Await("message")); !strings.Contains(got, "fence") || strings.Contains(got, "to the app") {
		p.t.Errorf("the demo's alice got %s", got)
	}
}

func (p *place) hearsNothingOfTheApp(v visitor) {
	p.t.Helper()
	s, status := harness.TryOpenAt(p.t, p.at, v.ConnID)
	if s == nil {
		p.t.Fatalf("the demo's connection does not open: status %d", status)
	}
	p.say("secret", client.Message{PMUsers: []string{"alice"}}, client.Message{Channel: "board"})
	p.fence(v, "another fence")
	for _, text := range s.Await(`{"text":"another fence"}`) {
		if !strings.Contains(text, "fence") && !strings.Contains(text, "joined") {
			p.t.Errorf("the demo's alice got %s", text)
		}
	}
}

func (p *place) writesToNobodyElse(v visitor) {
	p.t.Helper()
	if status, body := p.ask("message", v.Token, `{"channel":"board","text":"forged"}`); status != http.StatusUnprocessableEntity {
		p.t.Errorf("to the app's channel: status %d: %s", status, body)
	}
	if status, body := p.ask("message", v.Token, `{"to":"alice","text":"forged"}`); status != http.StatusOK {
		p.t.Errorf("to the demo's alice: status %d: %s", status, body)
	}
	p.aliceHeardNo("forged")
}

// holdsAKeyToNothingElse takes from the demo's process all that it works with.
func (p *place) holdsAKeyToNothingElse() {
	p.t.Helper()
	stolen := p.signingWith(signature.DemoSecret(p.secret))
	mine := contract.DemoPrefix + "mallory"
	for what, try := range map[string]func(ctx context.Context) error{
		"connect": func(ctx context.Context) error {
			_, err := stolen.Connect(ctx, client.Connect{User: "alice"})
			return err
		},
		"take her connection": func(ctx context.Context) error {
			_, err := stolen.Connect(ctx, client.Connect{User: mine, ConnID: p.conn})
			return err
		},
		"subscribe": func(ctx context.Context) error {
			_, err := stolen.Subscribe(ctx, client.Subscribe{User: mine, Channels: []string{"board"}})
			return err
		},
		"whisper": func(ctx context.Context) error {
			_, err := stolen.Publish(ctx, client.Message{User: mine, PMUsers: []string{"alice"}, Message: "forged"})
			return err
		},
		"post": func(ctx context.Context) error {
			_, err := stolen.Publish(ctx, client.Message{User: mine, Channel: "board", Message: "forged"})
			return err
		},
		"look around": func(ctx context.Context) error { _, err := stolen.Info(ctx); return err },
	} {
		var refused *client.Error
		if err := try(p.t.Context()); !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity {
			p.t.Errorf("%s: %v, want a 422", what, err)
		}
	}
	if _, refusal := harness.TrySocketIOAt(p.t, p.at, "alice", stolen.UserSignature("alice")); !strings.HasPrefix(refusal, "44/stream,") {
		p.t.Errorf("the demo's secret opens the app's alice: %q", refusal)
	}
	p.aliceHeardNo("forged")
}

func (p *place) isNoUserThatAnAppCanHave() {
	p.t.Helper()
	name := contract.DemoPrefix + "alice"
	var refused *client.Error
	if _, err := p.app.Connect(p.t.Context(), client.Connect{User: name}); !errors.As(err, &refused) || refused.Fields["user"] == nil {
		p.t.Errorf("an app connects a user of the demo: %v", err)
	}
	if _, refusal := harness.TrySocketIOAt(p.t, p.at, name, signature.Sign(p.secret, name, time.Now())); !strings.HasPrefix(refusal, "44/stream,") {
		p.t.Errorf("an app signs a user of the demo: %q", refusal)
	}
}

// say posts the same text in several messages of the app.
func (p *place) say(text string, messages ...client.Message) {
	p.t.Helper()
	for i := range messages {
		messages[i].User, messages[i].Message = "app", text
	}
	if _, err := p.app.Publish(p.t.Context(), messages...); err != nil {
		p.t.Fatal(err)
	}
}

// fence has all that was said before heard by the demo's users.
func (p *place) fence(v visitor, text string) {
	p.t.Helper()
	if status, body := p.ask("message", v.Token, `{"channel":"pub_chan","text":"`+text+`"}`); status != http.StatusOK {
		p.t.Fatalf("post in the demo: status %d: %s", status, body)
	}
}

func (p *place) aliceHeardNo(text string) {
	p.t.Helper()
	p.looked++
	whispered, posted := fmt.Sprint("whispered ", p.looked), fmt.Sprint("posted ", p.looked)
	p.say(whispered, client.Message{PMUsers: []string{"alice"}})
	p.say(posted, client.Message{Channel: "board"})
	p.alice.Await(whispered)
	p.alice.Await(posted)
	for _, got := range p.alice.Texts() {
		if strings.Contains(got, text) {
			p.t.Errorf("the app's alice got %s", got)
		}
	}
}
