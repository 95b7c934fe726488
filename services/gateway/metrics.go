package gateway

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/contract"
)

// metrics counts what the hub does.
type metrics struct {
	sessions *prometheus.GaugeVec   // by transport
	opened   *prometheus.CounterVec // by transport
	closed   *prometheus.CounterVec // by reason
	batches  prometheus.Histogram
	delays   prometheus.Histogram
	holes    prometheus.Counter
	lost     prometheus.Counter
	differ   prometheus.Counter
	reads    prometheus.Counter
	read     prometheus.Counter
	cutOff   prometheus.Counter
	returned *prometheus.CounterVec // by outcome
	refused  *prometheus.CounterVec // by why

	reasons map[contract.Reason]prometheus.Counter // of closed; set at construction
}

// Why a client is refused, beside what the desk says and contract.ReasonUnavailable.
const refusedLine = "line"

// otherReason counts sessions that a newer presence closed for a reason that is not known here.
const otherReason = "other"

func newMetrics() *metrics {
	m := &metrics{
		sessions: gauges("sessions", "Open sessions.", "transport"),
		opened:   counters("opened_total", "Sessions opened.", "transport"),
		closed:   counters("closed_total", "Sessions closed.", "reason"),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "channelstream_gateway_batch_messages", Help: "Messages of one channel that a shard wrote as one frame.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}),
		delays: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "channelstream_gateway_delay_seconds",
			Help:    "Time from the log to the sockets of a shard, of a sample of messages; it needs clocks of NATS and the gateway that agree.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16), NativeHistogramBucketFactor: 1.1,
			NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}),
		holes:    counter("holes_total", "Gaps in what NATS sent live, filled from the log."),
		lost:     counter("holes_lost_total", "Gaps that the log could not fill."),
		differ:   counter("differences_total", "Sessions that presence had otherwise than this gateway."),
		reads:    counter("log_reads_total", "Channels and users read from the log for clients that came back."),
		read:     counter("log_read_bytes_total", "Bytes of messages read from the log for clients that came back."),
		cutOff:   counter("cut_off_total", "Clients that came back and were slower than the tapes are long: they were told missed."),
		returned: counters("returned_total", "Clients that went on where they stopped, were caught up, or missed messages.", "outcome"),
		refused:  counters("refused_total", "Clients that were sent away: the gateway is full, or the line, or one address or user has too many, or presence is unavailable.", "why"),
	}
	m.begin()
	return m
}

// register lets a registry have them, and what a service that was made is asked for.
func (m *metrics) register(registry prometheus.Registerer, s *Service) error {
	all := append(s.gauges(),
		m.sessions, m.opened, m.closed, m.batches, m.delays, m.holes, m.lost, m.differ, m.reads, m.read, m.cutOff, m.returned, m.refused)
	for shard := range s.hub.Shards() {
		all = append(all, s.queue(shard)...)
	}
	var err error
	for _, c := range all {
		err = errors.Join(err, registry.Register(c))
	}
	return err
}

func counter(noun, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "channelstream_gateway_" + noun, Help: help})
}

func counters(noun, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "channelstream_gateway_" + noun, Help: help}, []string{label})
}

func gauges(noun, help, label string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "channelstream_gateway_" + noun, Help: help}, []string{label})
}

func gauge(noun, help string, labels prometheus.Labels, read func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "channelstream_gateway_" + noun, Help: help, ConstLabels: labels}, read)
}

// begin has every series there from the start, so that the first of its kind is seen as an increase.
func (m *metrics) begin() {
	for _, transport := range transports {
		m.sessions.WithLabelValues(transport)
		m.opened.WithLabelValues(transport)
	}
	m.reasons = map[contract.Reason]prometheus.Counter{}
	for _, reason := range append(contract.Reasons(), otherReason) {
		m.reasons[reason] = m.closed.WithLabelValues(string(reason))
	}
	for _, outcome := range []string{"missed", "resumed", "caught_up"} {
		m.returned.WithLabelValues(outcome)
	}
	for _, why := range []admission.Refusal{
		admission.Full, admission.Address, admission.User, admission.Rate, refusedLine, admission.Refusal(contract.ReasonUnavailable),
	} {
		m.refused.WithLabelValues(string(why))
	}
}

// transports are the ways of sessions, as metrics name them.
var transports = []string{"ws", "sse", "listen", "websocket", "polling", dismissed}

// gauges are read when somebody asks for them.
func (s *Service) gauges() []prometheus.Collector {
	limits := s.config.Settings.Limits
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "channelstream_gateway_deliveries_total", Help: "Messages handed to sockets, once for each receiver.",
		}, func() float64 { return float64(s.hub.Delivered()) }),
		gauge("subscriptions", "Channels and users subscribed to.", nil, func() float64 { return float64(s.feed.Subscriptions()) }),
		gauge("tape_bytes", "Bytes of messages kept for clients that come back.", nil, func() float64 { return float64(s.feed.TapeBytes()) }),
		gauge("tape_limit_bytes", "Bytes at which the oldest of what is kept for clients that come back goes.", nil, func() float64 { return float64(limits.TapeBytes) }),
		gauge("waiting", "Clients that wait in line to be let in.", nil, func() float64 { return float64(s.book.Waiting()) }),
		gauge("sessions_limit", "Sessions at which clients are sent away; 0 where there is no limit.", nil, func() float64 { return float64(mostSessions(limits.MaxSessions)) }),
		gauge("backlog_bytes", "Bytes that wait for clients that do not take them yet.", nil, func() float64 {
			bytes, _ := s.hub.Backlog()
			return float64(bytes)
		}),
		gauge("backlog_sessions", "Sessions whose clients do not take what they are sent yet.", nil, func() float64 {
			_, members := s.hub.Backlog()
			return float64(members)
		}),
		gauge("intake_messages", "Messages that came from NATS and were not handed on yet.", nil, func() float64 { return float64(s.feed.Queued()) }),
		gauge("relayed_requests", "Requests of polling clients that other gateways handed here and are being answered.", nil, func() float64 { return float64(s.Relayed()) }),
		gauge("lease_lasts", "1 while presence knows that this gateway is there.", nil, func() float64 {
			if s.lease.Lasts() {
				return 1
			}
			return 0
		}),
	}
}

// queue is what waits for one shard.
func (s *Service) queue(shard int) []prometheus.Collector {
	labels := prometheus.Labels{"shard": strconv.Itoa(shard)}
	read := func(pick func(hub.Queue) float64) func() float64 {
		return func() float64 { return pick(s.hub.Queue(shard)) }
	}
	return []prometheus.Collector{
		gauge("queue_items", "Messages, and what else there is to do, that wait for a shard.", labels, read(func(q hub.Queue) float64 { return float64(q.Items) })),
		gauge("queue_bytes", "Bytes of messages that wait for a shard.", labels, read(func(q hub.Queue) float64 { return float64(q.Bytes) })),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "channelstream_gateway_queue_waits_total", Help: "Messages that waited until the queue of a shard had room.", ConstLabels: labels,
		}, read(func(q hub.Queue) float64 { return float64(q.Waited) })),
	}
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
	closed, known := m.reasons[reason]
	if !known {
		closed = m.reasons[otherReason]
	}
	closed.Inc()
}

// Upgraded moves a session to another transport.
func (m *metrics) Upgraded(from, to string) {
	m.sessions.WithLabelValues(from).Dec()
	m.sessions.WithLabelValues(to).Inc()
}

// Batch counts the messages of one frame.
func (m *metrics) Batch(messages int) { m.batches.Observe(float64(messages)) }

// Delay measures how long a message took from the log to the sockets of a shard.
func (m *metrics) Delay(d time.Duration) { m.delays.Observe(d.Seconds()) }

// Traced measures the same of a message that its app traces, and says which trace that is.
func (m *metrics) Traced(trace string, d time.Duration) {
	m.delays.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": trace}) //nolint:forcetypeassert // a histogram is one
}

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
