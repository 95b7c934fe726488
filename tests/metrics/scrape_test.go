// Package metrics holds what servers export to Prometheus to its conventions, and the alerts and dashboards of deploy/ to what
// servers export.
package metrics

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// families are metrics by name.
type families map[string]*dto.MetricFamily

// scrape asks a server as Prometheus does, in the format that has native histograms.
func scrape(t *testing.T, at string) families {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	found, decoder := families{}, expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header))
	for {
		family := new(dto.MetricFamily)
		switch err := decoder.Decode(family); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatalf("metrics of %s: %v", at, err)
		}
		found[family.GetName()] = family
	}
}

// had are the metrics that busy gives. The first test that asks has them made.
var had struct {
	once sync.Once
	families
}

// busy gives the metrics of an all-in-one that has had something to do, now and before it was started.
func busy(t *testing.T) families {
	t.Helper()
	had.once.Do(func() { had.families = occupy(t) })
	if had.families == nil {
		t.Fatal("another test could not have the metrics")
	}
	return had.families
}

func occupy(t *testing.T) families {
	t.Helper()
	dir := harness.Setting("DATA_DIR", t.TempDir())
	before := harness.AllInOne(t, dir)
	message := client.Message{User: "app", Channel: "room", Message: "hello"}
	post(t, before, message)
	before.Stop()
	s := harness.AllInOne(t, dir)
	c, err := s.Client.Connect(t.Context(), client.Connect{User: "alice", Channels: []string{"room"}})
	if err != nil {
		t.Fatal(err)
	}
	socket, status := harness.TryOpenAt(t, s.URL, c.ConnID)
	if socket == nil {
		t.Fatalf("a socket was answered with %d", status)
	}
	var found families
	harness.Eventually(t, "a message is measured, and the log", func() bool {
		post(t, s, message) // the first may come as one that the client missed while its socket opened
		found = scrape(t, s.URL)
		return found.samples(delay) > 0 && found["channelstream_api_stored_oldest_timestamp_seconds"] != nil
	})
	return found
}

func post(t *testing.T, s *harness.System, m client.Message) {
	t.Helper()
	if _, err := s.Client.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

const delay = "channelstream_gateway_delay_seconds"

// samples is how many a histogram has.
func (f families) samples(name string) (n uint64) {
	for _, metric := range f[name].GetMetric() {
		n += metric.GetHistogram().GetSampleCount()
	}
	return n
}
