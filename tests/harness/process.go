package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
	return p.run(exec.Command(filepath.Join(p.dir, string(k))), environ, log)
}

// run runs a command until it says where it listens.
func (p *Processes) run(cmd *exec.Cmd, environ []Option, log *logBook) (running, error) {
	cmd.Dir, cmd.Env = p.dir, environ
	cmd.SysProcAttr = dieWithParent()
	r, err := startChild(cmd, log)
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

// startChild starts a process that logs through a pipe.
func startChild(cmd *exec.Cmd, log io.Writer) (*child, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = write, write
	err = cmd.Start()
	write.Close() //nolint:errcheck // the process has its own end
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	p := &child{cmd: cmd, log: read, done: make(chan struct{})}
	go func() { // ends with the process
		io.Copy(log, read) //nolint:errcheck // the pipe is closed, at one end or the other
		p.err = cmd.Wait()
		read.Close() //nolint:errcheck // read only
		close(p.done)
	}()
	return p, nil
}

// child is a node, or a NATS server, that is a process.
type child struct {
	// set at construction
	cmd     *exec.Cmd
	log     *os.File // the end of the pipe that is read from
	address string
	done    chan struct{} // closed when it has ended

	err error // set before done is closed
}

func (p *child) Address() string       { return p.address }
func (p *child) Interrupt()            { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // it has ended otherwise
func (p *child) Kill()                 { _ = p.cmd.Process.Kill() }                  // it has ended otherwise
func (p *child) Done() <-chan struct{} { return p.done }
func (p *child) Err() error            { return p.err }
