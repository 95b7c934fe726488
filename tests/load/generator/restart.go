package generator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	restarted      = "gateway"        // the process that is stopped and started
	orderTimeout   = 45 * time.Second // for the supervisor
	noticesTimeout = 30 * time.Second // for what the watcher is to hear
)

// restart opens sockets at one gateway and a watcher at another, stops the first gateway, starts it again, and has all
// clients come back at once, behind the offset of the last message each of them saw. Messages are posted to one channel after
// the other all the time; they and what is announced to the watcher are counted. The latencies are those of the messages from
// when the gateway is ready again until all are back.
func (r *run) restart(ctx context.Context) error {
	server, ours := r.dialect.(*channelstream)
	if !ours || len(r.job.Target.Elsewhere) == 0 || r.job.Target.Supervisor == "" {
		return errors.New("the server has no gateway that can be started again while another goes on")
	}
	p, err := dialPoster(ctx, r.job.Target.Publish)
	if err != nil {
		return err
	}
	defer p.close()
	watcher, err := r.watchPresence(ctx, server, p)
	if err != nil {
		return err
	}
	defer watcher.close()
	if err := r.openAll(ctx); err != nil {
		return err
	}
	if err := watcher.await(ctx, int64(r.job.Work.Sockets), noticesTimeout); err != nil {
		return err
	}
	r.result.Notices = watcher.notices.Load()
	if err := r.probe(ctx); err != nil { // after it each has an offset
		return err
	}
	stopped := time.Now()
	if err := r.awayAndBack(ctx); err != nil {
		return err
	}
	r.progress("watch for notices")
	if err := pause(ctx, time.Until(stopped.Add(r.job.Work.Duration))); err != nil {
		return err
	}
	r.result.Faults.Announced = int(watcher.notices.Load() - r.result.Notices)
	return r.stillWatches(ctx, server, p, watcher)
}

// watchPresence makes all channels announce who comes and goes, and opens a socket that hears it at the other gateway.
func (r *run) watchPresence(ctx context.Context, server *channelstream, p *poster) (*watcher, error) {
	client := r.job.Work.Sockets // behind the last
	if err := server.registerWatcher(p, client, r.job.Work.Channels); err != nil {
		return nil, err
	}
	return openWatcher(ctx, r.job.Target.Elsewhere[0], server.path(client, 0, 0))
}

// stillWatches has one more client come, and waits until the watcher has heard of it: had it heard nothing before, then not
// because it is deaf.
func (r *run) stillWatches(ctx context.Context, server *channelstream, p *poster, w *watcher) error {
	heard := w.notices.Load()
	if err := server.register(p, r.job.Work.Sockets+1, 0); err != nil {
		return err
	}
	return w.await(ctx, heard+1, noticesTimeout)
}

// awayAndBack restarts the gateway and has all come back, while messages are posted.
func (r *run) awayAndBack(ctx context.Context) error {
	posting, cancel := context.WithCancel(ctx)
	defer cancel()
	posted := make(chan error, 1)
	go func() { posted <- r.postSteadily(posting, missedLane, 0, uint32(r.job.Work.Channels)) }()
	err := pause(ctx, r.job.Work.Warmup)
	start := time.Now()
	if err == nil {
		err = r.restartGateway(ctx)
	}
	if err == nil {
		err = r.comeBack(ctx)
	}
	cancel()
	if err := errors.Join(err, <-posted); err != nil {
		return err
	}
	err = r.drainWithin(ctx, resumeTimeout)
	r.result.Away = time.Since(start)
	return err
}

// restartGateway returns when the gateway is ready again and every client has seen that its socket was closed.
func (r *run) restartGateway(ctx context.Context) error {
	r.progress("stop the gateway")
	start := time.Now()
	if _, err := r.order(ctx, "stop"); err != nil {
		return err
	}
	r.result.Stopping = time.Since(start)
	r.progress("start the gateway")
	pid, err := r.order(ctx, "start")
	if err != nil {
		return err
	}
	for i, p := range r.job.Target.Processes {
		if p.Name == restarted {
			r.job.Target.Processes[i].PID = pid
		}
	}
	return r.awaitEnded(ctx)
}

// order has the supervisor do something to the gateway, and returns the gateway's process id.
func (r *run) order(ctx context.Context, what string) (pid int, err error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	url := "http://" + r.job.Target.Supervisor + "/" + what + "?process=" + restarted
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return 0, fmt.Errorf("%s gateway: %w", what, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("%s gateway: %w", what, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	if err == nil {
		pid, err = strconv.Atoi(string(body))
	}
	if err != nil {
		return 0, fmt.Errorf("%s gateway: %w", what, err)
	}
	return pid, nil
}
