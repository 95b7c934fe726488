package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/lease"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/telemetry/telemetrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a condition is waited for. It is only used up by a test that fails.
const patience = 20 * time.Second

// presence answers renewals with what it is told to, by turns, and keeps the log of the keeper.
type presence struct {
	mu       sync.Mutex
	answers  []string // guarded by mu
	requests []string // guarded by mu
	log      telemetrytest.Journal
}

func (p *presence) lease(_ context.Context, data []byte) (any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, string(data))
	return json.RawMessage(p.answers[len(p.requests)%len(p.answers)]), nil
}

func (p *presence) says(answers ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
}

func (p *presence) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// keep has a lease kept at a presence that answers so, by turns.
func keep(t *testing.T, answers ...string) (*lease.Keeper, *presence) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: server, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	const ns contract.Namespace = "test"
	p := &presence{answers: answers}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() {
		if err := conn.Serve(ctx, bus.Service{
			Name: contract.PresenceService, Version: "0.0.0", Concurrent: 1, Timeout: patience, Logger: quiet,
			Endpoints: map[string]bus.Endpoint{contract.VerbLease: {Subject: ns.Presence(contract.VerbLease), Handler: p.lease}},
		}, nil); err != nil {
			t.Error(err)
		}
	})
	k := lease.New(lease.Config{
		Conn: conn, Namespace: ns, Timeout: patience, Logger: slog.New(slog.NewTextHandler(&p.log, nil)),
		Request: func() contract.LeaseRequest {
			return contract.LeaseRequest{LeaseRecord: contract.LeaseRecord{ID: "g1", Kind: contract.LeaseGateway}}
		},
	})
	running.Go(func() {
		if err := k.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return k, p
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

const (
	older = "presence speaks an older contract"
	known = "presence speaks the contract of this process"
)

// A presence from before there was a version answers without one.
func TestAPresenceThatSaysNoVersionIsOlder(t *testing.T) {
	t.Parallel()
	k, p := keep(t, `{"ttl": 0.06}`)
	eventually(t, "there is a lease", k.Lasts)
	if err := k.CheckContract(t.Context()); !errors.Is(err, lease.ErrOlder) {
		t.Errorf("the check gives %v", err)
	}
	if asked := p.asked(); !strings.Contains(asked[0], fmt.Sprintf(`"contract":%d`, contract.Version)) {
		t.Errorf("the process does not say what it speaks: %s", asked[0])
	}
	p.says(fmt.Sprintf(`{"ttl": 0.06, "contract": %d}`, contract.Version))
	eventually(t, "presence was updated", func() bool { return k.CheckContract(t.Context()) == nil })
	if p.log.Count(older) != 1 || p.log.Count(known) != 1 {
		t.Errorf("the log says %d times that it was older, and %d times that it is not", p.log.Count(older), p.log.Count(known))
	}
}

// While the replicas are updated one after the other, older ones and newer ones answer by turns.
func TestReplicasOfTwoVersionsAreOneLine(t *testing.T) {
	t.Parallel()
	k, p := keep(t, `{"ttl": 0.03, "contract": 1}`, `{"ttl": 0.03, "contract": 1}`, `{"ttl": 0.03}`)
	eventually(t, "each has answered often", func() bool { return len(p.asked()) > 50 })
	if err := k.CheckContract(t.Context()); !errors.Is(err, lease.ErrOlder) {
		t.Errorf("the check gives %v", err)
	}
	if p.log.Count(older) != 1 || p.log.Count(known) != 0 {
		t.Errorf("the log says %d times that one is older, and %d times that none is", p.log.Count(older), p.log.Count(known))
	}
}

func TestANewerPresenceIsNoFault(t *testing.T) {
	t.Parallel()
	k, p := keep(t, `{"ttl": 6, "contract": 99, "tomorrow": true}`)
	eventually(t, "there is a lease", k.Lasts)
	if err := k.CheckContract(t.Context()); err != nil || p.log.Count("contract") != 0 {
		t.Errorf("the check gives %v", err)
	}
}

func TestALeaseInDoubtIsRenewedSoon(t *testing.T) {
	t.Parallel()
	k, p := keep(t, `{"ttl":600}`)
	eventually(t, "there is a lease", k.Lasts)
	before := len(p.asked())
	k.Doubt()
	if !k.Fails() {
		t.Error("what is in doubt does not fail")
	}
	eventually(t, "presence does what it is asked", func() bool { return !k.Fails() })
	if asked := len(p.asked()); asked != before+1 {
		t.Errorf("it was asked %d times", asked-before)
	}
}
