// Command gateway holds client sockets.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/channelstream/channelstream/services/gateway"
	"github.com/channelstream/channelstream/shared/process"
)

// version is set by the build.
var version = "0.1.0"

// gcPercent keeps the memory of idle sockets small. Fan-out allocates next to nothing, so collecting more often costs
// it next to nothing. GOGC in the environment wins.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	p := process.Program(gateway.Process, version)
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
