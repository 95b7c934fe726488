module github.com/channelstream/channelstream/tests

go 1.26.0

require (
	github.com/channelstream/channelstream/client v0.0.0
	github.com/channelstream/channelstream/services/api v0.0.0
	github.com/channelstream/channelstream/services/channelstream v0.0.0
	github.com/channelstream/channelstream/services/demo v0.0.0
	github.com/channelstream/channelstream/services/gateway v0.0.0
	github.com/channelstream/channelstream/services/presence v0.0.0
	github.com/channelstream/channelstream/shared v0.0.0
)

require golang.org/x/sys v0.49.0

replace (
	github.com/channelstream/channelstream/client => ../client
	github.com/channelstream/channelstream/services/api => ../services/api
	github.com/channelstream/channelstream/services/channelstream => ../services/channelstream
	github.com/channelstream/channelstream/services/demo => ../services/demo
	github.com/channelstream/channelstream/services/gateway => ../services/gateway
	github.com/channelstream/channelstream/services/presence => ../services/presence
	github.com/channelstream/channelstream/shared => ../shared
)
