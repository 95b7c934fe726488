// Package serve is how every process of Channelstream starts, answers for its health and stops: a bound listener
// first, then Run until the context ends, then a bounded stop.
//
// It promises that New starts nothing, and that after Run nothing of the server is left but connections that a
// handler hijacked: those are their owner's to close.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
)

const (
	readHeaderTimeout = 10 * time.Second // slowloris: headers that never end
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	defaultGrace      = 15 * time.Second
)

// Listen binds a TCP listener; port 0 takes any free one.
func Listen(host string, port int) (net.Listener, error) {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %w: stop what listens there, or choose another port (%sPORT, %sOPERATOR_PORT)", err, settings.Prefix, settings.Prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}

// Server serves HTTP/1 on one listener.
type Server struct {
	// Set before Run. Grace is how long Run waits for open requests at a stop, and BodyTimeout how long a body may take
	// to come. RestTimeout is how long a client may pause that was answered before it had sent all of its body.
	Grace, BodyTimeout, RestTimeout time.Duration

	listener net.Listener
	http     *http.Server
	log      *slog.Logger
	bodies   *bodies // nil: any number may wait
}

// New takes over l: Run closes it. There is no limit on the time of an answer, since a long poll is one.
func New(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	s := &Server{
		Grace: defaultGrace, BodyTimeout: defaultBodyTimeout, RestTimeout: defaultRestTimeout,
		listener: l, log: log,
	}
	s.http = &http.Server{
		Handler:           s.bounded(h),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // faults of clients
	}
	return s
}

// Addr is the address that the listener is bound to.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then accepts no more and gives open requests Grace to finish before it cuts them off,
// which is an error. It runs once.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("listening", "address", s.Addr().String())
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	err := s.stop()
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve: %w", end))
	}
	s.log.Info("stopped listening", "address", s.Addr().String())
	return err
}

func (s *Server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.Grace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), s.http.Close())
	}
	return nil
}
