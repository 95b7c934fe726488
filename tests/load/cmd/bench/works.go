package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
)

// A work is what is done to every contestant, and the figures that the table shows of it.
type work struct {
	name    string
	about   string
	load    generator.Work
	apart   bool // the server has half of the processors, the load the other half
	figures []figure
	only    []string           // contestants; nil is all
	server  contestant.Options // but for the processors, which apart chooses
	slack   time.Duration      // how much longer than its warm-up and duration it may take; runSlack at least
}

// suits reports whether the work can be done to a contestant.
func (w work) suits(c contestant.Contestant) bool {
	return (w.only == nil || slices.Contains(w.only, c.Name)) && (w.load.Missed == 0 || c.Resumes)
}

// A figure is one row of the table.
type figure struct {
	name string
	of   func(r generator.Result) float64
}

// A proportion is a row made of two figures of different works, by name.
type proportion struct {
	work, name         string
	numerator, divisor string // works
	figure             string
}

var proportions = []proportion{
	{work: "growth", name: "CPU per delivery, 1,000 : 100 members", numerator: "growth-1000", divisor: "growth-100", figure: perDelivery.name},
	{work: "growth", name: "CPU per delivery, 10,000 : 100 members", numerator: "growth-10000", divisor: "growth-100", figure: perDelivery.name},
	{work: "stopped", name: "p99 of the others with : without the stopped", numerator: "stopped-50", divisor: "stopped-0", figure: p99.name},
	{work: "resume", name: "p99 of those who stay with : without 5,000 who come back", numerator: "resume-5000", divisor: "resume-0", figure: p99Staying},
	{work: "return", name: "p99 of those who stay with : without 5,000 who come back", numerator: "return-5000", divisor: "return-0", figure: p99Staying},
}

var (
	deliveries  = figure{"deliveries/s", func(r generator.Result) float64 { return float64(r.Deliveries) / r.Seconds }}
	messages    = figure{"messages/s", func(r generator.Result) float64 { return float64(r.Messages) / r.Seconds }}
	perDelivery = figure{"server CPU per delivery, µs", func(r generator.Result) float64 {
		return micro(r.ServerCPU) / float64(r.Deliveries)
	}}
	perMessage = figure{"server CPU per message, µs", func(r generator.Result) float64 {
		return micro(r.ServerCPU) / float64(r.Messages)
	}}
	p50        = figure{"latency p50, ms", func(r generator.Result) float64 { return milli(r.P50) }}
	p99        = figure{"latency p99, ms", func(r generator.Result) float64 { return milli(r.P99) }}
	slowest    = figure{"latency max, ms", func(r generator.Result) float64 { return milli(r.Max) }}
	faults     = figure{"lost, duplicated, reordered, closed", func(r generator.Result) float64 { return float64(faultsOf(r)) }}
	cpu        = figure{"server CPU, cores", func(r generator.Result) float64 { return r.ServerCPU.Seconds() / r.Seconds }}
	ownCPU     = figure{"generator CPU, cores", func(r generator.Result) float64 { return r.GeneratorCPU.Seconds() / r.Seconds }}
	resident   = figure{"server RSS, MB", func(r generator.Result) float64 { return total(r, after) / 1e6 }}
	mostMemory = figure{"server RSS, the most it had, MB", func(r generator.Result) float64 { return total(r, peak) / 1e6 }}
)

var latency = []figure{p50, p99, slowest}

// idle is a work of sockets that are left alone.
func idle(name, how string, clients ...generator.Client) work {
	return work{
		name: name, about: "10,000 sockets" + how + " in 1,000 channels, nothing sent; memory ten seconds after they opened, by what the server grew",
		load: generator.Work{
			Kind: generator.Idle, Sockets: 10000, Channels: 1000, Clients: clients, Warmup: 10 * time.Second, Duration: 5 * time.Second,
		},
		figures: []figure{
			{"RSS per socket, all processes, KB", func(r generator.Result) float64 { return total(r, grown) / 10000 / 1e3 }},
			{"RSS per socket, the process with the sockets, KB", func(r generator.Result) float64 { return gatewayGrown(r) / 10000 / 1e3 }},
			{"server CPU, % of a core", func(r generator.Result) float64 { return 100 * cpu.of(r) }},
			resident, faults,
		},
	}
}

// works is every work, in the order of the table.
func works() []work {
	load := func(w generator.Work) generator.Work {
		w.Kind, w.Payload, w.PerRequest = generator.Fanout, max(w.Payload, 128), max(w.PerRequest, 1)
		w.Warmup, w.Duration = 2*time.Second, max(w.Duration, 5*time.Second)
		return w
	}
	all := []work{
		{
			name: "saturated", about: "1,000 sockets in one channel, 128-byte payloads, 32 messages in flight; what may be sent at a time goes as one list, on two connections",
			load:    load(generator.Work{Sockets: 1000, Channels: 1, InFlight: 32, Join: true, Raw: true}),
			figures: join(deliveries, perDelivery, latency, faults, cpu, ownCPU, resident),
		},
		{
			name: "saturated-single", about: "the same with one message per request, on 32 connections, to the floor too by HTTP",
			load:    load(generator.Work{Sockets: 1000, Channels: 1, InFlight: 32}),
			figures: join(deliveries, perDelivery, latency, faults, cpu, ownCPU),
		},
		{
			name: "paced", about: "1,000 sockets in one channel, 40 messages a second",
			load:    load(generator.Work{Sockets: 1000, Channels: 1, Rate: 40, Raw: true, Duration: 8 * time.Second}),
			figures: join(perDelivery, latency, faults, cpu, ownCPU),
		},
		idle("idle", ""),
		idle("idle-socketio", " of this project as Socket.IO clients", generator.SocketIO4),
		{
			name: "one-to-one", about: "1,000 channels with one socket each, one message per request, 32 requests in flight, by HTTP",
			load:    load(generator.Work{Sockets: 1000, Channels: 1000, InFlight: 32}),
			figures: join(messages, perMessage, latency, faults, cpu, ownCPU),
		},
		{
			name: "one-to-one-20", about: "the same with 20 messages per request, each to another channel",
			load:    load(generator.Work{Sockets: 1000, Channels: 1000, InFlight: 32, PerRequest: 20}),
			figures: join(messages, perMessage, latency, faults, cpu, ownCPU),
		},
		{
			name: "storm", about: "4,000 clients, 64 at a time: /connect (where there is one) and open, into 100 channels; then 4,000 that also post to a channel of their own and wait for it",
			load: generator.Work{Kind: generator.Storm, Sockets: 4000, Payload: 128, Concurrent: 64},
			figures: []figure{
				{"connects/s", func(r generator.Result) float64 { return r.ConnectsPerSecond }},
				{"server CPU per connect, µs", func(r generator.Result) float64 { return micro(r.ConnectCPU) }},
				{"connects to first message/s", func(r generator.Result) float64 { return r.FirstPerSecond }},
				{"to first message p50, ms", func(r generator.Result) float64 { return milli(r.FirstP50) }},
				{"to first message p99, ms", func(r generator.Result) float64 { return milli(r.FirstP99) }},
				faults, ownCPU,
			},
		},
	}
	return slices.Concat(all, growth(load), stopped(load), clients(), resume(), scale())
}

// resume is clients that come back all at once, and how long it takes until each has what it missed; and what those who are
// there feel of it.
func resume() (all []work) {
	for _, crowd := range []struct {
		name            string
		clients, missed int
	}{{"return-0", 0, 0}, {"return-5000", 5000, 0}, {"resume-0", 0, 10}, {"resume-1000", 1000, 10}, {"resume-5000", 5000, 10}} {
		all = append(all, work{
			name:  crowd.name,
			about: fmt.Sprintf("%d clients of 100 channels come back at once, each having missed %d messages, while 500 others get 40 messages a second; the server has half of the processors, the load the other half", crowd.clients, crowd.missed),
			apart: true,
			load: generator.Work{
				Kind: generator.Resume, Sockets: crowd.clients, Channels: 100, Payload: 128, Missed: crowd.missed, Live: 500, Rate: 40,
				Concurrent: 64, Warmup: 2 * time.Second, Duration: 5 * time.Second,
			},
			figures: []figure{
				{"until all are caught up, s", func(r generator.Result) float64 { return r.Seconds }},
				{"clients caught up/s", func(r generator.Result) float64 { return r.ConnectsPerSecond }},
				{"server CPU per client, µs", func(r generator.Result) float64 { return micro(r.ConnectCPU) }},
				{"p50 of those who stay, ms", p50.of}, {p99Staying, p99.of}, faults, ownCPU,
			},
		})
	}
	return all
}

const p99Staying = "p99 of those who stay, ms"

// growth is the same number of deliveries a second to ever more members, so that what changes is their number alone.
func growth(load func(generator.Work) generator.Work) (all []work) {
	const perSecond = 40000
	for _, members := range []int{100, 1000, 10000} {
		all = append(all, work{
			name:    fmt.Sprintf("growth-%d", members),
			about:   fmt.Sprintf("%d deliveries a second to one channel of %d sockets", perSecond, members),
			load:    load(generator.Work{Sockets: members, Channels: 1, Rate: perSecond / float64(members), Raw: true, Duration: 8 * time.Second}),
			figures: join(perDelivery, p50, p99, faults, ownCPU),
		})
	}
	return all
}

// stopped is a run with and one without sockets that never read. Payloads are larger, so that what nobody reads grows
// past the kernel's buffers in time.
func stopped(load func(generator.Work) generator.Work) (all []work) {
	for _, count := range []int{0, 50} {
		w := work{
			name:    fmt.Sprintf("stopped-%d", count),
			about:   fmt.Sprintf("950 sockets that read and %d that stopped in one channel, 40 messages a second of 2,048 bytes, 30 seconds", count),
			load:    load(generator.Work{Sockets: 950, Channels: 1, Rate: 40, Raw: true, Payload: 2048, Stopped: count, Duration: 30 * time.Second}),
			figures: join(perDelivery, latency, faults, mostMemory, resident),
		}
		if count > 0 {
			w.figures = append(w.figures,
				figure{"stopped sockets closed", func(r generator.Result) float64 { return float64(len(r.StoppedClosed)) }},
				figure{"the last of them after, s", func(r generator.Result) float64 {
					if len(r.StoppedClosed) == 0 {
						return 0
					}
					return slices.Max(r.StoppedClosed).Seconds()
				}})
		}
		all = append(all, w)
	}
	return all
}

// smoke is a second of each kind, to see that nothing is lost.
func smoke() []work {
	const warmup, duration = 200 * time.Millisecond, time.Second
	base := generator.Work{Kind: generator.Fanout, Sockets: 100, Channels: 1, Payload: 128, PerRequest: 1, Warmup: warmup, Duration: duration}
	saturated, paced, spread := base, base, base
	saturated.InFlight, saturated.Join = 32, true
	paced.Rate = 40
	spread.Channels, spread.InFlight, spread.PerRequest = 100, 8, 5
	storm := generator.Work{Kind: generator.Storm, Sockets: 100, Payload: 128, Concurrent: 8}
	resume := generator.Work{
		Kind: generator.Resume, Sockets: 100, Channels: 10, Payload: 128, Missed: 5, Live: 20, Rate: 40, Concurrent: 16,
		Warmup: warmup, Duration: duration,
	}
	return []work{
		{name: "smoke-saturated", about: "100 sockets in one channel", load: saturated, figures: join(deliveries, p99, faults)},
		{name: "smoke-paced", about: "100 sockets, 40 messages a second", load: paced, figures: join(perDelivery, p99, faults)},
		{name: "smoke-spread", about: "100 channels with one socket each", load: spread, figures: join(messages, p99, faults)},
		{name: "smoke-storm", about: "200 clients that connect", load: storm, figures: []figure{faults}},
		{name: "smoke-resume", about: "100 clients that come back", load: resume, figures: []figure{faults}},
		byWebSocketAndStream("smoke-clients", "25 clients of each kind", few(saturated, 100, 4)),
		byPolling("smoke-polling", "25 clients of each kind that poll", few(paced, 50, 10)),
		presence("smoke-presence", 200, 20, 20, 0),
		restart("smoke-restart", 100, 10, 3*time.Second, 500*time.Millisecond),
	}
}

// few makes a load one to kinds of clients that take two turns.
func few(load generator.Work, sockets, channels int) generator.Work {
	load.Sockets, load.Channels, load.Turns, load.Duration = sockets, channels, 2, 400*time.Millisecond
	return load
}

// quick does works to the all-in-one that can be done to it, and to no other.
func quick(all []work) []work {
	for i, w := range all {
		if w.suits(contestant.Contestant{Name: contestant.AllInOne, Resumes: true}) {
			all[i].only = []string{contestant.AllInOne}
		}
	}
	return all
}

// join makes one list of figures and lists of figures.
func join(parts ...any) (all []figure) {
	for _, part := range parts {
		switch part := part.(type) {
		case figure:
			all = append(all, part)
		case []figure:
			all = append(all, part...)
		}
	}
	return all
}

func faultsOf(r generator.Result) int { return r.Faults.Sum() + r.Closed }

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func after(m generator.ProcessMemory) int64 { return m.After }
func peak(m generator.ProcessMemory) int64  { return m.Peak }
func grown(m generator.ProcessMemory) int64 { return m.After - m.Before }

func total(r generator.Result, of func(generator.ProcessMemory) int64) float64 {
	var sum int64
	for _, m := range r.Memory {
		sum += of(m)
	}
	return float64(sum)
}

// gatewayGrown is by how much the process grew that holds the sockets: the gateway, or the only one.
func gatewayGrown(r generator.Result) float64 {
	return grownOf(r, "gateway")
}

// grownOf is by how much a process grew, or the only one.
func grownOf(r generator.Result, name string) float64 {
	if m, separate := r.Memory[name]; separate {
		return float64(grown(m))
	}
	return total(r, grown)
}
