package ledger

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// open opens as many ledgers of the same buckets; none of them follows yet.
func open(t *testing.T, n int) (context.Context, []*Ledger) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	server, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	var all []*Ledger
	for range n {
		conn, err := bus.Connect(ctx, bus.Options{InProcess: server, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		l, err := Open(ctx, Config{Conn: conn, Namespace: "test", LeaseTTL: time.Second, Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return ctx, all
}

// run follows the buckets until the end of the test.
func run(t *testing.T, l *Ledger) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-l.Ready():
	case <-time.After(patience):
		t.Fatal("not ready")
	}
}

func addChannel(name string) Change[contract.ConnectionRecord] {
	return func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		next := contract.ConnectionRecord{ConnID: "c1", User: "alice", State: contract.Pending}
		if c != nil {
			next = *c
		}
		next.Channels = append(append([]string(nil), next.Channels...), name)
		return &next, nil
	}
}

func TestAChangeFromAStaleRosterLosesNothing(t *testing.T) {
	t.Parallel()
	ctx, l := open(t, 2) // neither follows, so each knows its own writes only
	for i, name := range []string{"one", "two", "three", "four"} {
		outcome, err := l[i%2].Connections.Change(ctx, "c1", addChannel(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(outcome.After.Channels); got != i+1 || !outcome.Changed() {
			t.Fatalf("%d channels after %d changes", got, i+1)
		}
	}
}

func TestARefusalIsDecidedByAFreshRead(t *testing.T) {
	t.Parallel()
	ctx, l := open(t, 2)
	if _, err := l[0].Connections.Change(ctx, "c1", addChannel("one")); err != nil {
		t.Fatal(err)
	}
	missing := errors.New("missing")
	need := func(c *contract.ConnectionRecord) (*contract.ConnectionRecord, error) {
		if c == nil {
			return nil, missing
		}
		return c, nil
	}
	outcome, err := l[1].Connections.Change(ctx, "c1", need)
	if err != nil || outcome.Changed() || outcome.Revision == 0 || outcome.After.User != "alice" {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if _, err := l[1].Connections.Change(ctx, "c2", need); !errors.Is(err, missing) {
		t.Fatalf("got %v", err)
	}
	remove := func(*contract.ConnectionRecord) (*contract.ConnectionRecord, error) { return nil, nil }
	if outcome, err := l[0].Connections.Change(ctx, "c1", remove); err != nil || !outcome.Changed() || outcome.After != nil {
		t.Fatalf("%+v, %v", outcome, err)
	}
	if _, err := l[1].Connections.Change(ctx, "c1", need); !errors.Is(err, missing) {
		t.Fatalf("what was removed elsewhere is still there: %v", err)
	}
	if l[1].Connections.Cached("c1") != nil {
		t.Fatal("the roster did not learn of the removal")
	}
}

func TestAwaitReturnsWhenTheWatchHasComeThatFar(t *testing.T) {
	t.Parallel()
	ctx, l := open(t, 2)
	run(t, l[1])
	for i := range 20 {
		outcome, err := l[0].Connections.Change(ctx, "c1", addChannel(strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		l[1].Await(ctx, outcome.Revision)
		if c := l[1].Connections.Cached("c1"); c == nil || len(c.Channels) != len(outcome.After.Channels) {
			t.Fatalf("%+v, want %+v", c, outcome.After)
		}
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	l[1].Await(short, 1<<40)
	if err := ctx.Err(); err != nil {
		t.Fatal(err)
	}
	l[1].Await(ctx, 1<<40) // what did not come is not waited for again
	if err := ctx.Err(); err != nil {
		t.Fatal("it waited for what will never come")
	}
}

// Somebody else wrote into the bucket: that record is passed over and reported, and does not stop the others.
func TestARecordThatCanNotBeReadIsPassedOver(t *testing.T) {
	t.Parallel()
	ctx, l := open(t, 1)
	if _, err := l[0].Connections.bucket.Put(ctx, "c1", []byte(`{"channels":"none"`)); err != nil {
		t.Fatal(err)
	}
	run(t, l[0])
	if _, err := l[0].Connections.Change(ctx, "c1", addChannel("one")); err == nil {
		t.Fatal("a record that can not be read was replaced")
	}
	if _, err := l[0].Connections.Change(ctx, "c2", addChannel("one")); err != nil {
		t.Fatal(err)
	}
	l[0].Read(func(r *roster.Roster) {
		if got := r.Counts().Connections; got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
	})
}

func TestTouchIsCoarse(t *testing.T) {
	t.Parallel()
	ctx, l := open(t, 1)
	start := time.Now().UTC()
	known := func(*contract.UserRecord) (*contract.UserRecord, error) {
		return &contract.UserRecord{User: "alice", LastActive: start}, nil
	}
	if _, err := l[0].Users.Change(ctx, "alice", known); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ after, want time.Duration }{{time.Second, 0}, {time.Hour, time.Hour}, {time.Hour + time.Second, time.Hour}} {
		if err := l[0].Touch(ctx, "alice", start.Add(step.after), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := l[0].Users.Cached("alice").LastActive.Sub(start); got != step.want {
			t.Errorf("after %v it is %v, want %v", step.after, got, step.want)
		}
	}
	if err := l[0].Touch(ctx, "nobody", start, time.Minute); err != nil || l[0].Users.Cached("nobody") != nil {
		t.Errorf("touching made a user known: %v", err)
	}
}
