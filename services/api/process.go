package api

import "github.com/channelstream/channelstream/shared/process"

// Process is the api as a process, or as a part of the whole.
var Process = process.Service{Name: "api", Make: func(c process.Config) (process.Part, error) {
	return New(Config{
		Settings: c.Settings, Version: c.Version, Conn: c.Conn, Logger: c.Logger, Registry: c.Registry, Tracer: c.Tracer,
	})
}}
