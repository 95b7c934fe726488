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
	Dialect   string    `json:"dialect"`          // "channelstream", "socketio" or "floor"
	Sockets   string    `json:"sockets"`          // host:port that takes WebSockets
	Publish   string    `json:"publish"`          // host:port that takes POST /message and /connect
	Raw       string    `json:"raw,omitempty"`    // host:port of the floor's publish connection
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
	Sockets    int           `json:"sockets"`
	Channels   int           `json:"channels"`
	Payload    int           `json:"payload"`     // bytes of a message's text
	PerRequest int           `json:"per_request"` // messages in one request, to as many channels
	InFlight   int           `json:"in_flight"`   // closed loop: requests that may be under way or not yet delivered to all; 0 = paced
	Rate       float64       `json:"rate"`        // paced: requests a second
	Join       bool          `json:"join"`        // what is ready to be sent goes as one request
	Stopped    int           `json:"stopped"`     // further sockets in channel 0 that never read
	Raw        bool          `json:"raw"`         // publish over the server's raw connection where it has one
	Concurrent int           `json:"concurrent"`  // storm, resume: clients that connect at a time
	Missed     int           `json:"missed"`      // resume: messages in each channel that those who come back have missed
	Live       int           `json:"live"`        // resume: further sockets in a channel of their own, which stay
	SocketIO   bool          `json:"socketio"`    // this project's sockets are Socket.IO clients
	Warmup     time.Duration `json:"warmup"`      // not measured
	Duration   time.Duration `json:"duration"`    // measured
}

// Kind says which of the generator's programs a Work is.
type Kind string

// The programs of the generator.
const (
	Fanout Kind = "fanout" // publish and read
	Idle   Kind = "idle"   // open sockets and leave them alone
	Storm  Kind = "storm"  // connect as fast as it goes
	Resume Kind = "resume" // drop, miss messages, and come back all at once
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

	ConnectsPerSecond float64       `json:"connects_per_second"` // storm: /connect and open; resume: open and get all that was missed
	FirstPerSecond    float64       `json:"first_per_second"`    // storm: the same, each client then posting and getting a message
	ConnectCPU        time.Duration `json:"connect_cpu"`         // storm, resume: the server's, for one of these
	FirstP50          time.Duration `json:"first_p50"`           // storm: from /connect to the first message
	FirstP99          time.Duration `json:"first_p99"`
}

// ProcessMemory is the resident memory of one process, in bytes.
type ProcessMemory struct {
	Before int64 `json:"before"` // without sockets
	After  int64 `json:"after"`  // at the end, sockets open
	Peak   int64 `json:"peak"`   // the most it ever had
}
