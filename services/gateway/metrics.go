package gateway

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/contract"
)

// metrics counts what the hub does.
type metrics struct {
	sessions *prometheus.GaugeVec   // by transport
	opened   *prometheus.CounterVec // by transport
	closed   *prometheus.CounterVec // by reason
	batches  prometheus.Histogram
	holes    prometheus.Counter
	lost     prometheus.Counter
	differ   prometheus.Counter
	reads    prometheus.Counter
	read     prometheus.Counter
	cutOff   prometheus.Counter
	returned *prometheus.CounterVec // by outcome
	refused  *prometheus.CounterVec // by why
}

func newMetrics(registry prometheus.Registerer, s *Service) (*metrics, error) {
	m := &metrics{
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "channelstream_gateway_sessions", Help: "Open sessions.",
		}, []string{"transport"}),
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_gateway_opened_total", Help: "Sessions opened.",
		}, []string{"transport"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_gateway_closed_total", Help: "Sessions closed.",
		}, []string{"reason"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "channelstream_gateway_batch_messages", Help: "Messages of one channel that a shard wrote as one frame.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}),
		holes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_holes_total", Help: "Gaps in what NATS sent live, filled from the log.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_holes_lost_total", Help: "Gaps that the log could not fill.",
		}),
		differ: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_differences_total", Help: "Sessions that presence had otherwise than this gateway.",
		}),
		reads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_log_reads_total", Help: "Channels and users read from the log for clients that came back.",
		}),
		read: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_log_read_bytes_total", Help: "Bytes of messages read from the log for clients that came back.",
		}),
		cutOff: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "channelstream_gateway_cut_off_total", Help: "Clients that came back and were slower than the tapes are long: they were told missed.",
		}),
		returned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_gateway_returned_total", Help: "Clients that went on where they stopped, were caught up, or missed messages.",
		}, []string{"outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_gateway_refused_total", Help: "Clients that were sent away: the gateway is full, or the line, or one address or user has too many.",
		}, []string{"why"}),
	}
	delivered := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "channelstream_gateway_deliveries_total", Help: "Messages handed to sockets, once for each receiver.",
	}, func() float64 { return float64(s.hub.Delivered()) })
	subscriptions := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "channelstream_gateway_subscriptions", Help: "Channels and users subscribed to.",
	}, func() float64 { return float64(s.feed.Subscriptions()) })
	taped := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "channelstream_gateway_tape_bytes", Help: "Bytes of messages kept for clients that come back.",
	}, func() float64 { return float64(s.feed.TapeBytes()) })
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "channelstream_gateway_waiting", Help: "Clients that wait in line to be let in.",
	}, func() float64 { return float64(s.book.Waiting()) })
	var err error
	for _, c := range []prometheus.Collector{
		m.sessions, m.opened, m.closed, m.batches, m.holes, m.lost, m.differ, m.reads, m.read, m.cutOff, m.returned, m.refused,
		delivered, subscriptions, taped, waiting,
	} {
		err = errors.Join(err, registry.Register(c))
	}
	return m, err
}

// Refused counts a client that was sent away.
func (m *metrics) Refused(why string) { m.refused.WithLabelValues(why).Inc() }

// Opened counts a session.
func (m *metrics) Opened(transport string) {
	m.sessions.WithLabelValues(transport).Inc()
	m.opened.WithLabelValues(transport).Inc()
}

// Closed counts the end of a session.
func (m *metrics) Closed(transport string, reason contract.Reason) {
	m.sessions.WithLabelValues(transport).Dec()
	m.closed.WithLabelValues(string(reason)).Inc()
}

// Upgraded moves a session to another transport.
func (m *metrics) Upgraded(from, to string) {
	m.sessions.WithLabelValues(from).Dec()
	m.sessions.WithLabelValues(to).Inc()
}

// Batch counts the messages of one frame.
func (m *metrics) Batch(messages int) { m.batches.Observe(float64(messages)) }

// Hole counts a gap that is filled from the log.
func (m *metrics) Hole() { m.holes.Inc() }

// Differences counts sessions that presence had otherwise.
func (m *metrics) Differences(n int) { m.differ.Add(float64(n)) }

// Lost counts a gap that could not be filled.
func (m *metrics) Lost() { m.lost.Inc() }

// Read counts a topic that was read from the log for clients that came back.
func (m *metrics) Read(_ int, bytes int64) {
	m.reads.Inc()
	m.read.Add(float64(bytes))
}

// CutOff counts a client that was too slow for what it missed.
func (m *metrics) CutOff() { m.cutOff.Inc() }

// Returned counts a client that came back.
func (m *metrics) Returned(outcome string) { m.returned.WithLabelValues(outcome).Inc() }
