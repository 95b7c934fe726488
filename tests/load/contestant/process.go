package contestant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/tests/load/affinity"
)

const (
	readyTimeout = 30 * time.Second
	readyPoll    = 20 * time.Millisecond
	stopTimeout  = 5 * time.Second
	logTail      = 2000 // bytes of a process's output that an error shows
)

// A process is one that we started. It is ended by its id, and by the kernel should we die first.
type process struct {
	dir, name string
	on        affinity.Set
	env       []string
	path      string
	args      []string
	address   string // where it says that it is ready, once it was started the first time

	// Made by each start.
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has ended
}

// start starts the process, also once more after it has ended.
func (p *process) start() error {
	p.log = filepath.Join(p.dir, p.name+".log")
	output, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer func() { _ = output.Close() }()
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, output, output
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir}, p.env...)
	// A group of its own: the terminal's interrupt is ours to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := affinity.Start(cmd, p.on); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is of no interest: we end it, or say that it ended too soon
		close(ended)
	}()
	return nil
}

// stop asks the process to end, and makes it after a while. It reports whether the process ended by itself.
func (p *process) stop(within time.Duration) (byItself bool) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-p.ended:
		return true
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return false
	}
}

// awaitReady waits until one of this project's programs is ready.
func (p *process) awaitReady(ctx context.Context) error {
	return p.awaitHTTP(ctx, p.address, "/readyz")
}

// awaitHTTP waits until address answers path with 200.
func (p *process) awaitHTTP(ctx context.Context, address, path string) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return p.await(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", path, answer.Status)
		}
		return nil
	})
}

// awaitTCP waits until address takes connections.
func (p *process) awaitTCP(ctx context.Context, address string) error {
	return p.await(ctx, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready:\n%s", p.name, p.tail())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s is not ready: %w", p.name, err), ctx.Err(), errors.New(p.tail()))
		}
	}
}

func (p *process) tail() string {
	output, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(output[max(0, len(output)-logTail):]))
}
