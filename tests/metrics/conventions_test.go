package metrics

import (
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/tests/harness"
)

// values says which a label may have. No label may grow with clients, channels or apps.
type values func(value string) bool

func oneOf(all ...string) values {
	return func(value string) bool { return slices.Contains(all, value) }
}

var bounds = map[string]values{
	"route": oneOf("/connect", "/subscribe", "/unsubscribe", "/message", "/channel_config", "/user_status", "/user_state", "/info",
		"/disconnect", "/admin/admin.json", "/admin/instances", "/admin/channels", "/admin/users", "/admin/connections", "/admin/explain",
		"/openapi.json", "/openapi.yaml", "/asyncapi.json", "/asyncapi.yaml", "other"),
	"status": regexp.MustCompile(`^[1-5]\d\d$`).MatchString,
	"store":  oneOf("log", "history"),
	"bound":  oneOf("address", "process"),

	"transport": oneOf("ws", "sse", "listen", "websocket", "polling", "refused"),
	"reason": func(value string) bool {
		return value == "other" || slices.Contains(contract.Reasons(), contract.Reason(value))
	},
	"why":   oneOf("full", "address", "user", "rate", "line", "unavailable"),
	"shard": func(value string) bool { n, err := strconv.Atoi(value); return err == nil && n < runtime.GOMAXPROCS(0) },

	"verb": oneOf(contract.VerbConnect, contract.VerbSubscribe, contract.VerbUnsubscribe, contract.VerbDisconnect, contract.VerbInfo,
		contract.VerbUserStatus, contract.VerbUserState, contract.VerbConfigure, contract.VerbAttach, contract.VerbJoin,
		contract.VerbLeave, contract.VerbDetach, contract.VerbLease, contract.VerbCompare, contract.VerbAnnounced,
		contract.VerbChronicle, contract.VerbOverview, contract.VerbListChannels, contract.VerbListUsers, contract.VerbListConnections),
	"outcome": func(value string) bool { // of a request to presence, and of a client's coming back
		code := contract.Code(value)
		known := code == contract.CodeInternal || code.HTTPStatus() != contract.CodeInternal.HTTPStatus()
		return known || oneOf("ok", "missed", "resumed", "caught_up")(value)
	},
	"action": oneOf(contract.ActionJoined, contract.ActionParted),
	"kind":   oneOf(string(contract.LeaseGateway), string(contract.LeaseAPI)),

	"service": oneOf("api", "gateway", "presence"),

	"version": oneOf(runtime.Version()), // of the Go runtime
}

// keepsTo says what of the metrics is against Prometheus' conventions, or has no bound.
func (f families) keepsTo(t *testing.T) {
	t.Helper()
	problems, err := promlint.NewWithMetricFamilies(slices.Collect(maps.Values(f))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for name, family := range f {
		if help := family.GetHelp(); ours(name) && (!strings.HasSuffix(help, ".") || help[:1] != strings.ToUpper(help[:1])) {
			t.Errorf("%s is no sentence: %s", name, help)
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if allows, known := bounds[label.GetName()]; !known || !allows(label.GetValue()) {
					t.Errorf("%s has %s=%q, which has no bound, or is not among those that are known", name, label.GetName(), label.GetValue())
				}
			}
		}
	}
}

func ours(name string) bool { return strings.HasPrefix(name, "channelstream_") }

func TestTheAllInOneKeepsToTheConventions(t *testing.T) {
	t.Parallel()
	found := busy(t)
	if len(found) < 60 {
		t.Fatalf("only %d metrics were found", len(found))
	}
	found.keepsTo(t)
}

func TestEachServiceKeepsToTheConventions(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: 1})
	for service, n := range map[string]*harness.Node{"api": c.APIs[0], "presence": c.Presences[0], "gateway": c.Gateways[0]} {
		found := scrape(t, n.URL())
		found.keepsTo(t)
		if n.Metric(`channelstream_nats_connected{service="`+service+`"}`) != 1 {
			t.Errorf("the %s does not say that it is connected to NATS", service)
		}
		for name := range found {
			if of, is := strings.CutPrefix(name, "channelstream_"); is {
				noun, _, _ := strings.Cut(of, "_")
				if !slices.Contains([]string{service, "nats", "bodies", "file"}, noun) {
					t.Errorf("the %s has %s", service, name)
				}
			}
		}
	}
}

// Without clients that are measured one by one, what a message takes is seen in fine buckets, and by servers that do not know
// these in classic ones.
func TestDelaysAreANativeHistogramWithClassicBuckets(t *testing.T) {
	t.Parallel()
	h := busy(t)[delay].GetMetric()[0].GetHistogram()
	if h.Schema == nil || len(h.GetPositiveSpan()) == 0 && h.GetZeroCount() == 0 {
		t.Errorf("no native buckets: %v", h)
	}
	if n := len(h.GetBucket()); n != 16 {
		t.Errorf("%d classic buckets", n)
	}
	if s := h.GetSampleSum(); s < 0 || s > 30 {
		t.Errorf("%d messages took %v s", h.GetSampleCount(), s)
	}
}

// A metric that nobody explains helps nobody.
func TestOperationsNamesEveryMetric(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/metrics.md")
	found := busy(t)
	for name, family := range found {
		if !ours(name) {
			continue
		}
		row := "| `" + name + labelled(family.GetMetric()[0].GetLabel()) + "` | " + strings.ToLower(family.GetType().String()) + " | " + family.GetHelp() + " |"
		if !strings.Contains(page, row+"\n") {
			t.Errorf("docs/metrics.md does not have the row\n%s", row)
		}
	}
	for _, named := range regexp.MustCompile("(?m)^\\| `(channelstream_\\w+)").FindAllStringSubmatch(page, -1) {
		if found[named[1]] == nil {
			t.Errorf("docs/metrics.md has %s, which no server exports", named[1])
		}
	}
}
