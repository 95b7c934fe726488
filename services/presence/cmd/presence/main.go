// Command presence knows who is where.
package main

import (
	"os"

	"github.com/channelstream/channelstream/services/presence"
	"github.com/channelstream/channelstream/shared/process"
)

// version is set by the build.
var version = "0.1.0"

func main() { os.Exit(process.Main(presence.Process, version)) }
