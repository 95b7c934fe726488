package scenario

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/harness"
)

// What no output of a process may show at info. The words are in what the story sends.
const (
	payloadWord  = "word-of-a-payload"
	stateWord    = "word-of-a-state"
	guessWord    = "word-of-a-wrong-signature"
	connWord     = "word-of-a-connection-id"
	passwordWord = "word-of-a-password"
	adminWord    = "word-of-the-admin"
)

// signing keeps the signatures that a client sends.
type signing struct {
	to *http.Transport

	mu   sync.Mutex
	sent []string // guarded by mu
}

func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	s.note(r.Header.Get("x-channelstream-secret"))
	return s.to.RoundTrip(r)
}

func (s *signing) note(signature string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, signature)
	return signature
}

func TestNoOutputShowsASecretOrWhatWasSent(t *testing.T) {
	t.Parallel()
	nats := harness.StartNATS(t)
	at := strings.Replace(nats.URL(), "nats://", "nats://channelstream:"+passwordWord+"@", 1)
	n := processes.AllInOne(t, harness.Setting("NATS_URL", at), harness.Setting("ACCESS_LOG", "true"), harness.Setting("ADMIN_SECRET", adminWord),
		harness.Setting("REQUEST_TIMEOUT", "1s"), harness.Setting("ALLOWED_ORIGINS", "https://example.com"), harness.Setting("CONNECT_TIMEOUT", "1m"))
	keeps := &signing{to: &http.Transport{DisableKeepAlives: true}}
	app, err := client.New(n.URL(), harness.Secret, client.WithHTTPClient(&http.Client{Transport: keeps}))
	if err != nil {
		t.Fatal(err)
	}
	s := &leaks{t: t, node: n, app: app, signing: keeps}

	s.live()
	s.refused()
	nats.Stop()
	harness.Eventually(t, "the absence of NATS is known", func() bool { return !n.Ready() })
	s.inVain()
	nats.Start()
	n.AwaitReady()
	s.live()
	n.Stop()

	log := n.Log()
	for _, said := range []string{"listening", "lost the connection to NATS", "connected to NATS again", "a request is answered", "may not connect"} {
		if !strings.Contains(log, said) {
			t.Errorf("the log does not say: %s", said)
		}
	}
	for _, word := range append(keeps.sent, payloadWord, stateWord, guessWord, connWord, passwordWord, adminWord, harness.Secret) {
		if word == "" || strings.Contains(log, word) || strings.Contains(log, url.QueryEscape(word)) {
			t.Errorf("the log has %q", word)
		}
	}
}

// leaks is a story whose words must not come out.
type leaks struct {
	t       *testing.T
	node    *harness.Node
	app     *client.Client
	signing *signing
	told    int // times
}

// live is what goes well: users come with their state, hear messages, lose their connections and come back.
func (s *leaks) live() {
	s.t.Helper()
	s.told++
	id := connWord + strings.Repeat("-", s.told)
	state := map[string]any{stateWord: stateWord}
	if _, err := s.app.Connect(s.t.Context(), client.Connect{User: "alice", ConnID: id, Channels: []string{"room"}, FreshUserState: state, UserState: state, StatePublicKeys: []string{stateWord}}); err != nil {
		s.t.Fatal(err)
	}
	socket := harness.Open(s.t, s.node, id)
	if _, err := s.app.Subscribe(s.t.Context(), client.Subscribe{ConnID: id, Channels: []string{"more"}}); err != nil {
		s.t.Fatal(err)
	}
	socket.Drop()
	socket = harness.Open(s.t, s.node, id)
	published, err := s.app.Publish(s.t.Context(), client.Message{User: "app", Channel: "room", Message: payloadWord, Extra: map[string]any{payloadWord: payloadWord}})
	if err != nil {
		s.t.Fatal(err)
	}
	socket.Await(payloadWord)
	if _, err := s.app.EditMessages(s.t.Context(), client.Edit{UUID: published[0].UUID, Channel: "room", Message: payloadWord + " 2"}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.app.DeleteMessages(s.t.Context(), client.Deletion{UUID: published[0].UUID, Channel: "room"}); err != nil {
		s.t.Fatal(err)
	}
	sig := s.signing.note(s.app.UserSignature("bob"))
	harness.Eventually(s.t, "bob comes in", func() bool { // not before the gateway knows that its lease is renewed
		dialog, _ := harness.TrySocketIOAt(s.t, s.node.URL(), "bob", sig)
		return dialog != nil
	})
}

// refused is what is not let in, in every way, with what it says.
func (s *leaks) refused() {
	s.t.Helper()
	s.ask(http.MethodPost, "/message", guessWord, `{"user": "app", "channel": "room", "message": "`+payloadWord+`"}`)
	s.ask(http.MethodPost, "/message", s.sign("/info"), `{"user": "app", "channel": "room", "message": "`+payloadWord+`"}`)
	s.ask(http.MethodPost, "/message", s.sign("/message"), `{"user": `+payloadWord)
	s.ask(http.MethodPost, "/message", s.sign("/message"), `[{"channel": "room", "message": "`+payloadWord+`"}]`)
	s.ask(http.MethodPost, "/"+payloadWord, s.sign("/"+payloadWord), payloadWord)
	s.ask(http.MethodGet, "/disconnect?conn_id="+connWord+"&sig="+guessWord, guessWord, "")
	for _, path := range []string{"/ws", "/sse", "/listen", "/socket.io/"} {
		s.ask(http.MethodGet, path+"?EIO=4&transport=polling&conn_id="+connWord+"-none&callback="+payloadWord+"&sid="+guessWord, "", "")
	}
	if dialog, _ := harness.TrySocketIOAt(s.t, s.node.URL(), "carol", guessWord); dialog != nil {
		s.t.Error("a wrong signature lets carol in")
	}
	if dialog, _ := harness.TrySocketIOOf(s.t, s.node.URL(), connWord+"-none"); dialog != nil {
		s.t.Error("a connection that nobody made lets somebody in")
	}
	stranger := http.Header{"Origin": {"https://elsewhere.example"}}
	s.say("/ws?conn_id="+connWord, stranger)
	s.say("/ws?conn_id="+connWord, nil, payloadWord)
	s.say("/socket.io/?EIO=4&transport=websocket", nil, "40/stream,"+payloadWord, payloadWord)
}

// inVain is what is tried while NATS is away.
func (s *leaks) inVain() {
	s.t.Helper()
	_, posted := s.app.Publish(s.t.Context(), client.Message{User: "app", Channel: "room", Message: payloadWord})
	_, connected := s.app.Connect(s.t.Context(), client.Connect{User: "dora", ConnID: connWord + "-vain", UserState: map[string]any{"key": stateWord}})
	if posted == nil || connected == nil {
		s.t.Errorf("something went without NATS: %v, %v", posted, connected)
	}
	s.say("/ws?conn_id="+connWord, nil)
	s.say("/socket.io/?EIO=4&transport=websocket&username=bob&sig="+url.QueryEscape(s.sign("bob")), nil, "40/stream,")
}

func (s *leaks) sign(what string) string {
	return s.signing.note(signature.Sign(harness.Secret, what, time.Now()))
}

// ask sends a request that is refused.
func (s *leaks) ask(method, path, sig, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.node.URL()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if sig != "" {
		request.Header.Set("x-channelstream-secret", sig)
	}
	response, err := s.signing.to.RoundTrip(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode < http.StatusBadRequest && path[:4] != "/sse" {
		s.t.Errorf("%s %s: status %d", method, path, response.StatusCode)
	}
}

// say opens a WebSocket, if it is let in, and says something to whoever listens.
func (s *leaks) say(path string, header http.Header, words ...string) {
	s.t.Helper()
	ws, _, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.node.URL(), "http")+path, header)
	if err != nil {
		return // refused
	}
	defer ws.Close() //nolint:errcheck // it may be closed by now
	for _, word := range words {
		if ws.WriteMessage(websocket.TextMessage, []byte(word)) != nil {
			return
		}
	}
	if err := ws.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	for range len(words) {
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
	}
}
