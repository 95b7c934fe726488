package main

import (
	"fmt"
	"math"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
)

// maxPart is the most that one answer over NATS holds; presence sends larger ones in as many as it takes.
const maxPart = 512 << 10

// scale is who is where when there are many, and when many come back.
func scale() []work {
	return []work{
		presence("presence-100000", 100000, 10000, 500, 10*time.Second),
		restart("restart-18000", 18000, 1000, time.Minute, 2*time.Second),
	}
}

// presence is connections that never open a socket: as long as they may, they count as there.
func presence(name string, connections, channels, asked int, warmup time.Duration) work {
	each := func(sum float64) float64 { return sum / float64(connections) / 1e3 }
	return work{
		name: name,
		about: fmt.Sprintf("%d connections in %d channels by /connect, 64 at a time, without sockets (CHANNELSTREAM_CONNECT_TIMEOUT=1h); then /info of %d channels, one after the other, %d pages of each list that the admin page shows, searched, and /info of all; memory by what the server grew",
			connections, channels, asked, asked/5),
		only:   []string{contestant.AllInOne, contestant.Processes},
		server: contestant.Options{Settings: []string{"CHANNELSTREAM_CONNECT_TIMEOUT=1h"}},
		slack:  6 * time.Minute,
		load: generator.Work{
			Kind: generator.Presence, Sockets: connections, Channels: channels, Payload: 128, Concurrent: 64, Asked: asked, Warmup: warmup,
		},
		figures: []figure{
			{"/connects/s", func(r generator.Result) float64 { return r.ConnectsPerSecond }},
			{"server CPU per /connect, µs", func(r generator.Result) float64 { return micro(r.ConnectCPU) }},
			{"/info of one channel p50, ms", p50.of}, {"/info of one channel p99, ms", p99.of},
			{"page of a list p50, ms", func(r generator.Result) float64 { return milli(r.PageP50) }},
			{"page of a list p99, ms", func(r generator.Result) float64 { return milli(r.PageP99) }},
			{"page of a list max, ms", func(r generator.Result) float64 { return milli(r.PageMax) }},
			{"/info of all, s", infoSeconds(0)}, {"/info of all, MB", infoMegabytes(0)}, {"/info of all, parts over NATS", infoParts(0)},
			{"/info of all with connections, s", infoSeconds(1)}, {"/info of all with connections, MB", infoMegabytes(1)},
			{"/info of all without users, s", infoSeconds(2)}, {"/info of all without users, MB", infoMegabytes(2)},
			{"RSS per connection, all processes, KB", func(r generator.Result) float64 { return each(total(r, grown)) }},
			{"RSS per connection, the process with presence, KB", func(r generator.Result) float64 { return each(grownOf(r, "presence")) }},
			resident, mostMemory, faults, ownCPU,
		},
	}
}

// info makes a figure of how one way of asking about all channels went. What was refused has none.
func info(way int, of func(generator.Info) float64) func(generator.Result) float64 {
	return func(r generator.Result) float64 {
		if way >= len(r.Infos) || r.Infos[way].Refused != "" {
			return math.NaN()
		}
		return of(r.Infos[way])
	}
}

func infoSeconds(way int) func(generator.Result) float64 {
	return info(way, func(i generator.Info) float64 { return i.Took.Seconds() })
}

func infoMegabytes(way int) func(generator.Result) float64 {
	return info(way, func(i generator.Info) float64 { return float64(i.Bytes) / 1e6 })
}

// infoParts takes presence's answer to be as large as the api's, which puts history into it and no channel here has any.
func infoParts(way int) func(generator.Result) float64 {
	return info(way, func(i generator.Info) float64 { return float64((i.Bytes + maxPart - 1) / maxPart) })
}

// restart is the clients of a gateway that is started again. Those who linger are watched for longer than they may.
func restart(name string, clients, channels int, linger, warmup time.Duration) work {
	return work{
		name: name,
		about: fmt.Sprintf("%d clients of one gateway, in %d channels with notify_presence, and a client of another gateway in all of them; the first is stopped (SIGTERM, CHANNELSTREAM_DRAIN_WINDOW=0s) and started again, and its clients come back, 64 at a time, while 40 messages a second are posted; CHANNELSTREAM_LINGER=%v, and notices are looked for until that is over",
			clients, channels, linger),
		only:   []string{contestant.Processes},
		server: contestant.Options{Gateways: 2, Settings: []string{"CHANNELSTREAM_LINGER=" + linger.String()}},
		slack:  4 * time.Minute,
		load: generator.Work{
			Kind: generator.Restart, Sockets: clients, Channels: channels, Payload: 128, Rate: 40, Concurrent: 64,
			Warmup: warmup, Duration: linger + linger/4,
		},
		figures: []figure{
			{"until all are back, s", func(r generator.Result) float64 { return r.Away.Seconds() }},
			{"of that until the gateway had stopped, s", func(r generator.Result) float64 { return r.Stopping.Seconds() }},
			{"of that from when it was ready again, s", func(r generator.Result) float64 { return r.Seconds }},
			{"server CPU per client, µs", func(r generator.Result) float64 { return micro(r.ConnectCPU) }},
			{"notices heard when all came first", func(r generator.Result) float64 { return float64(r.Notices) }},
			{"notices heard meanwhile", func(r generator.Result) float64 { return float64(r.Faults.Announced) }},
			{"messages lost", func(r generator.Result) float64 { return float64(r.Faults.Lost) }},
			faults, resident, ownCPU,
		},
	}
}
