package compat

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// driver runs clients of one library.
type driver interface {
	// do asks for something; what comes of it is told to the client's recorder.
	do(request) error
}

// clients are all whose events are recorded, by the number that drivers know.
type clients struct {
	mu      sync.Mutex
	last    int               // guarded by mu
	records map[int]*recorder // guarded by mu
}

func (c *clients) add() (number int, r *recorder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	r = newRecorder()
	c.records[c.last] = r
	return c.last, r
}

func (c *clients) tell(e event) {
	c.mu.Lock()
	r := c.records[e.Client]
	c.mu.Unlock()
	if r != nil {
		r.tell(e)
	}
}

// program is a driver that is a process, in drivers/.
type program struct {
	mu sync.Mutex // for one line at a time
	in io.WriteCloser
}

func (p *program) do(r request) error {
	if r.Args == nil {
		r.Args = []any{}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.in.Write(append(line, '\n'))
	return err
}

// startLimit is how long a driver may take until it is ready; a browser is slow on a busy machine.
const startLimit = time.Minute

// startProgram starts a driver until the end of the test.
func startProgram(t *testing.T, tell func(event), argv ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stderr = "drivers", os.Stderr
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the driver %q: %v (make deps apt-deps)", argv, err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { // ends with the process
		err := read(out, tell, ready)
		ended <- errors.Join(err, cmd.Wait())
	}()
	t.Cleanup(func() {
		in.Close() //nolint:errcheck // it ends
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the driver %q: %v", argv, err)
			}
		case <-time.After(startLimit):
			t.Logf("the driver %q does not end, and is killed", argv) // a client of old may hang; its cells are judged by themselves
			cancel()
			<-ended
		}
		cancel()
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the driver %q ended: %v", argv, err)
	case <-time.After(startLimit):
		t.Fatalf("the driver %q is not ready after %v", argv, startLimit)
	}
	return &program{in: in}
}

// read tells all events of a driver; the first one says that it is ready.
func read(out io.Reader, tell func(event), ready chan<- struct{}) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("it said %q: %w", lines.Text(), err)
		}
		if e.Event == "ready" && e.Client == 0 {
			close(ready)
			continue
		}
		tell(e)
	}
	return lines.Err()
}
