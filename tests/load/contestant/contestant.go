// Package contestant starts the servers that the benchmark compares, each as the processes that a user would run, and
// ends them. A server starts with empty data and takes ports that were free, on loopback only.
package contestant

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/channelstream/channelstream/tests/load/affinity"
	"github.com/channelstream/channelstream/tests/load/generator"
)

// A Contestant is one column of the table.
type Contestant struct {
	Name    string
	About   string
	Default bool     // measured when nothing else is asked for
	Needs   []string // names in Programs, and Node
	Resumes bool     // a client goes on where it stopped
	start   func(ctx context.Context, s *Server) error
}

// Names that others build on.
const (
	Floor     = "floor"
	SocketIO  = "socketio"
	Before    = "before"
	AllInOne  = "all-in-one"
	Processes = "processes"
)

// All returns every contestant there is, in the order of the table.
func All() []Contestant {
	return []Contestant{
		{Name: Floor, Default: true, Needs: []string{"floor"}, start: startFloor(true, false),
			About: "upgrades sockets and writes joined frames, nothing else; fan-out is published over a raw connection without HTTP"},
		{Name: "floor-http", Needs: []string{"floor"}, start: startFloor(false, false),
			About: "the floor, published to over HTTP"},
		{Name: "floor-wide", Needs: []string{"floor"}, start: startFloor(true, true),
			About: "the floor, its messages as wide as this project's client objects"},
		{Name: "connect-http", Needs: []string{"connectfloor"}, start: startConnectFloor("http"),
			About: "for storm alone: /connect and open by net/http and gorilla/websocket, kept in memory, and nothing else"},
		{Name: "connect-store", Needs: []string{"connectfloor"}, start: startConnectFloor("store"),
			About: "for storm alone: the same, and each of the two is stored in JetStream, by an embedded NATS server"},
		{Name: "connect-ask", Needs: []string{"connectfloor"}, start: startConnectFloor("ask"),
			About: "for storm alone: the same, and each of the two is stored by somebody who is asked over NATS"},
		{Name: SocketIO, Default: true, Needs: []string{Node}, start: startSocketIO,
			About: "the stock Socket.IO server on Node, in-memory adapter, WebSocket clients"},
		{Name: Before, Needs: []string{allInOneBefore}, Resumes: true, start: startAllInOne(allInOneBefore, false),
			About: "this project in one process, as it is in the checkout that -before names"},
		{Name: AllInOne, Default: true, Needs: []string{allInOne}, Resumes: true, start: startAllInOne(allInOne, false),
			About: "this project in one process, every message in the log, which is a file"},
		{Name: "all-in-one-memory", Needs: []string{allInOne}, Resumes: true, start: startAllInOne(allInOne, false, "CHANNELSTREAM_LOG_STORAGE=memory"),
			About: "the same with the log in memory"},
		{Name: "all-in-one-nolog", Default: true, Needs: []string{allInOne}, start: startAllInOne(allInOne, true),
			About: "this project in one process, channels with store_frames: false"},
		{Name: Processes, Default: true, Needs: separate, Resumes: true, start: startSeparate(false),
			About: "this project as nats-server, api, presence and gateway, every message in the log"},
		{Name: "processes-nolog", Needs: separate, start: startSeparate(true),
			About: "the same with store_frames: false"},
	}
}

var separate = []string{"nats-server", "api", "presence", "gateway"}

// Options are how a contestant is started.
type Options struct {
	On       affinity.Set // processors; nil is all
	Settings []string     // of this project's programs, as environment
	Gateways int          // where they are processes of their own; 0 is one
}

// A Server is a contestant that runs.
type Server struct {
	Target generator.Target

	programs *Programs
	options  Options
	dir      string // its data and logs; removed at the end

	mu         sync.Mutex
	processes  []*process // guarded by mu
	ended      bool       // guarded by mu: Stop was called
	supervisor *http.Server
}

// Start starts a contestant and waits until it is ready. The caller calls Stop, also when ctx has ended.
func (c Contestant) Start(ctx context.Context, programs *Programs, o Options) (*Server, error) {
	dir, err := os.MkdirTemp(programs.dir, c.Name+"-")
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	s := &Server{programs: programs, options: o, dir: dir}
	if err := c.start(ctx, s); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return s, nil
}

// Stop ends the server's processes, the last started first, and removes its data.
func (s *Server) Stop() {
	if s.supervisor != nil {
		_ = s.supervisor.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for i := len(s.processes) - 1; i >= 0; i-- {
		s.processes[i].stop(stopTimeout)
	}
	_ = os.RemoveAll(s.dir)
}

// Disk is how many bytes the server's files take, its logs included.
func (s *Server) Disk() (bytes int64, err error) {
	err = filepath.WalkDir(s.dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// Tail returns the last that each process wrote.
func (s *Server) Tail() (text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.processes {
		text += p.name + ": " + p.tail() + "\n"
	}
	return text
}

// start starts a program, by whose name its process is known.
func (s *Server) start(program string, env []string, args ...string) (*process, error) {
	return s.startAs(program, program, env, args...)
}

func (s *Server) startAs(name, program string, env []string, args ...string) (*process, error) {
	path := filepath.Join(s.programs.dir, program)
	if program == Node {
		path = s.programs.node
	}
	p := &process{dir: s.dir, name: name, on: s.options.On, env: env, path: path, args: args}
	if err := p.start(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, p)
	s.Target.Processes = append(s.Target.Processes, generator.Process{Name: name, PID: p.cmd.Process.Pid})
	return p, nil
}

// host is a loopback address that no other process has: on the one that all have, another one may take a port between its choice and
// the start of a contestant.
var host = func() string {
	pid := os.Getpid() // less than 1<<22
	return net.IPv4(127, byte(64+pid>>16), byte(pid>>8), byte(pid)).String()
}()

// freeAddress returns an address of host that nobody listens on.
func freeAddress() (address, port string, err error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", "", fmt.Errorf("find a port: %w", err)
	}
	address = l.Addr().String()
	_, port, err = net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("find a port: %w", err)
	}
	return address, port, l.Close()
}
