package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	socketPath = "/socket.io/?EIO=4&transport=websocket"
	welcome    = `40/stream,{"sid":"`
)

// fence has all that came before answered.
func fence(t *testing.T, s *gatewaytest.Socket) {
	t.Helper()
	s.Send(`42/stream,9000["fence"]`)
	for !strings.HasPrefix(s.Next(), "43/stream,9000[") {
	}
}

func TestHardeningAHugeFrameClosesTheSocket(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_FRAME=4KiB")
	g.Presence.Register("c1", "alice", "news")
	huge := strings.Repeat("x", 1<<20)
	plain, stream := g.Plain("c1"), g.Stream("bob")
	for _, s := range []*gatewaytest.Socket{plain, stream} {
		s.Send(huge)
		s.WantClose(1009, "too_large")
	}
	fragments := g.Stream("carol") // no fragment is too large alone
	w, err := fragments.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if _, err := w.Write([]byte(huge[:1024])); err != nil {
			t.Fatal(err)
		}
	}
	fragments.WantClose(1009, "too_large")
}

func TestHardeningASlowReaderIsClosedAndNobodyWaitsForIt(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_MESSAGE=1KiB", "CHANNELSTREAM_BACKLOG_BYTES=64KiB")
	g.Presence.Register("slow", "alice", "flood")
	g.Presence.Register("quick", "bob", "calm")
	g.Plain("slow") // never reads
	quick := g.Plain("quick")
	body := fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", 32<<10))
	for n := 0; !strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="slow_consumer"} 1`); n++ {
		if n > 5000 {
			t.Fatal("the slow reader was not closed")
		}
		g.Post("flood", body)
		if n%50 == 0 {
			g.Post("calm", `{}`)
			quick.Want(`[{}`)
		}
	}
	gatewaytest.Eventually(t, "presence was told", func() bool { return !g.Presence.Holds("slow") })
}

func TestHardeningAPollerThatNeverPollsIsClosed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_MESSAGE=1KiB", "CHANNELSTREAM_BACKLOG_BYTES=64KiB")
	g.Presence.Register("c1", "alice", "flood")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(welcome)
	body := fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", 16<<10))
	for range 8 {
		g.Post("flood", body)
	}
	gatewaytest.Eventually(t, "it is closed", func() bool {
		return strings.Contains(g.Metrics(), `channelstream_gateway_closed_total{reason="slow_consumer"} 1`)
	})
	p.WantGone() // what it did not take is not kept for it
}

func TestHardeningAPingFloodOfAClientThatDoesNotReadIsEnded(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64MiB", "CHANNELSTREAM_BACKLOG_AGE=500ms",
		"CHANNELSTREAM_PACKETS_PER_SECOND=0")
	g.Presence.Register("c1", "alice", "flood")
	s := g.Plain("c1")
	body := fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", 32<<10))
	for range 512 { // more than kernels keep for two sockets: there is no room for a pong
		g.Post("flood", body)
	}
	data := make([]byte, 125)
	for n := 0; !strings.Contains(g.Metrics(), `closed_total{reason="slow_consumer"} 1`); {
		for range 5000 {
			n++
			if err := s.WriteControl(websocket.PingMessage, data, time.Now().Add(gatewaytest.Patience)); err != nil {
				break // it was closed
			}
		}
		if n > 2_000_000 {
			t.Fatal("the flood went on")
		}
	}
}

func TestHardeningAThousandJoins(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_MAX_CHANNELS=50", "CHANNELSTREAM_MAX_FRAME=1MiB",
		"CHANNELSTREAM_PACKETS_PER_SECOND=0")
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("channel-%04d", i)
	}
	g.Presence.Allow("alice", names...)
	s := g.Stream("alice")
	s.Send(`42/stream,["join",["` + strings.Join(names, `","`) + `"]]`) // one list: cut at the limit
	s.Want(`42/stream,["join",["channel-0000"`)
	if joins := g.Presence.Joins(); len(joins) != 1 || len(joins[0]) != 50 {
		t.Errorf("presence was asked %d times", len(joins))
	}
	for i := range 1000 { // one by one: each is answered, in order
		s.Send(fmt.Sprintf(`42/stream,%d["join",%q]`, i, names[i%50]))
		s.Want(fmt.Sprintf(`42/stream,["join",[%q]]`, names[i%50]))
		s.Want(fmt.Sprintf(`43/stream,%d[[%q]]`, i, names[i%50]))
	}
	g.Post("channel-0007", `{"n":1}`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
}

func TestHardeningNamesThatAreNoneAreNotAskedFor(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	s := g.Stream("alice")
	for _, args := range []string{
		`1`, `null`, `{}`, `[]`, `[[]]`, `[1,null,{},["nested"]]`, `""`, `[""]`, `["a\u0000b"]`, `["\u001e"]`, `["\u0085"]`,
		`["` + strings.Repeat("x", 257) + `"]`,
	} {
		s.Send(`42/stream,1["join",` + args + `]`)
		s.Want(`42/stream,["join",[]]`)
		s.Want(`43/stream,1[[]]`)
	}
	s.Send(`42/stream,2["join"]`)
	s.Want(`42/stream,["join",[]]`)
	s.Want(`43/stream,2[[]]`)
	if joins := g.Presence.Joins(); len(joins) != 0 {
		t.Errorf("presence was asked for %q", joins)
	}
}

func TestHardeningWildcardNamesReachNoOtherChannel(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	wild := []string{"*", ">", "news.*", "news.>", "=2A", "channelstream.live.channel.news"}
	g.Presence.Register("c1", "*", wild...)
	s := g.Plain("c1")
	for _, channel := range []string{"news", "news.sport", "a"} {
		g.Post(channel, `{"leaked":true}`)
	}
	g.PostToUser("alice", `{"leaked":true}`)
	for _, channel := range wild {
		g.Post(channel, fmt.Sprintf(`{"to":%q}`, channel))
		s.Want(fmt.Sprintf(`[{"to":%q}]`, channel))
	}
	g.PostToUser("*", `{"to":"me"}`)
	s.Want(`[{"to":"me"}]`)
}

func TestHardeningTwoSocketsOnOneConnectionLeaveOne(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	older := g.Plain("c1")
	newer := g.Engine("conn_id=c1")
	newer.Send("40/stream,")
	newer.Want(welcome)
	older.WantClose(1000, "replaced")
	g.Post("news", `{"n":1}`)
	newer.Want(`42/stream,["message",[{"n":1}]]`)
	newest := g.Plain("c1")
	newer.Want("41/stream,")
	newer.WantClose(1000, "replaced")
	g.Post("news", `{"n":2}`)
	newest.Want(`[{"n":2}]`)
	if !g.Presence.Holds("c1") {
		t.Error("the end of the older sockets was taken for that of the connection")
	}
}

func TestHardeningAnUpgradeWithoutSidIsASessionOfItsOwn(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(welcome)
	s := g.Engine("")
	s.Send("2probe")
	s.WantClose(1002, "protocol_error")
	g.Post("news", `{"n":1}`)
	p.Want(`42/stream,["message",[{"n":1}]]`)
}

func TestHardeningSidsCannotBeGuessed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	seen := map[string]bool{}
	for range 50 {
		sid := g.Poller("").SID
		if len(sid) < 22 || seen[sid] { // 128 bits of base32 are 26 letters
			t.Fatalf("the sid %s is short or comes again", sid)
		}
		seen[sid] = true
		for _, guess := range []string{sid[:len(sid)-1], sid + "A", strings.ToLower(sid)} {
			answer := g.Request(http.MethodPost, gatewaytest.Polling+"&sid="+guess, "40,")
			if answer.Status != http.StatusBadRequest || !strings.Contains(answer.Body, "Session ID unknown") {
				t.Fatalf("%s for %s was answered with %d %s", guess, sid, answer.Status, answer.Body)
			}
		}
	}
}

func TestHardeningAnotherClientsSessionIdIsNoConnId(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	sid := strings.TrimSuffix(strings.TrimPrefix(s.Want(welcome), welcome), `"}`)
	g.Plain(sid).WantClose(1000, "disconnected")
}

func TestHardeningARefusedClientThatAsksAgainAndAgain(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	s := g.Engine("")
	const times = 200 // without waiting for an answer, each of which takes its time: most of them are told at once
	for range times {
		s.Send(`40/stream,{"username":"alice","sig":"guess"}`)
	}
	for range times {
		s.Want(`44/stream,{"message":"The sig is wrong or too old"}`)
	}
	s.Send(`42/stream,["join",["news"]]`) // not connected: nothing is asked for
	s.WantClose(1002, "protocol_error")
	if joins := g.Presence.Joins(); len(joins) != 0 {
		t.Errorf("presence was asked for %q", joins)
	}
}

func TestHardeningClientsThatLeaveBeforeTheirAnswer(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	for i := range 20 {
		id := fmt.Sprintf("c%d", i)
		g.Presence.Register(id, "alice", "news")
		s := g.Engine("conn_id=" + id)
		s.Send("40/stream,", `42/stream,["join",["news"]]`)
		s.Close() //nolint:errcheck // to break it is what the test wants
	}
	gatewaytest.Eventually(t, "nothing is left of them", func() bool {
		for i := range 20 {
			if g.Presence.Holds(fmt.Sprintf("c%d", i)) {
				return false
			}
		}
		return strings.Contains(g.Metrics(), `channelstream_gateway_sessions{transport="websocket"} 0`)
	})
}

func TestHardeningASlowPostHoldsUpNobody(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	p := g.Poller("conn_id=c1")
	p.Send("40/stream,")
	p.Want(welcome)
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+p.Path(), &endless{started: started, ctx: ctx})
		if err == nil {
			_, err = (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) //nolint:bodyclose // there is none
		}
		if err == nil {
			t.Error("a body without an end was answered")
		}
	}()
	<-started
	g.Post("news", `{"n":1}`)
	p.Want(`42/stream,["message",[{"n":1}]]`)
	cancel()
	<-ended
}

// endless is a body that gives one byte and then nothing until ctx ends.
type endless struct {
	started chan struct{}
	ctx     context.Context
	given   bool
}

func (b *endless) Read(p []byte) (int, error) {
	if !b.given {
		b.given = true
		close(b.started)
		p[0] = '6'
		return 1, nil
	}
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func TestHardeningAPresenceThatFailsIsSaidSoAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	stays := g.Stream("bob")
	g.Presence.Fail(fmt.Errorf("out of order"))
	if _, response, err := g.TryDial("/ws?conn_id=c1"); err == nil || response.StatusCode != http.StatusInternalServerError && response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a socket opened without presence: %v", response)
	}
	s := g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.WantClose(1013, "unavailable") // and no refusal: the stock client does not come back from one
	stays.Send(`42/stream,1["join",["news"]]`)
	stays.Want(`42/stream,["join",[]]`)
	stays.Want(`43/stream,1[[]]`)
	g.Presence.Fail(nil)
	s = g.Engine("conn_id=c1")
	s.Send("40/stream,")
	s.Want(welcome)
	g.Post("news", `{"n":1}`)
	s.Want(`42/stream,["message",[{"n":1}]]`)
	fence(t, stays)
}

// The demo signs with a secret of its own. It opens names of its own form, and the app's secret all others.
func TestHardeningTheDemosSignatureOpensNoUserOfTheApp(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	demo := contract.DemoPrefix + "alice"
	own := g.Engine(gatewaytest.DemoCredentials(demo))
	own.Send("40/stream,")
	own.Want(welcome)
	for name, query := range map[string]string{
		"the demo, for the app's alice":  gatewaytest.DemoCredentials("alice"),
		"the app, for the demo's alice":  gatewaytest.Credentials(demo),
		"the demo's sig, the app's name": strings.Replace(gatewaytest.DemoCredentials(demo), url.QueryEscape(demo), "alice", 1),
	} {
		s := g.Engine(query)
		s.Send("40/stream,")
		if got := s.Next(); !strings.HasPrefix(got, `44/stream,{"message":"The sig`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Who can sign in as /message can post: the signature is the same.
func TestHardeningNoUserHasTheNameOfAPath(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	const refusal = `44/stream,{"message":"A user name must not begin with /"}`
	s := g.Engine(gatewaytest.Credentials("/message"))
	s.Send("40/stream,")
	s.Want(refusal)
	s.Send(`40/stream,{"username":"/message","sig":"guess"}`) // whether the signature is right is not told
	s.Want(refusal)
	s.Send(`40/stream,{"user":"/","signature":"guess"}`)
	s.Want(refusal)
	g.Stream("a/b")
}
