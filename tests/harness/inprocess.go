package harness

import (
	"context"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/process"
	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// InProcess runs the nodes in the process of the test, each with a port and a NATS connection of its own, put together
// as their own commands do it.
type InProcess struct{}

// Name is that of the subtest.
func (InProcess) Name() string { return "in process" }

// CanKill says that no node can be killed alone.
func (InProcess) CanKill() bool { return false }

func (InProcess) start(k kind, environ []Option, log *logBook) (running, error) {
	ctx, cancel := context.WithCancel(context.Background())
	config, err := settings.Load(ctx, environ, "")
	if err != nil {
		cancel()
		return nil, err
	}
	level, err := telemetry.ParseLevel(config.Log.Level)
	if err != nil {
		cancel()
		return nil, err
	}
	p, err := process.New(services[k], config, "0.0.0", telemetry.NewLogger(log, level, "json"))
	if err != nil {
		cancel()
		return nil, err
	}
	r := &inside{address: p.Addr().String(), cancel: cancel, done: make(chan struct{})}
	go func() { // ends with cancel
		defer close(r.done)
		r.err = p.Run(ctx, serve.NewStages())
	}()
	return r, nil
}

var services = map[kind]process.Service{kindAPI: api.Process, kindGateway: gateway.Process, kindPresence: presence.Process}

// inside is a node in this process.
type inside struct {
	// set at construction
	address string
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended

	err error // set before done is closed
}

func (r *inside) Address() string       { return r.address }
func (r *inside) Interrupt()            { r.cancel() }
func (r *inside) Kill()                 { r.cancel() }
func (r *inside) Done() <-chan struct{} { return r.done }
func (r *inside) Err() error            { return r.err }
