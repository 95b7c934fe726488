// Command presence knows who is where.
package main

import (
	"context"
	"os"

	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/process"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	p := process.Program(presence.Process, version)
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
