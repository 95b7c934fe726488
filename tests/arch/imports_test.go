package arch

import (
	"slices"
	"strings"
	"testing"
)

// The services know each other by the words of shared/contract only. The all-in-one composes them, tests drive them.
func TestServicesDoNotImportEachOther(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.below("services/channelstream") || s.below("tests") {
			continue
		}
		own := "-"
		if parts := strings.SplitN(s.path, "/", 3); parts[0] == "services" {
			own = prefix + "services/" + parts[1]
		}
		for _, p := range s.imports {
			if strings.HasPrefix(p, prefix+"services/") && p != own && !strings.HasPrefix(p, own+"/") {
				t.Errorf("%s imports %s", s.path, p)
			}
		}
	}
}

func TestThirdPartiesStayBehindOnePackage(t *testing.T) {
	t.Parallel()
	owners := map[string][]string{
		"github.com/nats-io/nats.go":        {"shared/bus"},
		"github.com/nats-io/nats-server":    {"shared/natsembed"},
		"go.opentelemetry.io":               {"shared/trace"},
		"github.com/gorilla/websocket":      {"services/gateway", "tests"},
		"github.com/sethvargo/go-envconfig": {"shared/settings"},
		"gopkg.in/ini.v1":                   {"shared/settings"},
		"github.com/spf13/cobra":            {"services/channelstream/commands"},
		"github.com/tmaxmax/go-sse":         {"client", "tests/compat"},
	}
	for _, s := range sources(t) {
		for module, folders := range owners {
			if s.uses(module) && !slices.ContainsFunc(folders, s.below) {
				t.Errorf("%s imports %s, which only %v may", s.path, module, folders)
			}
		}
	}
}

// Both sides of every conversation compile it in, so it brings nothing along.
func TestContractImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !s.below("shared/contract") {
			continue
		}
		for _, p := range s.imports {
			if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") && !(s.test() && p == prefix+"shared/contract") {
				t.Errorf("%s imports %s", s.path, p)
			}
		}
	}
}

// A service that embedded a server would not be one of several. Tests do, to have the real thing.
func TestOnlyTheWholeEmbedsNATS(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		forTests := s.test() || s.below("tests") || s.below("services/gateway/internal/gatewaytest")
		if s.uses(prefix+"shared/natsembed") && !forTests && !s.below("services/channelstream") {
			t.Errorf("%s imports shared/natsembed", s.path)
		}
	}
}
