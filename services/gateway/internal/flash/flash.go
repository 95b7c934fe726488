// Package flash is the policy listener that Flash sockets ask before they connect: a null-terminated
// `<policy-file-request/>` gets a policy for the server's port, then the end. Anything else gets only the end.
//
// Source: Adobe, "Setting up a socket policy file server".
package flash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	request = "<policy-file-request/>\x00"
	within  = 5 * time.Second        // for a client to ask and to take the answer
	pause   = 100 * time.Millisecond // after a connection could not be taken
	most    = 256                    // clients at once
)

// Policy is the answer for a server's port.
func Policy(port int) string {
	return `<?xml version="1.0"?><!DOCTYPE cross-domain-policy SYSTEM "/xml/dtds/cross-domain-policy.dtd">` +
		`<cross-domain-policy><site-control permitted-cross-domain-policies="master-only"/>` +
		`<allow-access-from domain="*" to-ports="` + strconv.Itoa(port) + `"/></cross-domain-policy>` + "\x00"
}

// Serve listens until ctx ends.
func Serve(ctx context.Context, host string, port, serverPort int, log *slog.Logger) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for Flash policy requests: %w", err)
	}
	log.Info("answering Flash policy requests", "address", l.Addr().String())
	return Answer(ctx, l, Policy(serverPort), log)
}

// Answer answers on a listener, which it closes, until ctx ends. When a connection can not be taken, for want of file
// descriptors say, it goes on after a pause.
func Answer(ctx context.Context, l net.Listener, policy string, log *slog.Logger) error {
	defer context.AfterFunc(ctx, func() { l.Close() })() //nolint:errcheck // Accept says so
	var clients sync.WaitGroup
	defer clients.Wait()
	slots := make(chan struct{}, most)
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			log.Warn("a Flash policy request could not be taken; going on", "error", err)
			rest(ctx)
			continue
		}
		slots <- struct{}{}
		clients.Go(func() {
			defer func() { <-slots }()
			answer(conn, policy)
		})
	}
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

func answer(conn net.Conn, policy string) {
	defer conn.Close() //nolint:errcheck // the client has gone then
	if conn.SetDeadline(time.Now().Add(within)) != nil {
		return
	}
	asked, err := bufio.NewReaderSize(io.LimitReader(conn, int64(len(request))), len(request)).ReadString(0)
	if err == nil && asked == request {
		io.WriteString(conn, policy) //nolint:errcheck // the client has gone then
	}
}
