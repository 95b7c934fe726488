package arch

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/settings"
)

// block is what a mapping of docker-compose.yml says: the text of each value, over all its lines, by key.
type block map[string]string

// newBlock reads the mapping whose keys are indented by so many spaces. Of YAML it knows what that file uses.
func newBlock(text string, indent int) block {
	found, key := block{}, ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), " #")
		switch deep := len(line) - len(strings.TrimLeft(line, " ")); {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case deep == indent:
			name, value, _ := strings.Cut(line[deep:], ":")
			key = name
			found[key] = strings.TrimSpace(value) + "\n"
		default:
			found[key] += line + "\n"
		}
	}
	return found
}

var (
	anchor = regexp.MustCompile(`^&(\S+)`)
	alias  = regexp.MustCompile(`\*([a-z-]+)`)
)

// merge adds what the block takes from others with <<.
func (b block) merge(anchors map[string]block) block {
	for _, name := range alias.FindAllStringSubmatch(b["<<"], -1) {
		for key, value := range anchors[name[1]] {
			if _, own := b[key]; !own {
				b[key] = value
			}
		}
	}
	delete(b, "<<")
	return b
}

// environment is the variables of a service.
func (b block) environment(anchors map[string]block) block {
	return newBlock(b["environment"], 6).merge(anchors)
}

// compose is the services of docker-compose.yml, and what its anchors stand for.
func compose(t *testing.T) (services, anchors map[string]block) {
	t.Helper()
	file := read(t, "docker-compose.yml")
	services, anchors = map[string]block{}, map[string]block{}
	whole := newBlock(file, 0)
	for line := range strings.Lines(file) { // in their order, since one may take from another
		key, _, _ := strings.Cut(line, ":")
		if name := anchor.FindStringSubmatch(whole[key]); name != nil {
			anchors[name[1]] = newBlock(strings.TrimPrefix(whole[key], name[0]), 2).merge(anchors)
		}
	}
	for name, text := range newBlock(whole["services"], 2) {
		services[name] = newBlock(text, 4).merge(anchors)
	}
	if len(services) < 6 {
		t.Fatalf("only %d services were found", len(services))
	}
	return services, anchors
}

func TestComposeConfinesEveryService(t *testing.T) {
	t.Parallel()
	services, _ := compose(t)
	for name, service := range services {
		for key, want := range map[string]string{
			"read_only": "true", "cap_drop": "[ALL]", "security_opt": "no-new-privileges:true", "pids_limit": "1000",
			"mem_limit": "m\n", "logging": "max-size: ",
		} {
			if !strings.Contains(service[key], want) {
				t.Errorf("%s has %s: %s", name, key, service[key])
			}
		}
		if !strings.Contains(service["logging"], "max-file: ") {
			t.Errorf("%s keeps any number of logs", name)
		}
		// What gives a folder to another user has to be root, and nothing reaches it.
		other := service["user"] != "\"65532:65532\"\n" || service["cap_add"] != ""
		if confined := service["network_mode"] == "none\n" && service["restart"] == "\"no\"\n"; other && !confined {
			t.Errorf("%s runs as %s with %s", name, service["user"], service["cap_add"])
		}
	}
}

// The proxy alone is published, on an address of IPv4: who comes over IPv6 would have the address of the network's gateway,
// which may post.
func TestComposePublishesTheProxyToThisMachine(t *testing.T) {
	t.Parallel()
	services, _ := compose(t)
	published := regexp.MustCompile(`^\["\$\{PROXY_ADDRESS:-([^}]*)\}:\$\{PROXY_PORT:-8000\}:8000"\]\n$`)
	for name, service := range services {
		ports, has := service["ports"]
		if !has && name != "proxy" {
			continue
		}
		found := published.FindStringSubmatch(ports)
		if name != "proxy" || found == nil {
			t.Errorf("%s publishes %s", name, ports)
			continue
		}
		if address, err := netip.ParseAddr(found[1]); err != nil || !address.Is4() || !address.IsLoopback() {
			t.Errorf("the proxy answers at %s", found[1])
		}
	}
}

// Nothing starts before what it needs is healthy, and what is waited for says whether it is.
func TestComposeWaitsForHealth(t *testing.T) {
	t.Parallel()
	services, anchors := compose(t)
	awaited := regexp.MustCompile(`^\{ condition: (service_healthy|service_completed_successfully) \}\n$`)
	for name, service := range services {
		needs := newBlock(service["depends_on"], 6)
		delete(needs, "")
		for other, condition := range needs {
			found := awaited.FindStringSubmatch(condition)
			if found == nil {
				t.Errorf("%s needs %s with %s", name, other, condition)
				continue
			}
			if found[1] == "service_healthy" && !checked(t, services[other]) {
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			}
		}
		if _, asks := service.environment(anchors)["CHANNELSTREAM_NATS_URL"]; asks && needs["nats"] == "" {
			t.Errorf("%s does not wait for NATS", name)
		}
	}
	if !strings.Contains(services["nats"]["healthcheck"], "http://127.0.0.1:8222/healthz") {
		t.Errorf("nats has the check %s", services["nats"]["healthcheck"])
	}
}

// checked says whether a service has a health check, or the image that is built for it.
func checked(t *testing.T, service block) bool {
	t.Helper()
	if service["healthcheck"] != "" {
		return true
	}
	file := regexp.MustCompile(`dockerfile: ([\w./]+)`).FindStringSubmatch(service["build"])
	return file != nil && strings.Contains(read(t, file[1]), "\nHEALTHCHECK ")
}

// Who asks NATS has its password, and nobody else.
func TestComposeGivesThePasswordOfNATSToThoseWhoAsk(t *testing.T) {
	t.Parallel()
	services, anchors := compose(t)
	const password = "${NATS_PASSWORD:?"
	for name, service := range services {
		said := service.environment(anchors)
		asks := slices.Contains([]string{"api", "gateway", "presence"}, name)
		url := said["CHANNELSTREAM_NATS_URL"]
		if asks != strings.HasPrefix(url, "nats://${NATS_USER:-channelstream}:"+password) || !asks && url != "" {
			t.Errorf("%s asks NATS at %s", name, url)
		}
		if (name == "nats") != strings.Contains(said["NATS_PASSWORD"], password) {
			t.Errorf("%s has NATS_PASSWORD %s", name, said["NATS_PASSWORD"])
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
	services, anchors := compose(t)
	for name, service := range services {
		for key := range service.environment(anchors) {
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
