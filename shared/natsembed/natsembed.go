// Package natsembed runs a NATS server with JetStream inside this process, for single-node runs and tests.
//
// It promises a server that is ready when Start returns, reached by in-process connections and, only if asked for, by a
// TCP port. It is the only importer of nats-server.
package natsembed

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
)

// A large store takes some time to be read: a gigabyte, a second or two.
const (
	startLimit = 5 * time.Minute
	tellEvery  = 10 * time.Second // that it is still being read
)

// ErrNotReady is returned by Start when the server does not come up within startLimit.
var ErrNotReady = errors.New("the embedded NATS server did not become ready in time")

// ErrInUse is returned by Start when another process has the folder: two servers on one folder destroy its data.
var ErrInUse = errors.New("another process uses it: stop that one, or choose another folder with CHANNELSTREAM_DATA_DIR")

// Options say where the server keeps its data and whether it listens.
type Options struct {
	StoreDir   string        // of JetStream
	Store      int64         // bytes that it may take on disk; 0: what NATS makes of the space that is free at the start
	Sync       time.Duration // what was written is on the disk after so long; 0: NATS' own choice, two minutes
	SyncAlways bool          // it is on the disk before it is acknowledged
	Port       int           // 0: no port, in-process connections only; -1: any free port; on 127.0.0.1
	Logger     *slog.Logger
}

// A client that does not answer so many pings is gone.
const (
	pingEvery = 3 * time.Second
	pingsLost = 2
)

// Server is a running NATS server. Its InProcessConn makes it a bus.InProcess.
type Server struct {
	// set by Start
	options    Options
	lock       *flock.Flock
	log        *slog.Logger
	lost       []Loss
	full       atomic.Bool   // the disk had no room for something
	stop       chan struct{} // closed by ending
	ending     func()        // at the first call
	stocktaken chan struct{} // closed when the inventory was taken for the last time

	mu sync.Mutex
	ns *server.Server // another one after the disk was full; guarded by mu
}

// Start starts a server and waits until it accepts connections. Of a store that was damaged it keeps what it can; see Lost.
func Start(o Options) (*Server, error) {
	lock, err := own(o.StoreDir)
	if err != nil {
		return nil, fmt.Errorf("take the folder %s: %w", o.StoreDir, err)
	}
	s := &Server{options: o, lock: lock, log: o.Logger, stop: make(chan struct{}), stocktaken: make(chan struct{})}
	s.ending = sync.OnceFunc(func() { close(s.stop) })
	if err := s.start(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return s, nil
}

func (s *Server) start() error {
	dir := s.options.StoreDir
	had, err := readInventory(dir)
	if err != nil {
		s.log.Warn("what the store has lost, if anything, can not be told", "error", err)
	}
	if err := soundBuckets(dir); err != nil {
		return fmt.Errorf("check the buckets in %s: %w", dir, err)
	}
	if err := s.run(); err != nil {
		return err
	}
	has, err := s.take()
	if err != nil {
		s.server().Shutdown()
		return err
	}
	s.lost = losses(had, has)
	go s.stocktaking(has) // ends with Stop
	return nil
}

func (s *Server) server() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns
}

// Lost is what the store had when the server ran last, and has no more.
func (s *Server) Lost() []Loss { return s.lost }

// Room is how many bytes the store can have at most on its disk, with those that it has; 0 where that can not be told.
func (s *Server) Room() int64 {
	free := freeBytes(s.options.StoreDir)
	has, err := s.server().Jsz(nil)
	if free == 0 || err != nil {
		return 0
	}
	return free + int64(has.Store) //nolint:gosec // a disk is not that large
}

// own makes sure that no other process uses a folder, for as long as the lock is held or this process lives.
func own(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	mine, err := lock.TryLock()
	if err == nil && !mine {
		err = ErrInUse
	}
	return lock, err
}

// run starts a server on the folder.
func (s *Server) run() error {
	o := s.options
	opts := &server.Options{
		ServerName: "channelstream-embedded",
		Host:       "127.0.0.1", Port: o.Port, DontListen: o.Port == 0,
		JetStream: true, StoreDir: o.StoreDir, NoSigs: true,
		JetStreamMaxStore: o.Store, SyncInterval: o.Sync, SyncAlways: o.SyncAlways,
		MaxPayload: 1 << 20, MaxPending: 256 << 20,
		PingInterval: pingEvery, MaxPingsOut: pingsLost,
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("make the embedded NATS server: %w", err)
	}
	log := &logger{log: o.Logger, fatal: make(chan string, 1), full: &s.full}
	ns.SetLoggerV2(log, false, false, false)
	go ns.Start() // ends with Shutdown
	if err := await(ns, log); err != nil {
		ns.Shutdown()
		return fmt.Errorf("start the embedded NATS server with its data in %s: %w", o.StoreDir, err)
	}
	if addr, ok := ns.Addr().(*net.TCPAddr); ok {
		s.options.Port = addr.Port // the next one is found where this one was
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ns = ns
	return nil
}

// await returns when the server accepts connections, or why it never will.
func await(ns *server.Server, log *logger) error {
	began := time.Now()
	for told := began; time.Since(began) < startLimit; {
		ready := ns.ReadyForConnections(100 * time.Millisecond)
		select {
		case reason := <-log.fatal:
			return errors.New(reason)
		default:
		}
		if ready && ns.JetStreamEnabled() {
			return nil
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			log.log.Info("the store is being read", "for", time.Since(began).Round(time.Second))
		}
	}
	return ErrNotReady
}

// InProcessConn gives a connection that needs no port.
func (s *Server) InProcessConn() (net.Conn, error) { return s.server().InProcessConn() }

// URL is where the server listens; empty without a port.
func (s *Server) URL() string {
	if addr, ok := s.server().Addr().(*net.TCPAddr); ok {
		return "nats://" + addr.String()
	}
	return ""
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.ending()
	<-s.stocktaken
	s.end()
	s.lock.Unlock() //nolint:errcheck // it goes with the process
}

func (s *Server) end() {
	ns := s.server()
	ns.Shutdown()
	ns.WaitForShutdown()
}

// logger lets the server write to slog. Its notices are many and of no use to an operator of the all-in-one.
type logger struct {
	log   *slog.Logger
	fatal chan string // holds the first reason why the server can not go on
	full  *atomic.Bool
}

func (l *logger) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l *logger) Debugf(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l *logger) Tracef(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }

// Errorf is how the server tells that the disk is full: it answers nobody who wants something stored, then or later.
func (l *logger) Errorf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	if !strings.Contains(line, syscall.ENOSPC.Error()) {
		l.log.Error(line)
	} else if !l.full.Swap(true) {
		l.log.Error("the disk is full, and nothing can be stored until it has room", "error", line)
	}
}

func (l *logger) Fatalf(format string, v ...any) {
	reason := fmt.Sprintf(format, v...)
	l.log.Error(reason)
	select {
	case l.fatal <- reason:
	default:
	}
}
