// Command channelstream is the whole push server in one process, for one machine and for tests, and the commands that ask
// a server that runs.
package main

import (
	"context"
	"os"

	"github.com/channelstream/channelstream/services/channelstream/commands"
)

// version is set by the build.
var version = "0.1.0"

func main() {
	p := commands.Program{Version: version, Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(p.Main(context.Background(), os.Args[1:]))
}
