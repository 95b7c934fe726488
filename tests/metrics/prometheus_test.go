package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
	"github.com/channelstream/channelstream/tests/harness"
)

// prometheus is Debian's, with what the profile obs of the compose file gives its own.
type prometheus struct {
	t   *testing.T
	url string
}

// configured is the configuration that is shipped, but for what a test has no time for, an older version does not know, and that here
// is no DNS which knows where the processes are.
func configured(t *testing.T, at string, targets map[string][]string) []byte {
	t.Helper()
	var config struct {
		Global map[string]any   `yaml:"global"`
		Rules  []string         `yaml:"rule_files"`
		Scrape []map[string]any `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &config); err != nil {
		t.Fatal(err)
	}
	config.Global = map[string]any{"scrape_interval": "500ms", "evaluation_interval": "500ms"}
	alerts, err := filepath.Abs(root + "/deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config.Rules = []string{alerts}
	targets["prometheus"] = []string{at}
	for _, job := range config.Scrape {
		delete(job, "dns_sd_configs")
		job["static_configs"] = []any{map[string]any{"targets": targets[job["job_name"].(string)]}}
	}
	file, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func startPrometheus(t *testing.T, targets map[string][]string) *prometheus {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at, dir := free.Addr().String(), t.TempDir()
	free.Close() //nolint:errcheck // nobody came
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, configured(t, at, targets), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	log := &telemetrytest.Journal{}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: `make apt-deps` installs it", err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait() //nolint:errcheck // it was ended
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", log)
		}
	})
	return &prometheus{t: t, url: "http://" + at}
}

// ask gives the data of an answer; nil while there is none.
func (p *prometheus) ask(path string, query url.Values, data any) (told string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path+"?"+query.Encode(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close() //nolint:errcheck // read only
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err.Error()
	}
	return answer.Error
}

// values are what an expression has now, by job.
func (p *prometheus) values(expr string) map[string]string {
	p.t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	p.ask("/api/v1/query", url.Values{"query": {expr}}, &data)
	values := map[string]string{}
	for _, r := range data.Result {
		values[r.Metric["job"]] = fmt.Sprint(r.Value[1])
	}
	return values
}

// Prometheus scrapes all services, loads the alerts, none of which is troubled, and answers what each panel of the dashboards asks.
func TestAPrometheusScrapesTheServicesAndAnswersTheDashboards(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: 1})
	at := func(nodes []*harness.Node) []string { return []string{strings.TrimPrefix(nodes[0].URL(), "http://")} }
	p := startPrometheus(t, map[string][]string{"api": at(c.APIs), "gateway": at(c.Gateways), "presence": at(c.Presences)})
	harness.Eventually(t, "all are scraped", func() bool {
		up := p.values("up")
		return up["api"] == "1" && up["gateway"] == "1" && up["presence"] == "1" && up["prometheus"] == "1"
	})
	for range 3 {
		if _, err := c.APIs[0].API().Publish(t.Context(), client.Message{User: "app", Channel: "room", Message: "hello"}); err != nil {
			t.Fatal(err)
		}
	}
	harness.Eventually(t, "three messages are counted", func() bool {
		return p.values("sum by (job) (channelstream_api_messages_total)")["api"] == "3"
	})
	type loaded struct{ Name, State, Health, LastError string }
	var groups struct{ Groups []struct{ Rules []loaded } }
	var all []loaded
	harness.Eventually(t, "the alerts are evaluated", func() bool {
		groups.Groups, all = nil, nil
		p.ask("/api/v1/rules", nil, &groups)
		for _, g := range groups.Groups {
			all = append(all, g.Rules...)
		}
		return len(all) > 0 && !slices.ContainsFunc(all, func(r loaded) bool { return r.Health == "unknown" })
	})
	if want := len(rules(t)); len(all) != want {
		t.Errorf("%d alerts are loaded, want %d", len(all), want)
	}
	for _, r := range all {
		if r.Health != "ok" || r.State == "firing" {
			t.Errorf("%s is %s and %s: %s", r.Name, r.State, r.Health, r.LastError)
		}
	}
	for name, d := range dashboards(t) {
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				if told := p.ask("/api/v1/query", url.Values{"query": {plain(target.Expr)}}, nil); told != "" {
					t.Errorf("%s, %s: %s", name, panel.Title, told)
				}
			}
		}
	}
}
