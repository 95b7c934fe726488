package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/tests/load/affinity"
	"github.com/channelstream/channelstream/tests/load/contestant"
	"github.com/channelstream/channelstream/tests/load/generator"
	"github.com/channelstream/channelstream/tests/load/report"
)

// runSlack is how much longer than its warm-up and duration a run may take: to open its sockets and to drain.
const runSlack = 2 * time.Minute

var errFaulty = errors.New("messages were lost, duplicated or reordered, or sockets were closed; see the table")

// A session is one call of the benchmark.
type session struct {
	options  options
	programs *contestant.Programs
	before   string                                   // the machine's load average when it began
	results  map[string]map[string][]generator.Result // by work and contestant
	failed   []error
}

func bench(ctx context.Context, o options) error {
	doing, measured, err := o.chosen()
	if err != nil {
		return err
	}
	before := report.LoadAverage()
	progress("load average before the start: " + before)
	programs, err := contestant.Build(ctx, measured, o.before, progress)
	if err != nil {
		return err
	}
	defer programs.Remove()
	s := &session{options: o, programs: programs, before: before, results: make(map[string]map[string][]generator.Result)}
	s.turns(ctx, doing, measured)
	table := s.table(doing, measured)
	if err := table.Write(os.Stdout); err != nil {
		return err
	}
	if o.page != "" && ctx.Err() == nil {
		if err := s.writePage(ctx, table, doing, measured); err != nil {
			return err
		}
	}
	return errors.Join(append(s.failed, ctx.Err())...)
}

func progress(what string) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), what) }

// turns does each work, all contestants in turn, as often as there are rounds.
func (s *session) turns(ctx context.Context, doing []work, measured []contestant.Contestant) {
	done, all := 0, len(doing)*len(measured)*s.options.rounds
	for _, w := range doing {
		s.results[w.name] = make(map[string][]generator.Result)
		for round := range s.options.rounds {
			for _, c := range measured {
				done++
				name := fmt.Sprintf("[%d/%d] %s · round %d · %s", done, all, w.name, round+1, c.Name)
				if !w.suits(c) {
					continue
				}
				progress(name)
				if err := s.measure(ctx, w, c, name); err != nil {
					progress(name + ": " + err.Error())
					s.failed = append(s.failed, fmt.Errorf("%s, %s: %w", w.name, c.Name, err))
				}
				if ctx.Err() != nil {
					return
				}
			}
		}
	}
}

// measure does one work to one contestant, started for it.
func (s *session) measure(ctx context.Context, w work, c contestant.Contestant, name string) error {
	server, there := w.server, affinity.Set(nil)
	if w.apart && !s.options.shared {
		var err error
		if server.On, there, err = affinity.Halves(); err != nil {
			return err
		}
	}
	running, err := c.Start(ctx, s.programs, server)
	if err != nil {
		return err
	}
	defer running.Stop()
	result, err := drive(ctx, generator.Job{Target: running.Target, Work: w.load}, max(w.slack, runSlack), there, name)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, running.Tail())
	}
	s.results[w.name][c.Name] = append(s.results[w.name][c.Name], result)
	var line strings.Builder
	for _, f := range w.figures {
		fmt.Fprintf(&line, " %s %s;", f.name, report.Number(f.of(result)))
	}
	progress(name + ":" + line.String())
	if err := s.appendRaw(w, c, result); err != nil {
		return err
	}
	if faultsOf(result) > 0 {
		return fmt.Errorf("%w: %+v, %d closed %q", errFaulty, result.Faults, result.Closed, result.Reason)
	}
	if result.Checks == 0 && w.load.Kind != generator.Idle && w.load.Kind != generator.Presence {
		return errors.New("nothing was delivered")
	}
	return nil
}

// drive runs a job in a process of its own, on some processors alone, for no longer than it needs and slack.
func drive(ctx context.Context, job generator.Job, slack time.Duration, on affinity.Set, name string) (generator.Result, error) {
	var result generator.Result
	ctx, cancel := context.WithTimeout(ctx, job.Work.Warmup+job.Work.Duration+slack)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return result, fmt.Errorf("find own program: %w", err)
	}
	input, err := json.Marshal(job)
	if err != nil {
		return result, fmt.Errorf("encode job: %w", err)
	}
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, self, generateCommand)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &output, &prefixed{name: name}
	err = affinity.Start(cmd, on)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return result, fmt.Errorf("run load generator: %w", errors.Join(err, ctx.Err()))
	}
	if err := json.Unmarshal(output.Bytes(), &result); err != nil {
		return result, fmt.Errorf("decode result: %w", err)
	}
	return result, nil
}

// prefixed shows what the generator says as progress of the run.
type prefixed struct{ name string }

func (p *prefixed) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		progress(p.name + ": " + strings.TrimSpace(line))
	}
	return len(text), nil
}

func (s *session) appendRaw(w work, c contestant.Contestant, result generator.Result) error {
	if s.options.raw == "" {
		return nil
	}
	line, err := json.Marshal(map[string]any{"work": w.name, "contestant": c.Name, "load": w.load, "result": result})
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	file, err := os.OpenFile(s.options.raw, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("append result: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}
