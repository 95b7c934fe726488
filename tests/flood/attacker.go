package flood

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// attacker is a process that attacks a server.
type attacker struct {
	t     *testing.T
	cmd   *exec.Cmd
	order io.WriteCloser // the attack goes on until it is closed
	out   bytes.Buffer
	err   bytes.Buffer
	ended bool
}

// newAttacker starts a process that does what it is told until the test stops it.
func newAttacker(t *testing.T, o order) *attacker {
	t.Helper()
	line, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	a := &attacker{t: t, cmd: exec.Command("nice", "-n", "19", os.Args[0])}
	a.cmd.Env = append(os.Environ(), attackerVariable+"=1")
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.err
	if a.order, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatalf("start an attacker: %v", err)
	}
	t.Cleanup(func() {
		if err := a.end(); err != nil {
			t.Error(err)
		}
	})
	if _, err := a.order.Write(append(line, '\n')); err != nil {
		t.Fatalf("order the attack: %v", err)
	}
	return a
}

// stop ends the attack and gives what it did.
func (a *attacker) stop() report {
	a.t.Helper()
	if err := a.end(); err != nil {
		a.t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(a.out.Bytes(), &r); err != nil {
		a.t.Fatalf("read the attacker's report: %v: %s", err, a.out.Bytes())
	}
	return r
}

func (a *attacker) end() error {
	if a.ended {
		return nil
	}
	a.ended = true
	a.order.Close()                                                   //nolint:errcheck // it may have ended by itself
	slow := time.AfterFunc(2*giveUp, func() { a.cmd.Process.Kill() }) //nolint:errcheck // it has ended otherwise
	defer slow.Stop()
	if err := a.cmd.Wait(); err != nil {
		return errors.Join(fmt.Errorf("the attacker failed: %w", err), errors.New(a.err.String()))
	}
	return nil
}
