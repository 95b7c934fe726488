// Command api is the HTTP API as a process of its own.
package main

import (
	"context"
	"os"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/shared/process"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	p := process.Program(api.Process, version)
	os.Exit(p.Main(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
