package scenario

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
	"github.com/channelstream/channelstream/shared/trace/tracetest"
	"github.com/channelstream/channelstream/tests/harness"
)

// tracedBy posts as an app that has the request traced, or not, and gives the status.
func tracedBy(t *testing.T, api *harness.Node, secret, path, body, traceparent string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("x-channelstream-secret", signature.Sign(secret, path, time.Now()))
	request.Header.Set("traceparent", traceparent)
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close() //nolint:errcheck // only the status counts
	return response.StatusCode
}

// exemplars are the metrics of a process in the text that has exemplars.
func exemplars(t *testing.T, node *harness.Node) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const appSpan = "b7ad6b7169203331"

// of makes the traceparent of an app's request.
func of(trace int, flags string) string { return fmt.Sprintf("00-%032x-%s-%s", trace, appSpan, flags) }

// path gives the spans of a trace, each behind those above it: "service name > service name".
func path(spans []tracetest.Span, trace int) (paths []string) {
	byID := map[string]tracetest.Span{}
	for _, s := range spans {
		byID[s.ID] = s
	}
	for _, s := range spans {
		if s.Trace != fmt.Sprintf("%032x", trace) {
			continue
		}
		line := strings.TrimPrefix(s.Service, "channelstream-") + " " + s.Name
		top := s
		for above, found := byID[s.Parent]; found; above, found = byID[above.Parent] {
			line, top = above.Name+" > "+line, above
		}
		if top.Parent != appSpan {
			line = "lost > " + line
		}
		paths = append(paths, line)
	}
	slices.Sort(paths)
	return paths
}

// An app that traces sees where its requests were, in every service, and nobody pays for those that it does not trace.
func TestARequestIsFollowedThroughAllServices(t *testing.T) {
	toldIn(t, func(t *testing.T, form harness.Form) {
		collector := tracetest.Start(t)
		c := harness.Start(t, form, harness.Size{APIs: 1, Presences: 1, Gateways: 2}, harness.Setting("TRACES_URL", collector.URL))
		api := c.APIs[0]
		id, alice := enter(t, api, c.Gateways[0], "alice", "room")
		var others []*harness.Socket
		for i := range 5 { // at one gateway, which has one span all the same
			_, s := enter(t, api, c.Gateways[1], fmt.Sprint("user ", i), "room")
			others = append(others, s)
		}
		const message = `{"channel": "room", "user": "app", "message": "%s"}`
		for i, flags := range []string{"01", "00", ""} {
			list := fmt.Sprintf("["+message+","+message+","+message+"]", "one", "two", fmt.Sprint("three ", i))
			parent := of(1+i, flags)
			if flags == "" {
				parent = ""
			}
			if status := tracedBy(t, api, c.Secret, "/message", list, parent); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			for _, s := range append(others, alice) {
				s.Await(fmt.Sprint("three ", i))
			}
		}
		tracedBy(t, api, c.Secret, "/connect", `{"conn_id": "`+id+`", "user": "alice", "channels": ["another"]}`, of(4, "01"))
		tracedBy(t, api, c.Secret, "/connect", `{"user": 7}`, of(5, "01"))
		tracedBy(t, api, "a stranger's", "/message", `{}`, of(6, "01"))
		for _, gateway := range c.Gateways {
			harness.Eventually(t, "the delays of "+gateway.Name+" name the trace, and no other", func() bool {
				shown := exemplars(t, gateway)
				return strings.Contains(shown, fmt.Sprintf(`trace_id="%032x"`, 1)) && strings.Count(shown, "trace_id") == 1
			})
		}
		for _, node := range []*harness.Node{api, c.Presences[0], c.Gateways[0], c.Gateways[1]} {
			node.Stop() // which hands on what it has
		}

		spans := collector.Spans()
		for trace, want := range map[int][]string{
			1: {"POST /message > api store", "POST /message > store > gateway deliver", "POST /message > store > gateway deliver", "api POST /message"},
			2: nil, 3: nil, 6: nil,
			4: {"POST /connect > channelstream-presence connect > gateway channelstream-gateway membership",
				"POST /connect > presence channelstream-presence connect", "api POST /connect"},
			5: {"api POST /connect"},
		} {
			if got := path(spans, trace); !slices.Equal(got, want) {
				t.Errorf("trace %d is %q, want %q", trace, got, want)
			}
		}
		if len(spans) != 8 {
			t.Errorf("%d spans came: %+v", len(spans), spans)
		}
		members := map[string]int{}
		for _, s := range spans {
			if s.Name == "deliver" {
				members[s.Attributes["channelstream.members"]]++
			}
			for key, value := range s.Attributes {
				if strings.Contains(value, "room") || strings.Contains(value, "alice") || strings.Contains(value, "three") {
					t.Errorf("%s of %s is %q", key, s.Name, value)
				}
			}
			if s.Trace == fmt.Sprintf("%032x", 5) && (s.Attributes["http.response.status_code"] != "422" || s.Attributes["error.type"] != "invalid" || s.Failed) {
				t.Errorf("a refusal is %+v", s)
			}
		}
		if members["1"] != 1 || members["5"] != 1 {
			t.Errorf("delivered to %v", members)
		}
	}, inProcess)
}
