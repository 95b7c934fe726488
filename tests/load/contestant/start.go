package contestant

import (
	"context"
	"fmt"
	"path/filepath"
)

const secret = "the-secret-of-the-benchmark"

func startFloor(raw, envelope bool) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		address, _, err := freeAddress()
		if err != nil {
			return err
		}
		publish, _, err := freeAddress()
		if err != nil {
			return err
		}
		p, err := s.start("floor", nil, address, publish)
		if err != nil {
			return err
		}
		s.Target.Dialect, s.Target.Sockets, s.Target.Publish, s.Target.Envelope = "floor", address, address, envelope
		if raw {
			s.Target.Raw = publish
		}
		return p.awaitHTTP(ctx, address, "/readyz")
	}
}

func startConnectFloor(way string) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		s.Target.Dialect, s.Target.Secret = "channelstream", secret
		address, _, err := freeAddress()
		if err != nil {
			return err
		}
		s.Target.Sockets, s.Target.Publish = address, address
		p, err := s.start("connectfloor", nil, address, way, filepath.Join(s.dir, "data"))
		if err != nil {
			return err
		}
		return p.awaitHTTP(ctx, address, "/readyz")
	}
}

func startSocketIO(ctx context.Context, s *Server) error {
	address, _, err := freeAddress()
	if err != nil {
		return err
	}
	p, err := s.start(Node, []string{"NODE_ENV=production"}, filepath.Join(s.programs.root, socketIOFolder, "server.js"), address)
	if err != nil {
		return err
	}
	s.Target.Dialect, s.Target.Sockets, s.Target.Publish = "socketio", address, address
	return p.awaitHTTP(ctx, address, "/readyz")
}

func startAllInOne(program string, noLog bool, env ...string) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		s.Target.Dialect, s.Target.Secret, s.Target.NoLog = "channelstream", secret, noLog
		address, err := s.startOurs(ctx, program, append(env, "CHANNELSTREAM_DATA_DIR="+filepath.Join(s.dir, "data"))...)
		s.Target.Sockets, s.Target.Publish = address, address
		return err
	}
}

func startSeparate(noLog bool) func(context.Context, *Server) error {
	return func(ctx context.Context, s *Server) error {
		s.Target.Dialect, s.Target.Secret, s.Target.NoLog = "channelstream", secret, noLog
		address, port, err := freeAddress()
		if err != nil {
			return err
		}
		nats, err := s.start("nats-server", nil, "-a", host, "-p", port, "-js", "-sd", filepath.Join(s.dir, "data"))
		if err != nil {
			return err
		}
		if err := nats.awaitTCP(ctx, address); err != nil {
			return err
		}
		url := "CHANNELSTREAM_NATS_URL=nats://" + address
		if _, err := s.startOurs(ctx, "presence", url); err != nil {
			return err
		}
		if s.Target.Sockets, err = s.startOurs(ctx, "gateway", url); err != nil {
			return err
		}
		for n := 2; n <= s.options.Gateways; n++ {
			elsewhere, err := s.startOursAs(ctx, fmt.Sprintf("gateway-%d", n), "gateway", url)
			if err != nil {
				return err
			}
			s.Target.Elsewhere = append(s.Target.Elsewhere, elsewhere)
		}
		if s.Target.Publish, err = s.startOurs(ctx, "api", url); err != nil {
			return err
		}
		return s.supervise()
	}
}

// startOurs starts one of this project's programs as its documentation says and returns where it listens.
func (s *Server) startOurs(ctx context.Context, program string, env ...string) (address string, err error) {
	return s.startOursAs(ctx, program, program, env...)
}

func (s *Server) startOursAs(ctx context.Context, name, program string, env ...string) (address string, err error) {
	address, port, err := freeAddress()
	if err != nil {
		return "", err
	}
	env = append(env, "CHANNELSTREAM_HOST="+host, "CHANNELSTREAM_PORT="+port, "CHANNELSTREAM_SECRET="+secret, "CHANNELSTREAM_DRAIN_WINDOW=0s")
	p, err := s.startAs(name, program, append(env, s.options.Settings...))
	if err != nil {
		return "", err
	}
	p.address = address
	return address, p.awaitReady(ctx)
}
