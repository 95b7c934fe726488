package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/channelstream/channelstream/tests/load/generator"
)

// generateCommand is the argument with which the benchmark starts itself as the load generator: a process of its own, so that
// its open files and its CPU are its own. A Job comes on standard input, the Result goes to standard output.
const generateCommand = "generate"

func generate(ctx context.Context, in io.Reader, out io.Writer) error {
	var job generator.Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	// A reader that waits in epoll holds a processor of Go's until the runtime takes it back; spare ones keep the
	// publisher from waiting for that.
	runtime.GOMAXPROCS(2*runtime.NumCPU() + 2)
	result, err := generator.Run(ctx, job, func(what string) { fmt.Fprintln(os.Stderr, what) })
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}
