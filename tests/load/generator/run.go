package generator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/channelstream/channelstream/tests/load/procfs"
)

const (
	openers      = 32               // clients that open their socket at a time, where that is not what is measured
	drainTimeout = 10 * time.Second // for what is under way when publishing ends
	watchStopped = 200 * time.Millisecond
)

// A run is one Job under way.
type run struct {
	job       Job
	dialect   dialect   // of the app, and of clients where there is one kind
	dialects  []dialect // of clients: of a channel's, the next for the next channel, and again from the first
	board     *board
	readers   []*reader
	publisher *publisher
	stopped   []*socket
	pollers   pollers
	arrived   atomic.Pointer[[]chan struct{}] // storm: by lane, told when its message came
	progress  func(string)
	latency   histogram // presence: of what it asks; to which balance adds those of the readers
	result    Result
}

// Run does the job. It fails when the server refuses something or something does not happen in time; lost and reordered
// messages are no error but counted in the result. progress is told what is going on, in a few words.
func Run(ctx context.Context, job Job, progress func(string)) (Result, error) {
	r, err := newRun(job, progress)
	if err != nil {
		return Result{}, err
	}
	return r.do(ctx)
}

func newRun(job Job, progress func(string)) (*run, error) {
	dialects, err := newDialects(job.Target, job.Work)
	if err != nil {
		return nil, err
	}
	w := job.Work
	if w.Payload < MinPayload && w.Kind != Idle {
		return nil, fmt.Errorf("payload of %d bytes does not hold a mark of %d", w.Payload, MinPayload)
	}
	sockets := w.Sockets
	switch w.Kind {
	case Compare:
		if len(dialects) != len(w.Clients) || w.Channels%len(dialects) != 0 || w.Turns < 1 {
			return nil, fmt.Errorf("compare %d kinds of clients, of which the server knows %d, in %d channels and %d turns", len(w.Clients), len(dialects), w.Channels, w.Turns)
		}
	case Presence:
		sockets, w.PerRequest = 0, 1
	case Restart:
		w.PerRequest = 1
	case Resume:
		sockets, w.Channels, w.PerRequest = w.Sockets+w.Live, w.Channels+1, 1
	case Storm:
		sockets, w.Channels, w.PerRequest = 2*w.Sockets, stormChannels+w.Sockets, 1
	}
	b := &board{
		clock:   clock{start: time.Now()},
		sockets: make([]atomic.Pointer[socket], sockets),
		lanes:   make([]lane, w.lanes()),
	}
	job.Work = w
	r := &run{job: job, dialect: dialects[0], dialects: dialects, board: b, progress: progress, publisher: newPublisher(dialects[0], w, b, len(dialects))}
	r.pollers.tally = newTally(b)
	r.result.Memory = make(map[string]ProcessMemory)
	return r, nil
}

func (r *run) do(ctx context.Context) (Result, error) {
	count := runtime.NumCPU()
	for range count {
		reader, err := newReader(r.board)
		if err != nil {
			return r.result, err
		}
		r.readers = append(r.readers, reader)
	}
	if err := r.memory(func(m *ProcessMemory, rss, _ int64) { m.Before = rss }); err != nil {
		return r.result, err
	}
	program := map[Kind]func(context.Context) error{
		Fanout: r.fanout, Compare: r.fanout, Idle: r.idle, Storm: r.storm, Resume: r.resume, Presence: r.presence, Restart: r.restart,
	}[r.job.Work.Kind]
	if program == nil {
		return r.result, fmt.Errorf("unknown kind of work %q", r.job.Work.Kind)
	}
	r.prepare()
	failed := make([]error, count)
	var wg sync.WaitGroup
	for i, reader := range r.readers {
		wg.Go(func() { failed[i] = reader.run() })
	}
	err := program(ctx)
	r.board.stop.Store(true)
	r.pollers.close()
	wg.Wait()
	r.balance()
	return r.result, errors.Join(append(failed, err)...)
}

// prepare does what has to be in place before the readers start.
func (r *run) prepare() {
	w := r.job.Work
	if w.Kind == Storm {
		r.prepareStorm()
		return
	}
	if w.Kind == Resume {
		r.prepareResume()
		return
	}
	r.board.offsets = w.Kind == Restart
	if w.InFlight > 0 {
		r.board.delivered = r.publisher.delivered
	}
	for client := range w.Sockets {
		r.publisher.members[client%w.Channels]++
	}
}

// fanout opens the sockets, makes sure that each hears its channel, publishes, and waits for what is under way.
func (r *run) fanout(ctx context.Context) error {
	if err := r.openAll(ctx); err != nil {
		return err
	}
	if err := r.probe(ctx); err != nil {
		return err
	}
	publishing, cancel := context.WithCancel(ctx)
	defer cancel()
	published := make(chan error, 1)
	go func() { published <- r.publisher.run(publishing, r.job.Target) }()
	ended := r.watchStopped(publishing)
	failed := make(chan error, 1)
	measure := r.measure
	if r.job.Work.Kind == Compare {
		measure = r.compare
	}
	go func() { failed <- measure(publishing) }()
	var err error
	select {
	case err = <-failed:
		cancel()
		err = errors.Join(err, <-published)
	case err = <-published: // before its time: it has failed
		cancel()
		err = errors.Join(err, <-failed)
	}
	<-ended
	if err != nil {
		return err
	}
	return r.drain(ctx)
}

// idle opens the sockets, lets the server settle, and leaves them alone.
func (r *run) idle(ctx context.Context) error {
	if err := r.openAll(ctx); err != nil {
		return err
	}
	return r.measure(ctx)
}

// openAll opens all sockets, and the stopped ones after them.
func (r *run) openAll(ctx context.Context) error {
	w := r.job.Work
	r.progress(fmt.Sprintf("open %d sockets", w.Sockets+w.Stopped))
	r.stopped = make([]*socket, w.Stopped)
	lanes := uint32(len(r.board.lanes))
	return r.inParallel(ctx, min(openers, w.Sockets), w.Sockets+w.Stopped, func(_ int, p *poster, client int) error {
		channel := uint32(client % w.Channels)
		if client >= w.Sockets {
			channel = 0
		}
		if err := r.dialect.register(p, client, channel); err != nil {
			return err
		}
		d, l := r.dialects[int(channel)%len(r.dialects)], newLedger(channel, lanes)
		if polling, polls := d.(overPolling); polls {
			return r.startPolling(ctx, client, polling, l)
		}
		s, err := open(ctx, r.job.Target.Sockets, client, d, l, 0, client >= w.Sockets)
		if err != nil {
			return err
		}
		if client >= w.Sockets {
			r.stopped[client-w.Sockets] = s
			return nil
		}
		return r.watch(client, s)
	})
}

// watch gives a socket to a reader, to each as many of every kind.
func (r *run) watch(client int, s *socket) error {
	return r.readers[client/len(r.dialects)%len(r.readers)].watch(client, s)
}

// inParallel calls do for every client below count on so many workers, each with an HTTP connection of its own.
func (r *run) inParallel(ctx context.Context, workers, count int, do func(worker int, p *poster, client int) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for worker := range workers {
		p, err := dialPoster(ctx, r.job.Target.Publish)
		if err != nil {
			fail(err)
			break
		}
		wg.Go(func() {
			defer p.close()
			for client := int(next.Add(1)) - 1; client < count && ctx.Err() == nil; client = int(next.Add(1)) - 1 {
				if err := do(worker, p, client); err != nil {
					fail(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// probe sends one message to every channel and waits until each has come everywhere. From then on nothing may be lost.
func (r *run) probe(ctx context.Context) error {
	r.progress("probe")
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	var d draft
	for sent := 0; sent < r.job.Work.Channels; sent += r.job.Work.PerRequest {
		d.reset()
		r.publisher.kind.Store(uint32(sent) / r.publisher.each % r.publisher.kinds)
		r.publisher.append(&d, 0)
		if err := r.dialect.post(p, r.dialect.appendList(d.body, d.channels, d.payloads)); err != nil {
			return err
		}
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	if got, want := r.board.fresh.Load(), r.publisher.deliveries.Load(); got != want {
		return fmt.Errorf("probe messages came %d times, want %d", got, want)
	}
	return nil
}

// drain waits until everything sent has been delivered, or for drainTimeout; what is missing then is lost.
func (r *run) drain(ctx context.Context) error { return r.drainWithin(ctx, drainTimeout) }

func (r *run) drainWithin(ctx context.Context, most time.Duration) error {
	timeout := time.After(most)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for r.board.fresh.Load() < r.publisher.deliveries.Load() {
		select {
		case <-tick.C:
		case <-timeout:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// measure lets the warm-up pass and then measures for the work's duration.
func (r *run) measure(ctx context.Context) error {
	w := r.job.Work
	r.progress("warm up")
	if err := pause(ctx, w.Warmup); err != nil {
		return err
	}
	r.progress("measure")
	requests, messages, late := r.publisher.requests.Load(), r.publisher.messages.Load(), r.publisher.late.Load()
	if err := r.timed(func() error { return pause(ctx, w.Duration) }); err != nil {
		return err
	}
	r.result.Requests = r.publisher.requests.Load() - requests
	r.result.Messages = r.publisher.messages.Load() - messages
	r.result.Late = r.publisher.late.Load() - late
	return r.memory(func(m *ProcessMemory, rss, peak int64) { m.After, m.Peak = rss, peak })
}

// timed does something, and notes how long it takes and the CPU that it takes. The latencies are those of what is delivered
// meanwhile.
func (r *run) timed(do func() error) error {
	before, err := r.cpu()
	if err != nil {
		return err
	}
	own, start := ownCPU(), time.Now()
	r.board.to.Store(1<<62 - 1)
	r.board.from.Store(r.board.clock.now())
	if err := do(); err != nil {
		return err
	}
	r.board.to.Store(r.board.clock.now())
	r.result.Seconds = time.Since(start).Seconds()
	after, err := r.cpu()
	if err != nil {
		return err
	}
	r.result.ServerCPU, r.result.GeneratorCPU = after-before, ownCPU()-own
	return nil
}

// timedConnects has all clients connect, and notes the figures of that too.
func (r *run) timedConnects(connect func() error) error {
	if err := r.timed(connect); err != nil {
		return err
	}
	if clients := r.job.Work.Sockets; clients > 0 {
		r.result.ConnectsPerSecond = float64(clients) / r.result.Seconds
		r.result.ConnectCPU = r.result.ServerCPU / time.Duration(clients)
	}
	return nil
}

// watchStopped notes when the server closes each of the stopped sockets, until ctx ends; then the returned channel is closed.
// It looks at the server's side: a close behind data that nobody reads is not seen on the client's.
func (r *run) watchStopped(ctx context.Context) (ended chan struct{}) {
	ended, start := make(chan struct{}), time.Now()
	go func() {
		defer close(ended)
		open := r.stoppedPorts()
		tick := time.NewTicker(watchStopped)
		defer tick.Stop()
		_, port, _ := net.SplitHostPort(r.job.Target.Sockets)
		local, _ := strconv.Atoi(port)
		for len(open) > 0 {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			held, err := procfs.OpenPeers(uint16(local))
			if err != nil {
				return
			}
			for port := range open {
				if _, still := held[port]; !still {
					delete(open, port)
					r.result.StoppedClosed = append(r.result.StoppedClosed, time.Since(start))
				}
			}
		}
	}()
	return ended
}

func (r *run) stoppedPorts() map[uint16]struct{} {
	ports := make(map[uint16]struct{}, len(r.stopped))
	for _, s := range r.stopped {
		if address, err := unix.Getsockname(s.fd); err == nil {
			ports[uint16(address.(*unix.SockaddrInet4).Port)] = struct{}{}
		}
	}
	return ports
}

func (r *run) cpu() (sum time.Duration, err error) {
	for _, p := range r.job.Target.Processes {
		used, err := procfs.CPU(p.PID)
		if err != nil {
			return 0, fmt.Errorf("read CPU of %s: %w", p.Name, err)
		}
		sum += used
	}
	return sum, nil
}

func (r *run) memory(note func(m *ProcessMemory, rss, peak int64)) error {
	for _, p := range r.job.Target.Processes {
		rss, peak, err := procfs.Memory(p.PID)
		if err != nil {
			return fmt.Errorf("read memory of %s: %w", p.Name, err)
		}
		m := r.result.Memory[p.Name]
		note(&m, rss, peak)
		r.result.Memory[p.Name] = m
	}
	return nil
}

func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
