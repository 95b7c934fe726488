package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine describes where the figures come from, one line each: processor, memory, kernel, Go, and the output of the
// commands that the caller names.
func Machine(ctx context.Context, commands map[string][]string) []string {
	lines := []string{
		fmt.Sprintf("processor: %s, %d cores", fileLine("/proc/cpuinfo", "model name"), runtime.NumCPU()),
		"memory: " + fileLine("/proc/meminfo", "MemTotal"),
		"kernel: Linux " + firstLine("/proc/sys/kernel/osrelease"),
		"Go: " + runtime.Version(),
	}
	for name, command := range commands {
		output, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		if err != nil {
			continue // not installed: then no contestant needed it
		}
		lines = append(lines, name+": "+strings.TrimSpace(string(output)))
	}
	return lines
}

// LoadAverage is that of the last minute. Above a few tenths before the benchmark begins, somebody else uses the machine, and
// rates and latencies say little.
func LoadAverage() string {
	average, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	return average
}

// fileLine returns the value of the first line "name : value" of a file of /proc.
func fileLine(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
