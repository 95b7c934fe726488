package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of one service. Their labels are routes and statuses, of which there are few.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	messages *prometheus.GaugeVec // by store
	bytes    *prometheus.GaugeVec // by store
}

func newMetrics(registry prometheus.Registerer, accepted func() uint64) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_api_requests_total", Help: "Requests answered, by route and HTTP status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "channelstream_api_request_seconds", Help: "Time to answer a request, by route.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 3, 11),
		}, []string{"route"}),
	}
	m.messages = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "channelstream_api_stored_messages", Help: "Messages that are kept in the log, and in the history of channels.",
	}, []string{"store"})
	m.bytes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "channelstream_api_stored_bytes", Help: "Size of the log, and of the history of channels.",
	}, []string{"store"})
	accept := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "channelstream_api_messages_total", Help: "Messages accepted from apps.",
	}, func() float64 { return float64(accepted()) })
	for _, collector := range []prometheus.Collector{m.requests, m.seconds, m.messages, m.bytes, accept} {
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
func (m *metrics) holds(store string, messages, bytes uint64) {
	m.messages.WithLabelValues(store).Set(float64(messages))
	m.bytes.WithLabelValues(store).Set(float64(bytes))
}
