package main

import (
	"fmt"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
	"github.com/channelstream/channelstream/tests/load/report"
)

// clients is what a delivery costs to one kind of clients, beside another kind on the same server.
func clients() []work {
	load := generator.Work{Sockets: 4000, Channels: 4, Turns: 15, Warmup: 2 * time.Second, Duration: 12 * time.Second}
	saturated, paced := load, load
	saturated.InFlight, saturated.Join = 32, true
	paced.Rate = 40
	polls := generator.Work{Sockets: 2000, Channels: 20, Rate: 20, Turns: 15, Warmup: 2 * time.Second, Duration: 18 * time.Second}
	return []work{
		byWebSocketAndStream("clients-saturated", "1,000 clients of each kind, each kind in a channel of its own, on one server; as saturated, to one kind after the other, in turns", saturated),
		byWebSocketAndStream("clients-paced", "the same with 40 messages a second", paced),
		byPolling("polling", "1,000 clients of Socket.IO 4 of each kind that poll at three gateways, each kind in 10 channels; 20 messages a second, each to one of them, to one kind after the other, in turns", polls),
	}
}

// byWebSocketAndStream compares clients whose connection stays with those of /ws.
func byWebSocketAndStream(name, about string, load generator.Work) work {
	w := compare(name, about, load, generator.WebSocket, generator.SocketIO4, generator.SocketIO2, generator.EventSource)
	w.only = []string{contestant.Before, contestant.AllInOne}
	return w
}

// byPolling compares clients whose requests a balancer gives to any gateway with those of one that knows theirs.
func byPolling(name, about string, load generator.Work) work {
	w := compare(name, about, load, generator.StickyPolling, generator.RoundRobinPolling)
	w.only, w.server = []string{contestant.Processes}, contestant.Options{Gateways: 3}
	return w
}

// compare compares kinds of clients with the first of them.
func compare(name, about string, load generator.Work, kinds ...generator.Client) work {
	load.Kind, load.Payload, load.PerRequest, load.Clients = generator.Compare, 128, 1, kinds
	w := work{name: name, about: about, load: load, slack: 4 * time.Minute}
	for _, kind := range kinds {
		w.figures = append(w.figures, figure{fmt.Sprintf("server CPU per delivery, %s, µs", kind), func(r generator.Result) float64 {
			return report.Median(costs(r, kind))
		}})
	}
	for _, kind := range kinds[1:] {
		w.figures = append(w.figures, figure{fmt.Sprintf("%s : %s", kind, kinds[0]), func(r generator.Result) float64 {
			return report.Median(ratios(costs(r, kind), costs(r, kinds[0])))
		}})
	}
	w.figures = append(w.figures, p50, p99, faults, ownCPU)
	return w
}

// costs is the server's CPU for a delivery to a kind of clients, in microseconds, in each of its turns.
func costs(r generator.Result, kind generator.Client) (all []float64) {
	for _, t := range r.Turns {
		if t.Client == kind {
			all = append(all, micro(t.ServerCPU)/float64(t.Deliveries))
		}
	}
	return all
}

// ratios is that of each turn of one kind to the turn of another that was nearest to it.
func ratios(costs, others []float64) (all []float64) {
	for i := range min(len(costs), len(others)) {
		all = append(all, costs[i]/others[i])
	}
	return all
}
