package main

import (
	"bufio"
	"context"
	"flag"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
)

// The latencies of two runs can be compared only where nothing else runs.
var quiet = flag.Bool("quiet", false, "this machine does nothing else: compare latencies")

// A reader that stops costs its backlog and nothing else.
func TestReadersThatStopAreClosedAndCostTheOthersNothing(t *testing.T) {
	load := generator.Work{
		Kind: generator.Fanout, Sockets: 950, Channels: 1, Payload: 2048, PerRequest: 1, Rate: 20, Duration: 14 * time.Second,
	}
	with := load
	with.Stopped = 50
	server := startServer(t, "all-in-one")
	before := heapOf(t, server)
	result := measured(t, server, with)
	if n := len(result.StoppedClosed); n != with.Stopped {
		t.Errorf("%d of %d sockets that stopped were closed", n, with.Stopped)
	}
	if n := metric(t, server, `channelstream_gateway_closed_total{reason="slow_consumer"}`); n != float64(with.Stopped) {
		t.Errorf("%v were closed as slow_consumer", n)
	}
	awaitMemory(t, server, before+32<<20)
	if !*quiet {
		return
	}
	alone := measured(t, startServer(t, "all-in-one"), load)
	if ratio := float64(result.P99) / float64(alone.P99); ratio > 1.3 {
		t.Errorf("the p99 of the others is %v, %.2f times the %v without those that stopped", result.P99, ratio, alone.P99)
	}
}

func measured(t *testing.T, server *contestant.Server, load generator.Work) generator.Result {
	t.Helper()
	result, err := generator.Run(t.Context(), generator.Job{Target: server.Target, Work: load}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if faultsOf(result) != 0 || result.Checks == 0 {
		t.Errorf("%d delivered, %+v, %d closed %q", result.Checks, result.Faults, result.Closed, result.Reason)
	}
	return result
}

// awaitMemory waits until the heap is small again, with messages going on so that the collector has reason to run.
func awaitMemory(t *testing.T, server *contestant.Server, most float64) {
	t.Helper()
	more := generator.Work{Kind: generator.Fanout, Sockets: 50, Channels: 1, Payload: 2048, PerRequest: 1, Rate: 200, Duration: time.Second}
	for deadline := time.Now().Add(30 * time.Second); heapOf(t, server) > most; {
		if time.Now().After(deadline) {
			t.Fatalf("%.0f bytes of heap are still in use, more than %.0f", heapOf(t, server), most)
		}
		measured(t, server, more)
	}
}

func heapOf(t *testing.T, server *contestant.Server) float64 {
	t.Helper()
	return metric(t, server, "go_memstats_heap_alloc_bytes")
}

// metric reads one figure of the server's metrics.
func metric(t *testing.T, server *contestant.Server, name string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.Target.Publish+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it has been read
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	return 0
}
