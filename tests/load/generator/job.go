// Package generator makes the load of the benchmark and measures what it does: it opens WebSockets, publishes messages,
// and reads every message on every socket by a few goroutines over epoll, so that it takes as little as it can from the
// server it shares the machine with.
//
// Every delivery is checked: each message must come to each socket of its channel exactly once, in the order in which
// its publisher sent it, and all the sockets of a channel must agree on one order. It promises nothing about latencies
// shorter than the time it takes itself to come round to a socket; that time is the same for every server.
package generator

import "time"

// A Job is one run: what to do to which server.
type Job struct {
	Target Target `json:"target"`
	Work   Work   `json:"work"`
}

// A Target is a running server.
type Target struct {
	Dialect string `json:"dialect"`       // "channelstream", "socketio" or "floor"
	Sockets string `json:"sockets"`       // host:port that takes WebSockets
	Publish string `json:"publish"`       // host:port that takes POST /message and /connect
	Raw     string `json:"raw,omitempty"` // host:port of the floor's publish connection

	Elsewhere  []string `json:"elsewhere,omitempty"`  // host:port of each other gateway, that takes WebSockets too
	Supervisor string   `json:"supervisor,omitempty"` // host:port that takes POST /stop and /start with ?process=<name>

	Secret    string    `json:"secret,omitempty"` // that requests are signed with
	NoLog     bool      `json:"no_log,omitempty"` // channels are set to store_frames: false
	Envelope  bool      `json:"envelope"`         // the floor's messages carry as many bytes around the payload as ours do
	Processes []Process `json:"processes"`        // whose CPU and memory count as the server's
}

// A Process is one of a server's.
type Process struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// A Work is what is done: open Sockets, spread over Channels, publish for Warmup and then for Duration, and check.
type Work struct {
	Kind       Kind          `json:"kind"`
	Sockets    int           `json:"sockets"` // presence: connections, none of which opens a socket
	Channels   int           `json:"channels"`
	Payload    int           `json:"payload"`     // bytes of a message's text
	PerRequest int           `json:"per_request"` // messages in one request, to as many channels
	InFlight   int           `json:"in_flight"`   // closed loop: requests that may be under way or not yet delivered to all; 0 = paced
	Rate       float64       `json:"rate"`        // paced, restart: requests a second
	Join       bool          `json:"join"`        // what is ready to be sent goes as one request
	Stopped    int           `json:"stopped"`     // further sockets in channel 0 that never read
	Raw        bool          `json:"raw"`         // publish over the server's raw connection where it has one
	Concurrent int           `json:"concurrent"`  // storm, resume, presence, restart: clients that connect at a time
	Asked      int           `json:"asked"`       // presence: channels that are asked about, one after the other
	Missed     int           `json:"missed"`      // resume: messages in each channel that those who come back have missed
	Live       int           `json:"live"`        // resume: further sockets in a channel of their own, which stay
	Clients    []Client      `json:"clients"`     // of this project, each in the next channel, and again from the first; none is WebSocket
	Turns      int           `json:"turns"`       // compare: of each kind of clients, within Duration for each
	Warmup     time.Duration `json:"warmup"`      // not measured
	Duration   time.Duration `json:"duration"`    // measured; restart: for how long after the stop presence notices are looked for
}

// Kind says which of the generator's programs a Work is.
type Kind string

// The programs of the generator.
const (
	Fanout Kind = "fanout" // publish and read
	Idle   Kind = "idle"   // open sockets and leave them alone
	Storm  Kind = "storm"  // connect as fast as it goes
	Resume Kind = "resume" // drop, miss messages, and come back all at once

	Compare  Kind = "compare"  // as fanout, to one kind of clients after the other, in turns
	Presence Kind = "presence" // connect without opening a socket, and ask who is where
	Restart  Kind = "restart"  // stop the gateway, start it again, and come back all at once
)

// A Result is what a run measured, within Duration where it says nothing else. Durations are in nanoseconds.
type Result struct {
	Seconds    float64 `json:"seconds"`
	Requests   int64   `json:"requests"`
	Messages   int64   `json:"messages"`
	Deliveries int64   `json:"deliveries"`
	Late       int64   `json:"late"` // paced: requests that had to wait for a free connection

	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`

	Faults Faults `json:"faults"`       // over the whole run, warm-up included
	Closed int    `json:"closed"`       // sockets that the server closed and should not have
	Reason string `json:"close_reason"` // what it said at the first of them
	Checks int64  `json:"checked"`      // messages that were delivered and checked over the whole run

	ServerCPU    time.Duration            `json:"server_cpu"`
	GeneratorCPU time.Duration            `json:"generator_cpu"`
	Memory       map[string]ProcessMemory `json:"memory"` // by the process's name

	StoppedClosed []time.Duration `json:"stopped_closed"` // after how long each of the stopped sockets was closed

	ConnectsPerSecond float64       `json:"connects_per_second"` // storm: /connect and open; presence: /connect; resume, restart: open and get all that was missed
	FirstPerSecond    float64       `json:"first_per_second"`    // storm: the same, each client then posting and getting a message
	ConnectCPU        time.Duration `json:"connect_cpu"`         // storm, resume, restart: the server's, for one of these
	FirstP50          time.Duration `json:"first_p50"`           // storm: from /connect to the first message
	FirstP99          time.Duration `json:"first_p99"`

	PageP50 time.Duration `json:"page_p50"` // presence: a page of a list of the admin page
	PageP99 time.Duration `json:"page_p99"`
	PageMax time.Duration `json:"page_max"`

	Infos []Info `json:"infos"` // presence: of all channels; P50, P99 and Max are of one channel

	Turns []Turn `json:"turns,omitempty"` // compare: in their order

	Stopping time.Duration `json:"stopping"` // restart: from the signal until the gateway has ended
	Away     time.Duration `json:"away"`     // restart: from the signal until all are back and have what was sent meanwhile
	Notices  int64         `json:"notices"`  // restart: presence notices that the watcher heard while all came for the first time
}

// A Turn is what it took to publish to one kind of clients for a while.
type Turn struct {
	Client     Client        `json:"client"`
	Messages   int64         `json:"messages"`
	Requests   int64         `json:"requests"` // that they were posted in
	Deliveries int64         `json:"deliveries"`
	ServerCPU  time.Duration `json:"server_cpu"`
}

// Info is how one way of asking about all channels went, the median of several.
type Info struct {
	Body    string        `json:"body"` // of the request
	Took    time.Duration `json:"took"`
	Bytes   int           `json:"bytes"`   // of the answer
	Refused string        `json:"refused"` // what came in place of an answer; empty for one
}

// ProcessMemory is the resident memory of one process, in bytes.
type ProcessMemory struct {
	Before int64 `json:"before"` // without sockets
	After  int64 `json:"after"`  // at the end, sockets open
	Peak   int64 `json:"peak"`   // the most it ever had
}
