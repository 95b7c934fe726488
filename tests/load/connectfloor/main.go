// Connectfloor is the least that a connect can cost with the libraries of this project: one POST /connect and the opening
// of one WebSocket, by net/http and gorilla/websocket. What it does beside is chosen by its second argument:
//
//	http   nothing: connections are kept in a map
//	store  each of the two also puts a small record into JetStream, in a file, by an embedded NATS server, and waits
//	ask    each of the two also asks a responder over that NATS server, which puts the record and answers
//
// It signs nothing, tells nobody, forgets who has gone, and keeps no order. It exists to see how many connects a second
// the machine has room for, with the load generator on it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/natsembed"
)

type connection struct {
	User     string   `json:"user"`
	ConnID   string   `json:"conn_id"`
	Channels []string `json:"channels"`
}

type floor struct {
	keep    func(context.Context, connection) error
	joining sync.RWMutex // read-locked while a socket opens: a client that has read the answer is a member

	mu      sync.Mutex
	known   map[string]connection        // by id; guarded by mu
	members map[string][]*websocket.Conn // by channel; guarded by mu
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: connectfloor ADDRESS http|store|ask DIRECTORY")
	}
	f := &floor{known: map[string]connection{}, members: map[string][]*websocket.Conn{}}
	var err error
	if f.keep, err = keeper(context.Background(), os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /connect", f.connect)
	mux.HandleFunc("POST /message", f.message)
	mux.HandleFunc("GET /ws", f.open)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(os.Args[1], mux)) //nolint:gosec // a load test on loopback
}

// keeper makes what keeps a connection.
func keeper(ctx context.Context, way, dir string) (func(context.Context, connection) error, error) {
	if way == "http" {
		return func(context.Context, connection) error { return nil }, nil
	}
	nats, err := natsembed.Start(natsembed.Options{StoreDir: dir, Logger: slog.Default()})
	if err != nil {
		return nil, err
	}
	conn, err := bus.Connect(ctx, bus.Options{InProcess: nats, Logger: slog.Default()})
	if err != nil {
		return nil, err
	}
	bucket, err := conn.OpenBucket(ctx, bus.BucketConfig{Name: "connections"})
	if err != nil {
		return nil, err
	}
	put := func(ctx context.Context, c connection) error {
		record, err := json.Marshal(c)
		if err == nil {
			_, err = bucket.Put(ctx, c.ConnID, record)
		}
		return err
	}
	if way == "store" {
		return put, nil
	}
	go func() {
		err := conn.Serve(ctx, bus.Service{
			Name: "keeper", Description: "keeps connections", Version: "1.0.0", Concurrent: 256, Timeout: 10 * time.Second, Logger: slog.Default(),
			Endpoints: map[string]bus.Endpoint{"keep": {Subject: "keep", Handler: bus.On(func(ctx context.Context, c connection) (connection, error) {
				return c, put(ctx, c)
			})}},
		}, func() {})
		log.Fatal(err)
	}()
	return func(ctx context.Context, c connection) error {
		_, err := bus.Call[connection](ctx, conn, "keep", c)
		return err
	}, nil
}

func (f *floor) connect(w http.ResponseWriter, r *http.Request) {
	var c connection
	err := json.NewDecoder(r.Body).Decode(&c)
	if err == nil {
		err = f.keep(r.Context(), c)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.known[c.ConnID] = c
	f.mu.Unlock()
	_ = json.NewEncoder(w).Encode(c)
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }, ReadBufferSize: 256, WriteBufferSize: 256}

func (f *floor) open(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	c := f.known[r.URL.Query().Get("conn_id")]
	f.mu.Unlock()
	if err := f.keep(r.Context(), c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.joining.RLock()
	defer f.joining.RUnlock()
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	f.mu.Lock()
	for _, channel := range c.Channels {
		f.members[channel] = append(f.members[channel], ws)
	}
	f.mu.Unlock()
}

func (f *floor) message(w http.ResponseWriter, r *http.Request) {
	var list []struct {
		Channel string          `json:"channel"`
		Message json.RawMessage `json:"message"`
	}
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.joining.Lock()
	defer f.joining.Unlock()
	for _, m := range list {
		for _, ws := range f.members[m.Channel] {
			_ = ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `[{"message":%s}]`, m.Message))
		}
	}
}
