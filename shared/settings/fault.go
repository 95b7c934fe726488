package settings

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with the configuration.
type Fault struct {
	// Key is where it stands: "CHANNELSTREAM_PORT" or "[server:main] port".
	Key string
	// Problem says what is wrong and what is wanted.
	Problem string
}

func (f Fault) Error() string { return f.Key + ": " + f.Problem }

// Faults is the error of Load: all that is wrong, one line each.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(key, format string, args ...any) {
	*f = append(*f, Fault{Key: key, Problem: fmt.Sprintf(format, args...)})
}

func (f Faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}
