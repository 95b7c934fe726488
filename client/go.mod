module github.com/channelstream/channelstream/client

go 1.26.0

require (
	github.com/channelstream/channelstream/shared v0.0.0
	github.com/tmaxmax/go-sse v0.12.0
)

replace github.com/channelstream/channelstream/shared => ../shared
