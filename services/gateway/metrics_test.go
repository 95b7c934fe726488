package gateway_test

import (
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
)

// The first of its kind is an increase only if the series was there before.
func TestMetricsOfAGatewayAreThereFromTheStart(t *testing.T) {
	t.Parallel()
	metrics := gatewaytest.Start(t, "CHANNELSTREAM_MAX_SESSIONS=77", "CHANNELSTREAM_TAPE_BYTES=32MiB").Metrics()
	for _, want := range []string{
		`closed_total{reason="slow_consumer"} 0`, `closed_total{reason="other"} 0`, `opened_total{transport="sse"} 0`,
		`sessions{transport="ws"} 0`, `refused_total{why="line"} 0`, `returned_total{outcome="missed"} 0`,
		`queue_items{shard="0"} `, `sessions_limit 77`, `tape_limit_bytes 3.3554432e+07`, `delay_seconds_count 0`,
		`backlog_bytes 0`, `backlog_sessions 0`,
	} {
		if !strings.Contains(metrics, "\nchannelstream_gateway_"+want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestAMessageOfTheLogIsTimedAndAFleetingOneIsNot(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	s := g.Plain("c1")
	g.Post("news", `{"n":0}`)
	for !strings.Contains(s.Next(), `"n":0`) {
	}
	if !strings.Contains(g.Metrics(), "channelstream_gateway_delay_seconds_count 0\n") {
		t.Error("a message without a time is timed")
	}
	g.Store("news", `{"n":1}`)
	for !strings.Contains(s.Next(), `"n":1`) {
	}
	gatewaytest.Eventually(t, "it is timed", func() bool {
		return strings.Contains(g.Metrics(), "channelstream_gateway_delay_seconds_count 1\n")
	})
}

func TestABacklogIsSeen(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64MiB", "CHANNELSTREAM_BACKLOG_AGE=1h")
	g.Presence.Register("slow", "alice", "flood")
	sip(t, g, "/ws?conn_id=slow")
	gatewaytest.Eventually(t, "the client is attached", func() bool { return g.Presence.Holds("slow") })
	for n := range missed {
		g.Store("flood", large(n))
	}
	gatewaytest.Eventually(t, "bytes wait for one client", func() bool {
		metrics := g.Metrics()
		return strings.Contains(metrics, "\nchannelstream_gateway_backlog_sessions 1\n") && !strings.Contains(metrics, "\nchannelstream_gateway_backlog_bytes 0\n")
	})
}
