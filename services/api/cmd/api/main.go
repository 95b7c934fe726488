// Command api is the HTTP API as a process of its own.
package main

import (
	"os"

	"github.com/channelstream/channelstream/services/api"
	"github.com/channelstream/channelstream/shared/process"
)

// version is set by the build.
var version = "0.1.0"

func main() { os.Exit(process.Main(api.Process, version)) }
