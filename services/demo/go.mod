module github.com/channelstream/channelstream/services/demo

go 1.26

require (
	github.com/channelstream/channelstream/shared v0.0.0
	github.com/channelstream/channelstream/client v0.0.0
)

replace (
	github.com/channelstream/channelstream/shared => ../../shared
	github.com/channelstream/channelstream/client => ../../client
)
