package presence

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/services/presence/internal/announce"
	"github.com/channelstream/channelstream/services/presence/internal/leader"
	"github.com/channelstream/channelstream/services/presence/internal/ledger"
	"github.com/channelstream/channelstream/services/presence/internal/roster"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

// metrics are one replica's.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	told     *prometheus.CounterVec
	inFlight prometheus.Gauge
	subject  atomic.Pointer[measured] // what the gauges read; nil while the replica does not run
}

type measured struct {
	ledger    *ledger.Ledger
	leader    *leader.Candidate
	announcer *announce.Announcer
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_presence_requests_total", Help: "Requests answered, by verb and by ok or the code of the fault.",
		}, []string{"verb", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "channelstream_presence_request_seconds", Help: "Time to answer a request.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"verb"}),
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_presence_announced_total", Help: "Channels told that a user joined or parted, by action.",
		}, []string{"action"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "channelstream_presence_requests_in_flight", Help: "Requests that are being answered; when there are 1,024, more wait.",
		}),
	}
	for _, action := range []string{contract.ActionJoined, contract.ActionParted} { // there from the start
		m.told.WithLabelValues(action)
	}
	if registry == nil {
		return m, nil
	}
	for _, collector := range []prometheus.Collector{
		m.requests, m.seconds, m.told, m.inFlight,
		m.gauge("connections", "Connections, whatever their state, but for dormant ones.", func(c roster.Counts) int { return c.Connections }),
		m.gauge("dormant", "Connections that dropped and count nowhere, kept for clients that resume.", func(c roster.Counts) int { return c.Dormant }),
		m.gauge("users", "Users with a connection.", func(c roster.Counts) int { return c.Present }),
		m.gauge("users_known", "Users that are remembered, with a connection or without.", func(c roster.Counts) int { return c.Remembered }),
		m.gauge("channels", "Channels that somebody is in.", func(c roster.Counts) int { return c.Channels }),
		m.processes(contract.LeaseGateway), m.processes(contract.LeaseAPI),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "channelstream_presence_unannounced_changes", Help: "Changes of connections that are not announced yet, or not known to be.",
		}, m.unannounced),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "channelstream_presence_leader", Help: "1 on the replica that leads.",
		}, m.leads),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics of presence: %w", err)
		}
	}
	return m, nil
}

// watch says what the gauges read from now on; nil: nothing.
func (m *metrics) watch(what *measured) { m.subject.Store(what) }

// processes counts the leases of a kind of process.
func (m *metrics) processes(kind contract.LeaseKind) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "channelstream_presence_processes", Help: "Gateways and apis whose leases last.",
		ConstLabels: prometheus.Labels{"kind": string(kind)},
	}, func() float64 {
		subject, n := m.subject.Load(), 0
		if subject == nil {
			return 0
		}
		subject.ledger.Read(func(r *roster.Roster) {
			for lease := range r.Leases() {
				if lease.Kind == kind {
					n++
				}
			}
		})
		return float64(n)
	})
}

func (m *metrics) unannounced() float64 {
	if subject := m.subject.Load(); subject != nil {
		return float64(subject.announcer.Held())
	}
	return 0
}

func (m *metrics) gauge(noun, help string, pick func(roster.Counts) int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "channelstream_presence_" + noun, Help: help}, func() float64 {
		subject := m.subject.Load()
		if subject == nil {
			return 0
		}
		var counts roster.Counts
		subject.ledger.Read(func(r *roster.Roster) { counts = r.Counts() })
		return float64(pick(counts))
	})
}

func (m *metrics) leads() float64 {
	if subject := m.subject.Load(); subject != nil {
		if _, leads := subject.leader.Since(); leads {
			return 1
		}
	}
	return 0
}

// measured counts and times what a handler answers.
func (m *metrics) measured(verb string, handler bus.Handler) bus.Handler {
	ok, seconds := m.requests.WithLabelValues(verb, "ok"), m.seconds.WithLabelValues(verb)
	return func(ctx context.Context, data []byte) (any, error) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		start := time.Now()
		answer, err := handler(ctx, data)
		seconds.Observe(time.Since(start).Seconds())
		if err == nil {
			ok.Inc()
		} else {
			m.requests.WithLabelValues(verb, outcome(err)).Inc()
		}
		return answer, err
	}
}

func outcome(err error) string {
	fault := new(contract.Fault)
	switch {
	case errors.As(err, &fault):
		return string(fault.Code)
	case errors.Is(err, bus.ErrUnavailable):
		return string(contract.CodeUnavailable)
	}
	return string(contract.CodeInternal)
}
