package bus_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/bus"
)

// read gives the values of a connection's metrics by name.
func read(t *testing.T, registry *prometheus.Registry, service string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == service {
				values[family.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return values
}

func TestTheMetricsOfConnectionsSayWhatBecameOfEach(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	registry, first, second := prometheus.NewRegistry(), s.dial(), s.dial()
	for service, conn := range map[string]*bus.Conn{"first": first, "second": second} {
		if err := conn.Register(registry, service); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Publish("nobody", nil, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	told := read(t, registry, "first")
	if told["channelstream_nats_connected"] != 1 || told["channelstream_nats_reconnects_total"] != 0 || told["channelstream_nats_disk_full"] != 0 {
		t.Errorf("at the start: %v", told)
	}
	if other := read(t, registry, "second"); told["channelstream_nats_sent_messages_total"] != other["channelstream_nats_sent_messages_total"]+1 {
		t.Errorf("one sent a message more than the other: %v, %v", told, other)
	}
	s.stop()
	eventually(t, "the loss is seen", func() bool { return read(t, registry, "first")["channelstream_nats_connected"] == 0 })
	s.start()
	eventually(t, "both are back", func() bool {
		for _, service := range []string{"first", "second"} {
			told := read(t, registry, service)
			if told["channelstream_nats_connected"] != 1 || told["channelstream_nats_reconnects_total"] != 1 {
				return false
			}
		}
		return true
	})
}

func TestDropsAreCounted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	registry, conn := prometheus.NewRegistry(), s.dial()
	if err := conn.Register(registry, "gateway"); err != nil {
		t.Fatal(err)
	}
	full := conn.NewIntake(1)
	if _, err := full.Subscribe("flood"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := conn.Publish("flood", nil, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the drop is counted", func() bool { return read(t, registry, "gateway")["channelstream_nats_drops_total"] > 0 })
}
