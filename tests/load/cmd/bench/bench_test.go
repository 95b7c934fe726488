package main

import (
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
)

// startServer builds a contestant and starts it as a process.
func startServer(t *testing.T, name string) *contestant.Server {
	t.Helper()
	o := options{contestants: name}
	_, measured, err := o.chosen()
	if err != nil {
		t.Fatal(err)
	}
	programs, err := contestant.Build(t.Context(), measured, "", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(programs.Remove)
	server, err := measured[0].Start(t.Context(), programs, contestant.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(server.Said())
		}
	})
	return server
}

func TestTheFloorLosesNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{contestant.Floor, "floor-http", "floor-wide"} {
		server := startServer(t, name)
		for _, w := range smoke() {
			if !w.suits(contestant.Contestant{Name: name}) {
				continue // the floor keeps nothing for those who come back, and does not know who is there
			}
			w.load.Raw, w.load.Duration = true, w.load.Duration/4
			result, err := generator.Run(t.Context(), generator.Job{Target: server.Target, Work: w.load}, func(string) {})
			if err != nil {
				t.Fatalf("%s, %s: %v", name, w.name, err)
			}
			if faultsOf(result) != 0 || result.Checks == 0 {
				t.Errorf("%s, %s: %d delivered, %+v, %d closed %q", name, w.name, result.Checks, result.Faults, result.Closed, result.Reason)
			}
			if w.load.Kind == generator.Fanout && (result.Deliveries == 0 || result.P50 == 0 || result.P99 > result.Max) {
				t.Errorf("%s, %s: %d deliveries, p50 %v, p99 %v, max %v", name, w.name, result.Deliveries, result.P50, result.P99, result.Max)
			}
		}
	}
}

func TestStoppedReadersAreClosedAndTheOthersLoseNothing(t *testing.T) {
	t.Parallel()
	server := startServer(t, contestant.Floor)
	load := generator.Work{
		Kind: generator.Fanout, Sockets: 20, Channels: 1, Payload: 8192, PerRequest: 1, Rate: 200, Raw: true, Stopped: 5, Duration: 4 * time.Second,
	}
	result, err := generator.Run(t.Context(), generator.Job{Target: server.Target, Work: load}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if faultsOf(result) != 0 || len(result.StoppedClosed) != load.Stopped {
		t.Errorf("%+v, %d of %d stopped sockets closed", result.Faults, len(result.StoppedClosed), load.Stopped)
	}
}

func TestEveryWorkIsWellFormed(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, w := range append(works(), smoke()...) {
		paced, closed := w.load.Rate > 0, w.load.InFlight > 0
		if names[w.name] || w.about == "" || len(w.figures) == 0 || publishes(w) && paced == closed {
			t.Errorf("%s: %+v", w.name, w)
		}
		names[w.name] = true
	}
	for _, p := range proportions {
		if !names[p.numerator] || !names[p.divisor] {
			t.Errorf("%s is made of unknown works", p.name)
		}
	}
}

func publishes(w work) bool {
	return w.load.Kind == generator.Fanout || w.load.Kind == generator.Compare
}

func TestUnknownNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []options{{works: "paced,nothing"}, {contestants: "nobody"}} {
		if _, _, err := o.chosen(); err == nil || !strings.Contains(err.Error(), "is none of") {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

func TestTheContestantBeforeNeedsACheckout(t *testing.T) {
	t.Parallel()
	o := options{contestants: contestant.Before}
	_, measured, err := o.chosen()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contestant.Build(t.Context(), measured, o.before, func(string) {}); err == nil || !strings.Contains(err.Error(), "-before") {
		t.Errorf("got %v", err)
	}
}

func TestReplaceOwnKeepsWhatIsWrittenByHand(t *testing.T) {
	t.Parallel()
	section := []byte(pageBegin + "new\n" + pageEnd)
	page := "# Benchmarks\n\nBefore.\n" + pageBegin + "old\n" + pageEnd + "After.\n"
	if got, want := string(replaceOwn([]byte(page), section)), strings.Replace(page, "old", "new", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(replaceOwn(nil, section)); got != "# Benchmarks\n\n"+string(section) {
		t.Errorf("a new page: got %q", got)
	}
}
