package scenario

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/tests/harness"
)

// found is what NATS service discovery says of one process (ADR-32).
type found struct {
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	ID        string            `json:"id"`
	Version   string            `json:"version"`
	Metadata  map[string]string `json:"metadata"`
	Endpoints []struct {
		Name     string `json:"name"`
		Subject  string `json:"subject"`
		Requests int    `json:"num_requests"`
	} `json:"endpoints"`
}

// discover asks every service, as `nats micro` does, and gives those that answer by name, when there are so many.
func discover(t *testing.T, conn *bus.Conn, subject string, many int) (all map[string][]found) {
	t.Helper()
	harness.Eventually(t, "all answer to "+subject, func() bool {
		inbox, err := conn.OpenInbox(many + 1)
		if err != nil {
			t.Fatal(err)
		}
		defer inbox.Close()
		if err := conn.Send(&bus.Msg{Subject: subject, Reply: inbox.Subject}); err != nil {
			t.Fatal(err)
		}
		all = map[string][]found{}
		late := time.NewTimer(time.Second)
		defer late.Stop()
		for range many {
			select {
			case m := <-inbox.C:
				var f found
				if err := json.Unmarshal(m.Data, &f); err != nil {
					t.Fatalf("%s: %v in %s", subject, err, m.Data)
				}
				all[f.Name] = append(all[f.Name], f)
			case <-late.C:
				return false
			}
		}
		return true
	})
	return all
}

func TestNATSServiceDiscoveryShowsEveryProcess(t *testing.T) {
	t.Parallel()
	c := harness.Start(t, inProcess, harness.Size{APIs: 2, Presences: 2, Gateways: 1})
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: c.NATS.URL(), Name: t.Name(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	enter(t, c.APIs[0], c.Gateways[0], "alice", "room")
	sizes := map[string]int{contract.APIService: 2, contract.PresenceService: 2, contract.GatewayService: 1}
	for verb, kind := range map[string]string{
		"PING": "io.nats.micro.v1.ping_response", "INFO": "io.nats.micro.v1.info_response", "STATS": "io.nats.micro.v1.stats_response",
	} {
		for name, services := range discover(t, conn, "$SRV."+verb, 5) {
			if len(services) != sizes[name] {
				t.Errorf("%s: %d answer as %s, want %d", verb, len(services), name, sizes[name])
			}
			for _, s := range services {
				if s.Type != kind || s.ID == "" || s.Version == "" || s.Metadata["namespace"] != string(contract.DefaultNamespace) || s.Metadata["id"] == "" {
					t.Errorf("%s says %+v", verb, s)
				}
			}
		}
	}
	api := discover(t, conn, "$SRV.INFO."+contract.APIService, 2)[contract.APIService]
	if api[0].Metadata["id"] == api[1].Metadata["id"] || len(api[0].Endpoints) != 0 {
		t.Errorf("the apis are %+v", api)
	}
	attached := 0
	for _, s := range discover(t, conn, "$SRV.STATS."+contract.PresenceService, 2)[contract.PresenceService] {
		for _, e := range s.Endpoints {
			if e.Name == contract.VerbAttach && e.Subject == contract.DefaultNamespace.Presence(contract.VerbAttach) {
				attached += e.Requests
			}
		}
	}
	if attached == 0 {
		t.Error("nobody of presence counts the client that was attached")
	}
	c.APIs[1].Stop()
	harness.Eventually(t, "one of two apis is not shown", func() bool {
		return isShown(t, conn, api[0]) != isShown(t, conn, api[1])
	})
}

// isShown says whether one process answers.
func isShown(t *testing.T, conn *bus.Conn, process found) bool {
	t.Helper()
	inbox, err := conn.OpenInbox(1)
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	if err := conn.Send(&bus.Msg{Subject: "$SRV.PING." + process.Name + "." + process.ID, Reply: inbox.Subject}); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-inbox.C:
		return !bus.IsNobody(m)
	case <-time.After(harness.Patience):
		t.Fatalf("NATS says nothing of %s", process.ID)
		return false
	}
}
