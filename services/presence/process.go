package presence

import (
	"net/http"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/process"
)

// Process is a replica as a process, or as a part of the whole.
var Process = process.Service{Name: "presence", Private: true, Make: func(c process.Config) (process.Part, error) {
	s := c.Settings
	return New(Config{
		Namespace: contract.Namespace(s.NATS.Namespace), Replicas: s.NATS.Replicas, MaxChannels: s.Limits.MaxChannels,
		MaxUserChannels: s.Limits.MaxUserChannels, MaxState: s.Limits.MaxState,
		ConnectTimeout: s.Presence.ConnectTimeout, Linger: s.Presence.Linger, LeaseTTL: s.Presence.LeaseTTL,
		ResumeWindow: s.Messages.ResumeWindow, UserRetention: s.Presence.UserRetention,
		RequestTimeout: s.Timing.Request, Version: c.Version,
		Conn: c.Conn, Logger: c.Logger, Registry: c.Registry, Tracer: c.Tracer,
	})
}}

// Handler is nil: presence is asked over NATS alone.
func (s *Service) Handler() http.Handler { return nil }
