// Package record holds a running Channelstream against the record of Channelstream 0.7: requests, answers and frames as
// its server gave them. Apps and clients that were written for it are to find the same here.
//
// Each case has the name that it has in the record, and says so where it is meant to differ: errors have one shape,
// `{"error", "code", "errors"}`, and a path for each fault; a bad body is a 400 and not a 500; an id of a connection may
// be any string and a message any JSON value; times are in UTC, with microseconds and without a zone letter;
// exclude_users counts everywhere; a message for nobody is refused and not dropped;
// who was no member does not part; a change that nobody may see is told to nobody, but one of the status is.
package record

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/tests/described"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// One system answers all, so no two stories use the same name of a channel, a user or a connection.
func TestAppsAndClientsFindWhatTheRecordHas(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for part, tell := range map[string]func(*testing.T, *stage){
		"2 connect":      tellOfConnect,
		"3 subscribe":    tellOfSubscribe,
		"3 unsubscribe":  tellOfUnsubscribe,
		"4 state":        tellOfState,
		"5 message":      tellOfMessage,
		"6 info":         tellOfInfo,
		"6 settings":     tellOfSettings,
		"6 configured":   tellOfConfiguredChannels,
		"7 delivery":     tellOfDelivery,
		"8 edit":         tellOfEdits,
		"7 8 17 history": tellOfHistory,
		"9 presence":     tellOfPresence,
		"10 state":       tellOfStateChanges,
		"11 catch-up":    tellOfCatchUp,
		"16 description": tellOfDescription,
	} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			tell(t, s)
		})
	}
}

// stage is the system that all cases share.
type stage struct {
	system    *harness.System
	transport *http.Transport
}

// Nothing is forgotten and no client is asked for a sign of life while a busy machine tells a story.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{system: harness.AllInOne(t,
		"CHANNELSTREAM_CONNECT_TIMEOUT=10m", "CHANNELSTREAM_LINGER=10m", "CHANNELSTREAM_HEARTBEAT_INTERVAL=10m")}
	s.transport = &http.Transport{MaxIdleConnsPerHost: 16}
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

// exchange is a request and what comes of it.
type exchange struct {
	name     string
	request  string // method, path and body
	unsigned bool
	answer   answer
	frames   frames // what clients get, before anything that is sent later
}

// answer is a status and a body, in the form that match takes.
type answer struct {
	status int
	body   string // empty: any
}

// frames is what each client gets, in order. A client that is not named gets nothing.
type frames map[string][]string

func ok(body string) answer { return answer{http.StatusOK, body} }

// done is for requests of which another case tells.
var done = answer{status: http.StatusOK}

// malformed is for what is a 500 in the record.
var malformed = answer{http.StatusBadRequest, `{"error": "<sentence>", "code": "malformed"}`}

var forbidden = answer{http.StatusForbidden, `{"error": "<sentence>", "code": "forbidden"}`}

// refused names the fields that are at fault, all of them.
func refused(paths ...string) answer {
	faults := map[string]string{}
	for _, path := range paths {
		faults[path] = "<sentences>"
	}
	return answer{http.StatusUnprocessableEntity, encode(map[string]any{"error": "<sentence>", "code": "invalid", "errors": faults})}
}

// encode is for values that can be encoded.
func encode(value any) string {
	p, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(p)
}

// hold makes each request by itself.
func (s *stage) hold(t *testing.T, cases []exchange) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s.exchange(t, c, bindings{})
		})
	}
}

func (s *stage) exchange(t *testing.T, c exchange, known bindings) {
	t.Helper()
	method, rest, _ := strings.Cut(c.request, " ")
	target, body, _ := strings.Cut(rest, " ")
	status, got := s.send(t, method, target, body, !c.unsigned)
	if status != c.answer.status {
		t.Errorf("%s\nanswered %d %s\nwant     %d %s", c.request, status, got, c.answer.status, c.answer.body)
		return
	}
	if c.answer.body == "" {
		return
	}
	for _, difference := range match(c.answer.body, got, known) {
		t.Errorf("%s\nanswered %s\n%s", c.request, got, difference)
	}
}

func (s *stage) send(t *testing.T, method, target, body string, signed bool) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.system.URL+target, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	if signed {
		request.Header.Set("x-channelstream-secret", signature.Sign(s.system.Secret, request.URL.Path, time.Now()))
	}
	sender := &http.Client{Transport: described.Watch(t).Over("", s.transport), Timeout: harness.Patience}
	response, err := sender.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}
