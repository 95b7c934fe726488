package gateway

import "github.com/channelstream/channelstream/shared/process"

// Process is a gateway as a process, or as a part of the whole. clientScript is the stock Socket.IO client, if it is to be
// served beside the sockets, or nil.
func Process(clientScript []byte) process.Service {
	return process.Service{Name: "gateway", Make: func(c process.Config) (process.Part, error) {
		return New(Config{
			Settings: c.Settings, Conn: c.Conn, Address: c.Address, Version: c.Version, ClientScript: clientScript,
			Logger: c.Logger, Registry: c.Registry,
		})
	}}
}
