package bus

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// Register lets a registry have the metrics of the connection. They are read when somebody asks for them. service says whose
// connection it is: several services of one process have one registry.
func (c *Conn) Register(registry prometheus.Registerer, service string) error {
	labels := prometheus.Labels{"service": service}
	gauge := func(noun, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "channelstream_nats_" + noun, Help: help, ConstLabels: labels}, read)
	}
	counter := func(noun, help string, read func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "channelstream_nats_" + noun, Help: help, ConstLabels: labels},
			func() float64 { return float64(read()) })
	}
	stats := func(pick func(nats.Statistics) uint64) func() uint64 {
		return func() uint64 { return pick(c.nc.Stats()) }
	}
	return errors.Join(
		registry.Register(gauge("connected", "1 while there is a connection to NATS.", func() float64 { return number(c.Connected()) })),
		registry.Register(gauge("disk_full", "1 while the embedded NATS server has no room on its disk.", func() float64 { return number(c.Full()) })),
		registry.Register(gauge("pending_stores", "Messages that were sent to streams and are not acknowledged yet.", func() float64 {
			return float64(c.js.PublishAsyncPending())
		})),
		registry.Register(counter("reconnects_total", "Connections to NATS that were made after one was lost.", stats(func(s nats.Statistics) uint64 { return s.Reconnects }))),
		registry.Register(counter("drops_total", "Times that a subscription lost messages, since the process did not take them in time.", c.dropped.Load)),
		registry.Register(counter("late_requests_total", "Requests that were not begun, since their callers had given up.", c.late.Load)),
		registry.Register(counter("received_messages_total", "Messages that came from NATS.", stats(func(s nats.Statistics) uint64 { return s.InMsgs }))),
		registry.Register(counter("received_bytes_total", "Bytes of messages that came from NATS.", stats(func(s nats.Statistics) uint64 { return s.InBytes }))),
		registry.Register(counter("sent_messages_total", "Messages that were sent to NATS.", stats(func(s nats.Statistics) uint64 { return s.OutMsgs }))),
		registry.Register(counter("sent_bytes_total", "Bytes of messages that were sent to NATS.", stats(func(s nats.Statistics) uint64 { return s.OutBytes }))),
	)
}

// number is how a metric writes yes or no.
func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
