package arch

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/channelstream/channelstream/shared/settings"
)

// service is what docker-compose.yml says of one, with what it takes from others.
type service struct {
	User        string   `yaml:"user"`
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	CapAdd      []string `yaml:"cap_add"`
	SecurityOpt []string `yaml:"security_opt"`
	PidsLimit   int      `yaml:"pids_limit"`
	MemLimit    string   `yaml:"mem_limit"`
	Restart     string   `yaml:"restart"`
	NetworkMode string   `yaml:"network_mode"`
	Logging     struct {
		Options map[string]string `yaml:"options"`
	} `yaml:"logging"`
	Ports       []string          `yaml:"ports"`
	Image       string            `yaml:"image"`
	Profiles    []string          `yaml:"profiles"`
	Volumes     []string          `yaml:"volumes"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     any               `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Build       struct {
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
}

// compose is the services of docker-compose.yml.
func compose(t *testing.T) map[string]service {
	t.Helper()
	var file struct {
		Services map[string]service `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) < 6 {
		t.Fatalf("only %d services were found", len(file.Services))
	}
	return file.Services
}

func TestComposeConfinesEveryService(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t) {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s may write (%t), drops %q and has the options %q", name, !s.ReadOnly, s.CapDrop, s.SecurityOpt)
		}
		if s.PidsLimit != 1000 || !strings.HasSuffix(s.MemLimit, "m") {
			t.Errorf("%s may have %d processes and %q of memory", name, s.PidsLimit, s.MemLimit)
		}
		if s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
			t.Errorf("%s keeps logs with %v", name, s.Logging.Options)
		}
		// What gives a folder to another user has to be root, and nothing reaches it.
		other := s.User != "65532:65532" || len(s.CapAdd) > 0
		if confined := s.NetworkMode == "none" && s.Restart == "no"; other && !confined {
			t.Errorf("%s runs as %s with %q", name, s.User, s.CapAdd)
		}
	}
}

// The proxy alone is published, on an address of IPv4: who comes over IPv6 would have the address of the network's gateway,
// which may post. What the profile obs shows is for this machine, whatever is set.
func TestComposePublishesTheProxyToThisMachine(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`^127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:(\d+)$`)
	published := regexp.MustCompile(`^\$\{PROXY_ADDRESS:-([^}]*)\}:\$\{PROXY_PORT:-8000\}:8000$`)
	for name, s := range compose(t) {
		if name != "proxy" {
			observes := slices.Equal(s.Profiles, []string{"obs"}) && len(s.Ports) == 1 && own.MatchString(s.Ports[0])
			if len(s.Ports) > 0 && !observes {
				t.Errorf("%s publishes %q", name, s.Ports)
			}
			continue
		}
		if len(s.Ports) != 1 || !published.MatchString(s.Ports[0]) {
			t.Fatalf("the proxy publishes %q", s.Ports)
		}
		said := published.FindStringSubmatch(s.Ports[0])[1]
		if address, err := netip.ParseAddr(said); err != nil || !address.Is4() || !address.IsLoopback() {
			t.Errorf("the proxy answers at %s", said)
		}
	}
}

// Nothing starts before what it needs is healthy, and what is waited for says whether it is.
func TestComposeWaitsForHealth(t *testing.T) {
	t.Parallel()
	services := compose(t)
	for name, s := range services {
		for other, needed := range s.DependsOn {
			if needed.Condition != "service_healthy" && needed.Condition != "service_completed_successfully" {
				t.Errorf("%s needs %s with %q", name, other, needed.Condition)
			}
			if needed.Condition == "service_healthy" && !checked(t, services[other]) {
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			}
		}
		if _, waits := s.DependsOn["nats"]; s.Environment["CHANNELSTREAM_NATS_URL"] != "" && !waits {
			t.Errorf("%s does not wait for NATS", name)
		}
	}
	if check := services["nats"].Healthcheck.Test; !slices.Contains(check, "http://127.0.0.1:8222/healthz") {
		t.Errorf("nats has the check %q", check)
	}
}

// checked says whether a service has a health check, or the image that is built for it.
func checked(t *testing.T, s service) bool {
	t.Helper()
	if len(s.Healthcheck.Test) > 0 {
		return true
	}
	return s.Build.Dockerfile != "" && strings.Contains(read(t, s.Build.Dockerfile), "\nHEALTHCHECK ")
}

// Who asks NATS has its password, and nobody else.
func TestComposeGivesThePasswordOfNATSToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	const password = "${NATS_PASSWORD:?"
	for name, s := range compose(t) {
		asks := slices.Contains([]string{"api", "gateway", "presence"}, name)
		url := s.Environment["CHANNELSTREAM_NATS_URL"]
		if asks != strings.HasPrefix(url, "nats://${NATS_USER:-channelstream}:"+password) || !asks && url != "" {
			t.Errorf("%s asks NATS at %q", name, url)
		}
		if said := s.Environment["NATS_PASSWORD"]; (name == "nats") != strings.Contains(said, password) {
			t.Errorf("%s has NATS_PASSWORD %q", name, said)
		}
	}
}

// The profile obs brings up Prometheus and Grafana, of one version each, with files that are there; and Grafana not with a
// password that everybody knows.
func TestComposeObservesWithWhatIsShipped(t *testing.T) {
	t.Parallel()
	services := compose(t)
	pinned := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	for _, name := range []string{"prometheus", "grafana"} {
		s := services[name]
		if !slices.Equal(s.Profiles, []string{"obs"}) || !pinned.MatchString(s.Image) {
			t.Errorf("%s is %q, of the profiles %q", name, s.Image, s.Profiles)
		}
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, err := os.Stat(filepath.Join(root, from)); strings.HasPrefix(from, ".") && (err != nil || !strings.HasSuffix(volume, ":ro")) {
				t.Errorf("%s is given %s: %v", name, volume, err)
			}
		}
	}
	grafana := services["grafana"]
	if grafana.Environment["GF_SECURITY_ADMIN_PASSWORD"] != "${GRAFANA_PASSWORD:-}" {
		t.Errorf("Grafana has the password %q", grafana.Environment["GF_SECURITY_ADMIN_PASSWORD"])
	}
	command, _ := grafana.Command.([]any)
	if len(grafana.Entrypoint) != 2 || len(command) != 1 {
		t.Fatalf("Grafana is started by %q %q", grafana.Entrypoint, command)
	}
	script := strings.ReplaceAll(command[0].(string), "$$", "$") //nolint:forcetypeassert // of a list of strings
	script = strings.ReplaceAll(script, "exec /run.sh", "exec echo starts")
	for password, starts := range map[string]bool{"": false, "secret": true} {
		start := exec.CommandContext(t.Context(), grafana.Entrypoint[0], grafana.Entrypoint[1], script)
		start.Env = []string{"GF_SECURITY_ADMIN_PASSWORD=" + password}
		if out, err := start.Output(); (err == nil) != starts || starts != (string(out) == "starts\n") {
			t.Errorf("with the password %q: %q, %v", password, out, err)
		}
	}
}

// A service ends where it finds a key that it does not know.
func TestComposeSetsWhatServicesKnow(t *testing.T) {
	t.Parallel()
	var known []string
	for _, key := range settings.Reference() {
		known = append(known, key.Env)
	}
	for name, s := range compose(t) {
		for key := range s.Environment {
			if strings.HasPrefix(key, settings.Prefix) && !slices.Contains(known, key) {
				t.Errorf("%s is given %s", name, key)
			}
		}
	}
}

// deploy/env.example has every variable of docker-compose.yml, with its default, and no other.
func TestEnvExampleListsEveryVariable(t *testing.T) {
	t.Parallel()
	listed := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=(.*)$`).FindAllStringSubmatch(read(t, "deploy/env.example"), -1) {
		listed[line[1]] = line[2]
	}
	used := map[string]bool{}
	for _, variable := range regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*))?`).FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		name, initial := variable[1], variable[2]
		used[name] = true
		if example, found := listed[name]; !found || example != initial {
			t.Errorf("%s is %q unless set; deploy/env.example has %q", name, initial, example)
		}
	}
	for name := range listed {
		if !used[name] {
			t.Errorf("deploy/env.example has %s, which nothing reads", name)
		}
	}
}
