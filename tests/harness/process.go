package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const module = "github.com/channelstream/channelstream/services/"

// startLimit is how long a process may take to listen.
const startLimit = 20 * time.Second

// Processes runs each node as a process of its own, from binaries that it builds once.
type Processes struct {
	dir           string // of the binaries
	build         func() error
	buildAllInOne func() error
	buildNATS     func() error
}

// NewProcesses makes the form; binaries go into dir.
func NewProcesses(dir string) *Processes {
	p := &Processes{dir: dir}
	p.build = sync.OnceValue(func() error { return p.buildServices(kindAPI, kindPresence, kindGateway) })
	p.buildAllInOne = sync.OnceValue(func() error { return p.buildServices(kindAllInOne) })
	p.buildNATS = sync.OnceValue(p.buildNATSServer)
	return p
}

// Name is that of the subtest.
func (*Processes) Name() string { return "processes" }

// CanKill says that a node can be ended with kill -9.
func (*Processes) CanKill() bool { return true }

func (p *Processes) buildServices(kinds ...kind) error {
	args := []string{"build", "-buildvcs=false", "-o", p.dir + string(os.PathSeparator)}
	for _, k := range kinds {
		args = append(args, module+string(k)+"/cmd/"+string(k))
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (p *Processes) start(k kind, environ []Option, log *logBook) (running, error) {
	build := p.build
	if k == kindAllInOne {
		build = p.buildAllInOne
	}
	if err := build(); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(p.dir, string(k)))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, environ, log, log
	cmd.SysProcAttr = dieWithParent()
	r, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case r.address = <-log.found:
		return r, nil
	case <-r.done:
		return nil, fmt.Errorf("the process ended: %w", errors.Join(r.err, errors.New("it did not listen")))
	case <-limit.C:
		r.Kill()
		<-r.done
		return nil, fmt.Errorf("the process did not listen within %v", startLimit)
	}
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() { // ends with the process
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// process is a node, or a NATS server, that is a process.
type process struct {
	// set at construction
	cmd     *exec.Cmd
	address string
	done    chan struct{} // closed when it has ended

	err error // set before done is closed
}

func (p *process) Address() string       { return p.address }
func (p *process) Interrupt()            { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // it has ended otherwise
func (p *process) Kill()                 { _ = p.cmd.Process.Kill() }                  // it has ended otherwise
func (p *process) Done() <-chan struct{} { return p.done }
func (p *process) Err() error            { return p.err }
