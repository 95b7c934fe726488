package contestant

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// supervisedStop is how long a process may take to stop that the generator wants stopped: more than the 15 s of
// CHANNELSTREAM_SHUTDOWN_TIMEOUT.
const supervisedStop = 20 * time.Second

// supervise takes the generator's orders, which has no processes of its own: by HTTP on loopback,
//
//	POST /stop?process=gateway    200 once it has ended by itself
//	POST /start?process=gateway   200 once it is ready, and its new id
//
// It ends with Stop.
func (s *Server) supervise() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("supervise: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /stop", s.ordered(func(_ context.Context, p *process) error {
		if !p.stop(supervisedStop) {
			return fmt.Errorf("%s did not stop within %v", p.name, supervisedStop)
		}
		return nil
	}))
	mux.HandleFunc("POST /start", s.ordered(func(ctx context.Context, p *process) error {
		if err := p.start(); err != nil {
			return err
		}
		return p.awaitReady(ctx)
	}))
	s.supervisor = &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	s.Target.Supervisor = listener.Addr().String()
	go func() { _ = s.supervisor.Serve(listener) }() // until it is closed
	return nil
}

// ordered does something to the process that a request names, and answers with the process's id.
func (s *Server) ordered(do func(context.Context, *process) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		p, err := s.named(r.URL.Query().Get("process"))
		if err == nil {
			err = do(r.Context(), p)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprint(w, p.cmd.Process.Pid)
	}
}

// Said is what the processes said last.
func (s *Server) Said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var said strings.Builder
	for _, p := range s.processes {
		fmt.Fprintf(&said, "%s, %v:\n%s\n", p.name, p.cmd.ProcessState, p.tail())
	}
	return said.String()
}

// named finds a process. The caller holds mu.
func (s *Server) named(name string) (*process, error) {
	if s.ended {
		return nil, errors.New("the server was stopped")
	}
	for _, p := range s.processes {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no process %q", name)
}
