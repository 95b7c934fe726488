package harness

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/netfault"
)

// NATS is a server with JetStream on a TCP port, which can go and come back at the same place with the same store.
type NATS struct {
	// set at construction
	t     testing.TB
	store string
	url   string
	port  int

	log *logBook

	server *natsembed.Server // nil while it is stopped
}

// storeLimit is more than the services have NATS reserve, however small the disk is.
const storeLimit = 16 << 30

// StartNATS runs a server until the end of the test.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	n := &NATS{t: t, store: t.TempDir(), port: -1, log: newLog()}
	n.begin()
	return n
}

// begin starts the server for the first time, and finds where it is.
func (n *NATS) begin() {
	n.t.Helper()
	n.Start()
	n.t.Cleanup(n.end)
	n.url = n.server.URL()
	at, err := url.Parse(n.url)
	if err != nil {
		n.t.Fatalf("read the address of NATS: %v", err)
	}
	if n.port, err = strconv.Atoi(at.Port()); err != nil {
		n.t.Fatalf("read the port of NATS: %v", err)
	}
}

// URL is where clients find the server.
func (n *NATS) URL() string { return n.url }

func (n *NATS) options() []Option { return []Option{Setting("NATS_URL", n.URL())} }

// Roads lead each node to a NATS server by a Road of its own, which can fail.
type Roads struct{ *NATS }

func (r Roads) open() *netfault.Road {
	r.t.Helper()
	return netfault.NewRoad(r.t, strings.TrimPrefix(r.URL(), "nats://"))
}

// Start starts the server again.
func (n *NATS) Start() {
	n.t.Helper()
	server, err := natsembed.Start(natsembed.Options{
		StoreDir: n.store, Store: storeLimit, Port: n.port, Logger: slog.New(slog.NewTextHandler(n.log, nil)),
	})
	if err != nil {
		n.t.Fatalf("%v\n%s", err, n.log)
	}
	n.server = server
}

// Runs says whether the server was started and not stopped since.
func (n *NATS) Runs() bool { return n.server != nil }

// Stop stops the server if it runs, and waits.
func (n *NATS) Stop() {
	if n.server != nil {
		n.server.Stop()
		n.server = nil
	}
}

// Wipe empties the store of a server that is stopped.
func (n *NATS) Wipe() {
	n.t.Helper()
	if err := os.RemoveAll(n.store); err != nil {
		n.t.Fatal(err)
	}
}

// DeleteStreams deletes all streams, as an operator's mistake does.
func (n *NATS) DeleteStreams() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{URL: n.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	names, err := conn.Streams(ctx)
	for _, name := range names {
		err = errors.Join(err, conn.RemoveStream(ctx, name))
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *NATS) end() {
	n.Stop()
	if n.t.Failed() {
		n.t.Logf("log of NATS:\n%s", n.log)
	}
}
