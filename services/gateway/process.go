package gateway

import "github.com/channelstream/channelstream/shared/process"

// Process is a gateway as a process, or as a part of the whole.
var Process = process.Service{Name: "gateway", Make: func(c process.Config) (process.Part, error) {
	return New(Config{
		Settings: c.Settings, Conn: c.Conn, Address: c.Address, Version: c.Version, Logger: c.Logger, Registry: c.Registry, Tracer: c.Tracer,
	})
}}
