module github.com/channelstream/channelstream/services/demo

go 1.26.0

require github.com/channelstream/channelstream/client v0.0.0

require (
	github.com/go-chi/chi/v5 v5.5.0 // indirect
	github.com/tmaxmax/go-sse v0.12.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/channelstream/channelstream/shared v0.0.0
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/sethvargo/go-envconfig v1.4.3 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/ini.v1 v1.67.3 // indirect
)

replace (
	github.com/channelstream/channelstream/client => ../../client
	github.com/channelstream/channelstream/shared => ../../shared
)
