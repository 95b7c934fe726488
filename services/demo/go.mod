module github.com/channelstream/channelstream/services/demo

go 1.26.0

require github.com/channelstream/channelstream/client v0.0.0

require github.com/channelstream/channelstream/shared v0.0.0 // indirect

replace (
	github.com/channelstream/channelstream/client => ../../client
	github.com/channelstream/channelstream/shared => ../../shared
)
