// Floor is what no fan-out server on sockets can beat by much: it upgrades WebSockets, takes messages, and, on one
// goroutine per core, joins the messages that wait and writes them with one plain non-blocking write per socket.
// It checks nothing, stores nothing, resumes nothing, and knows no users.
//
//	GET  /ws?channel=<name>   a WebSocket that gets the channel's messages, as text frames [m1,m2,…]
//	POST /message             messages as input.go describes them
//	raw port                  the same without HTTP: a stream of messages, no answers
//
// The raw port is what fan-out is measured with: parsing HTTP is no part of the least that fan-out can cost. Whatever
// the floor does is within its own process and so within what is measured.
//
// Usage: floor <host:port> <raw host:port>
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const stopTimeout = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		slog.Error("floor ended", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: floor <host:port> <raw host:port>")
	}
	h, err := newHub(runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	raw, err := net.Listen("tcp", args[1])
	if err != nil {
		return fmt.Errorf("listen for messages: %w", err)
	}
	server := &http.Server{Addr: args[0], Handler: routes(h), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 2)
	go func() { ended <- server.ListenAndServe() }()
	go func() { ended <- h.acceptRaw(raw) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	// Writers and raw connections live as long as the process: there is nothing to flush and nobody to tell.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, raw.Close(), server.Shutdown(stopping))
}

func routes(h *hub) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /ws", h.upgrade)
	mux.HandleFunc("POST /message", h.post)
	return mux
}
