package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// labelled writes the names of labels as a page does.
func labelled(all []*dto.LabelPair) string {
	var names []string
	for _, l := range all {
		names = append(names, l.GetName())
	}
	if len(names) == 0 {
		return ""
	}
	return "{" + strings.Join(names, ",") + "}"
}

// rule is an alert.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d alerts were found", len(all))
	}
	return all
}

// dashboard is what of one is looked at.
type dashboard struct {
	UID    string `json:"uid"`
	Title  string `json:"title"`
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr       string            `json:"expr"`
			Datasource map[string]string `json:"datasource"`
		} `json:"targets"`
	} `json:"panels"`
}

func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	files, err := filepath.Glob(root + "/deploy/grafana/dashboards/*.json")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d dashboards were found: %v", len(files), err)
	}
	for _, file := range files {
		var d dashboard
		name := filepath.Base(file)
		if err := json.Unmarshal([]byte(read(t, "deploy/grafana/dashboards/"+name)), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = d
	}
	return all
}

// lacks says what an expression asks for that no server exports: metrics, their labels, and values of labels that have none.
func (f families) lacks(t *testing.T, expr string) (missing []string) {
	t.Helper()
	parsed, err := metricsql.Parse(plain(expr))
	if err != nil {
		return []string{err.Error()}
	}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		if selector, is := e.(*metricsql.MetricExpr); is {
			missing = append(missing, f.lacksSelected(selector)...)
		}
	})
	return missing
}

// plain puts an interval in the place of Grafana's.
func plain(expr string) string { return strings.ReplaceAll(expr, "$__rate_interval", "1m") }

func (f families) lacksSelected(selector *metricsql.MetricExpr) (missing []string) {
	for _, filters := range selector.LabelFilterss {
		name := filters[0].Value
		if name == "up" { // Prometheus' own
			continue
		}
		family := f[name]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if histogram, is := strings.CutSuffix(name, suffix); family == nil && is && f[histogram].GetType() == dto.MetricType_HISTOGRAM {
				family = f[histogram]
			}
		}
		if family == nil {
			missing = append(missing, name)
			continue
		}
		for _, filter := range filters[1:] {
			if slices.Contains([]string{"job", "instance"}, filter.Label) {
				continue
			}
			if !slices.ContainsFunc(family.GetMetric(), func(m *dto.Metric) bool { return valued(m, filter) }) {
				missing = append(missing, string(selector.AppendString(nil)))
			}
		}
	}
	return missing
}

// valued says whether a metric has the label. Its value may be one that a busy server has not, as an outcome or a status.
func valued(m *dto.Metric, filter metricsql.LabelFilter) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
		open := slices.Contains([]string{"outcome", "status"}, filter.Label)
		return l.GetName() == filter.Label && (open || selects(filter, l.GetValue()))
	})
}

func selects(filter metricsql.LabelFilter, value string) bool {
	is := filter.Value == value
	if filter.IsRegexp {
		is = regexp.MustCompile("^(?:" + filter.Value + ")$").MatchString(value)
	}
	return is != filter.IsNegative
}

func TestAlertsAndDashboardsAskForWhatServersExport(t *testing.T) {
	t.Parallel()
	found := busy(t)
	for _, r := range rules(t) {
		if missing := found.lacks(t, r.Expr); len(missing) > 0 {
			t.Errorf("%s asks for %q", r.Alert, missing)
		}
	}
	for name, d := range dashboards(t) {
		if d.UID == "" || d.Title == "" || len(d.Panels) < 10 {
			t.Errorf("%s is %q, %q, with %d panels", name, d.UID, d.Title, len(d.Panels))
		}
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				if missing := found.lacks(t, target.Expr); len(missing) > 0 {
					t.Errorf("%s, %s asks for %q", name, panel.Title, missing)
				}
				if source := target.Datasource["uid"]; !strings.Contains(read(t, "deploy/grafana/provisioning/datasources/prometheus.yml"), "uid: "+source+"\n") {
					t.Errorf("%s, %s asks the source %q", name, panel.Title, source)
				}
			}
		}
	}
}

func TestWhatNoServerExportsIsFound(t *testing.T) {
	t.Parallel()
	found := families{}
	for _, name := range []string{"up", "process_open_fds"} {
		found[name] = &dto.MetricFamily{Metric: []*dto.Metric{{}}}
	}
	for expr, want := range map[string]string{
		`rate(channelstream_lost_total[1m])`:        "channelstream_lost_total",
		`process_open_fds{job="api",color="green"}`: `process_open_fds{job="api",color="green"}`,
		`sum(up) by (job`:                           "unexpected token",
	} {
		if missing := found.lacks(t, expr); len(missing) != 1 || !strings.Contains(missing[0], want) {
			t.Errorf("%s lacks %q", expr, missing)
		}
	}
}

// Who is woken up by an alert finds in the documentation what it means and what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/operations.md")
	for _, r := range rules(t) {
		runbook := r.Annotations["runbook"]
		section, found := strings.CutPrefix(runbook, "docs/operations.md#")
		if !found || !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) || r.Annotations["summary"] == "" {
			t.Errorf("%s has the labels %v and the annotations %v", r.Alert, r.Labels, r.Annotations)
			continue
		}
		for _, part := range strings.Split(page, "\n### ")[1:] {
			title, text, _ := strings.Cut(part, "\n")
			if anchor(title) != section {
				continue
			}
			found = false
			for _, needed := range []string{"`" + r.Alert + "`", "\n- *See:* ", "\n- *Do:* "} {
				if !strings.Contains(text, needed) {
					t.Errorf("the runbook of %s lacks %q", r.Alert, needed)
				}
			}
		}
		if found {
			t.Errorf("docs/operations.md has no section %s of %s", section, r.Alert)
		}
	}
}

// anchor is how GitHub writes the address of a heading.
func anchor(title string) string {
	plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(plain, " ", "-")
}

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Fatalf("%v: `make apt-deps` installs it, with Debian's package prometheus", err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", arguments...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments[:2], " "), err, out)
	}
}

// Each alert has a test of its own name, which says when it fires and when not.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", root+"/deploy/prometheus/alerts.yml")
	files, err := filepath.Glob(root + "/deploy/prometheus/tests/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, append([]string{"test", "rules"}, files...)...)
	var tested, there []string
	for _, file := range files {
		tested = append(tested, strings.TrimSuffix(filepath.Base(file), ".yml"))
	}
	for _, r := range rules(t) {
		there = append(there, r.Alert)
		for _, outcome := range []string{" fires\n", " stays quiet\n"} {
			if !strings.Contains(read(t, "deploy/prometheus/tests/"+r.Alert+".yml"), r.Alert+outcome) {
				t.Errorf("no test says that %s%s", r.Alert, outcome)
			}
		}
	}
	slices.Sort(there)
	if !slices.Equal(tested, there) {
		t.Errorf("tests are of %q, alerts are %q", tested, there)
	}
}

// What the dashboards ask is written as Prometheus reads it.
func TestPrometheusReadsWhatDashboardsAsk(t *testing.T) {
	t.Parallel()
	type recorded struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	var all []recorded
	for _, d := range dashboards(t) {
		for _, panel := range d.Panels {
			for _, target := range panel.Targets {
				all = append(all, recorded{Record: fmt.Sprint("asked:", len(all)), Expr: plain(target.Expr)})
			}
		}
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboards", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "dashboards.yml")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", name)
}

// The jobs of Prometheus are those by which alerts and dashboards ask.
func TestPrometheusScrapesEachServiceAsAJob(t *testing.T) {
	t.Parallel()
	var file struct {
		RuleFiles []string `yaml:"rule_files"`
		Scrape    []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names []string `yaml:"names"`
				Port  int      `yaml:"port"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/prometheus/prometheus.yml")), &file); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(file.RuleFiles, []string{"/etc/prometheus/alerts.yml"}) {
		t.Errorf("the rules are %q", file.RuleFiles)
	}
	scraped := map[string]bool{}
	for _, s := range file.Scrape {
		for _, at := range s.DNS {
			scraped[s.Job] = slices.Equal(at.Names, []string{s.Job}) && at.Port == 9000
		}
	}
	for _, service := range []string{"api", "gateway", "presence"} {
		if !scraped[service] {
			t.Errorf("%s is not scraped at its port for operators", service)
		}
	}
}
