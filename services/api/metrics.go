package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/settings"
)

// metrics are those of one service. Their labels are routes and statuses, of which there are few.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	messages *prometheus.GaugeVec // by store
	bytes    *prometheus.GaugeVec // by store
	oldest   *prometheus.GaugeVec // by store
}

// The stores, as metrics name them.
const (
	storeLog     = "log"
	storeHistory = "history"
)

func newMetrics(registry prometheus.Registerer, s *Service, limits settings.Messages) (*metrics, error) {
	stored := func(noun, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "channelstream_api_stored_" + noun, Help: help}, []string{"store"})
	}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_api_requests_total", Help: "Requests answered, by route and HTTP status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "channelstream_api_request_seconds", Help: "Time to answer a request, by route.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 3, 11),
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "channelstream_api_requests_in_flight", Help: "Requests that are being answered.",
		}),
		messages: stored("messages", "Messages that are kept in the log, and in the history of channels."),
		bytes:    stored("bytes", "Size of the log, and of the history of channels."),
		oldest:   stored("oldest_timestamp_seconds", "When the oldest message that is kept was stored; none where nothing is kept."),
	}
	mostBytes := stored("limit_bytes", "Size at which the oldest messages of the log, or of the history of channels, go.")
	mostBytes.WithLabelValues(storeLog).Set(float64(limits.LogBytes))
	mostBytes.WithLabelValues(storeHistory).Set(float64(limits.HistoryBytes))
	mostMessages := stored("limit_messages", "Messages at which the oldest of the log go.")
	mostMessages.WithLabelValues(storeLog).Set(float64(limits.LogMessages))
	accept := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "channelstream_api_messages_total", Help: "Messages accepted from apps.",
	}, func() float64 { return float64(s.accepted.Load()) })
	lease := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "channelstream_api_lease_lasts", Help: "1 while presence knows that this process is there.",
	}, func() float64 {
		if s.lease.Lasts() {
			return 1
		}
		return 0
	})
	for _, collector := range []prometheus.Collector{
		m.requests, m.seconds, m.inFlight, m.messages, m.bytes, m.oldest, mostBytes, mostMessages, accept, lease,
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// holds notes what a store holds.
func (m *metrics) holds(store string, state bus.LogState) {
	m.messages.WithLabelValues(store).Set(float64(state.Messages))
	m.bytes.WithLabelValues(store).Set(float64(state.Bytes))
	if state.Messages == 0 {
		m.oldest.DeleteLabelValues(store)
		return
	}
	m.oldest.WithLabelValues(store).Set(float64(state.Oldest.UnixMilli()) / 1000)
}
