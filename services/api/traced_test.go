package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/trace"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
)

const (
	sampled   = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// postTraced posts a signed body with a traceparent.
func (s *system) postTraced(path, body, parent string) {
	s.t.Helper()
	r := signed(http.MethodPost, path, body)
	r.Header.Set("traceparent", parent)
	s.want(s.do(r), http.StatusOK)
}

func TestAMessageThatIsNotTracedSaysNothingOfATrace(t *testing.T) {
	t.Parallel()
	collector := tracetest.Start(t)
	for name, c := range map[string]struct {
		environ []string
		parent  string
	}{
		"no collector":         {nil, sampled},
		"an app that says no":  {[]string{"CHANNELSTREAM_TRACES_URL=" + collector.URL, "CHANNELSTREAM_TRACES_PERCENT=100"}, unsampled},
		"an app that is quiet": {[]string{"CHANNELSTREAM_TRACES_URL=" + collector.URL}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.environ...)
			l := s.listen(ns.LiveSubjects(), ns.Presence(">"))
			s.postTraced("/message", `[{"user": "a", "channel": "one", "message": 1}, {"user": "a", "pm_users": ["b"], "message": 2}]`, c.parent)
			s.postTraced("/info", `{"channels": ["one"]}`, c.parent)
			for range 3 {
				if m := l.next(); m.Header.Get(trace.Header) != "" {
					t.Errorf("%s has %v", m.Subject, m.Header)
				}
			}
		})
	}
}

// Gateways trace a channel once for each list, however long it is.
func TestTheLastMessageOfEachChannelSaysThatTheListIsTraced(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_TRACES_URL="+tracetest.Start(t).URL)
	l := s.listen(ns.LiveSubjects())
	s.postTraced("/message", `[
		{"user": "a", "channel": "one", "message": "1"}, {"user": "a", "channel": "two", "message": "2"}, {"user": "a", "channel": "one", "message": "3"},
		{"user": "a", "pm_users": ["b", "c"], "message": "4"}]`, sampled)
	var all []*bus.Msg
	for range 5 {
		all = append(all, l.next())
	}
	var traced []string
	for _, m := range all {
		if parent := m.Header.Get(trace.Header); parent != "" {
			traced = append(traced, m.Subject)
			if !strings.HasPrefix(parent, sampled[:36]) || parent[36:52] == sampled[36:52] || !strings.HasSuffix(parent, "-01") {
				t.Errorf("%s is traced by %s", m.Subject, parent)
			}
		}
	}
	if want := []string{ns.LiveChannel("two"), ns.LiveChannel("one"), ns.LiveUser("c")}; !slices.Equal(traced, want) {
		t.Errorf("traced are %q, want %q", traced, want)
	}
}

// A stranger could else have the server trace all that it sends.
func TestAStrangerDecidesNothingOfTraces(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_TRACES_URL="+tracetest.Start(t).URL)
	l := s.listen(ns.Presence(">"))
	r := request(http.MethodPost, "/disconnect", `{"conn_id": "5b3b5ff5-1a6c-4f4a-8c39-0a4f5a9d2c11"}`)
	r.Header.Set("traceparent", sampled)
	s.want(s.do(r), http.StatusOK)
	if m := l.next(); m.Header.Get(trace.Header) != "" {
		t.Errorf("%s has %v", m.Subject, m.Header)
	}
}
