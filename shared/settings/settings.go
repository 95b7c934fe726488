// Package settings turns the environment and the ini file into one typed value.
//
// Every service reads the same vocabulary, so that one environment file serves all of them; each takes the groups that
// concern it. The struct tags below are the single source: env names the key (CHANNELSTREAM_<env> in the environment,
// lower case in the ini file), default is written as an operator would write it, form says how the text is read where
// the Go type does not, min, max and oneof bound it, secret keeps the value out of messages, doc explains it.
//
// Order: defaults < ini file < environment. An empty value counts as not given.
package settings

import (
	"net/netip"
	"time"
)

// Prefix stands before each key in the environment.
const Prefix = "CHANNELSTREAM_"

// Settings is everything that can be configured.
type Settings struct {
	Listen    Listen
	Operator  Operator
	Access    Access
	Clients   Clients
	Heartbeat Heartbeat
	Flash     Flash
	Presence  Presence
	NATS      NATS
	Messages  Messages
	Limits    Limits
	Timing    Timing
	Log       Log
	Traces    Traces
	Demo      Demo

	// Remarks are what an operator should know of a configuration that is not wrong, by the key that it is about. They
	// are for the log, once.
	Remarks []Fault
}

// Listen is where the server answers and how it is known outside.
type Listen struct {
	Host string `env:"HOST" default:"127.0.0.1" form:"host" doc:"address to listen on"`
	Port int    `env:"PORT" default:"8000" min:"0" max:"65535" doc:"port to listen on; 0 takes any free one"`
	// BasePath begins with a slash and does not end with one; "" for none.
	BasePath    string `env:"BASE_PATH" form:"path" doc:"path below which everything public is served, such as /push"`
	PublicURL   string `env:"PUBLIC_URL" form:"url" doc:"URL under which clients reach the server, if it is not the one they ask for"`
	Compression bool   `env:"COMPRESSION" default:"false" doc:"offer permessage-deflate to WebSocket clients"`
}

// Operator is where operators ask, if that is not where the service answers.
type Operator struct {
	Host string `env:"OPERATOR_HOST" default:"127.0.0.1" form:"host" doc:"address of the operator's port"`
	Port int    `env:"OPERATOR_PORT" min:"0" max:"65535" doc:"port of their own for /healthz, /readyz, /metrics, /version and the admin page, which are on CHANNELSTREAM_PORT otherwise"`
}

// OperatorAddress is where operators ask.
func (s Settings) OperatorAddress() (host string, port int) {
	if s.Operator.Port == 0 {
		return s.Listen.Host, s.Listen.Port
	}
	return s.Operator.Host, s.Operator.Port
}

// Access says who may call.
type Access struct {
	// Secrets sign and verify; the first signs, all verify.
	Secrets []string `env:"SECRET" secret:"true" doc:"secret that the app signs with; several, separated by commas, while one is rotated"`
	// Generated is set by EnsureSecret and EnsureKeptSecret: nobody chose the secret.
	Generated   bool
	AdminUser   string `env:"ADMIN_USER" default:"admin" doc:"name under which to sign in at the admin page"`
	AdminSecret string `env:"ADMIN_SECRET" secret:"true" doc:"secret that opens the admin page; none closes it"`
	// AllowPostingFrom is masked and unmapped: compare with netip.Addr.Unmap().
	AllowPostingFrom []netip.Prefix `env:"ALLOW_POSTING_FROM" default:"127.0.0.0/8,::1/128" form:"callers" doc:"addresses and CIDR ranges the app may call from; 0.0.0.0 alone means anyone"`
	// TrustedProxies is masked and unmapped like AllowPostingFrom.
	TrustedProxies      []netip.Prefix `env:"TRUSTED_PROXIES" form:"prefixes" doc:"addresses and CIDR ranges whose forwarding headers count"`
	EnforceHTTPS        bool           `env:"ENFORCE_HTTPS" default:"false" doc:"refuse requests that did not come over TLS"`
	SignatureMaxAge     time.Duration  `env:"SIGNATURE_MAX_AGE" default:"60s" min:"0s" doc:"age at which the signature of a request expires; 0 sets no limit"`
	UserSignatureMaxAge time.Duration  `env:"USER_SIGNATURE_MAX_AGE" default:"24h" min:"0s" doc:"age at which the signature of a user name expires; 0 sets no limit"`
	// AllowedOrigins is lower case and without default ports; empty means any.
	AllowedOrigins []string `env:"ALLOWED_ORIGINS" form:"origins" doc:"origins that browsers may connect from; empty or * means any"`
	// PublicDescription lets anybody read what the API is, which is no secret of an installation but tells what runs there.
	PublicDescription bool `env:"PUBLIC_DESCRIPTION" default:"false" doc:"let anybody read /openapi.yaml, /asyncapi.yaml and /api-explorer, without a signature"`
}

// Clients is how clients come in.
type Clients struct {
	// Transports is a subset of the Transport constants, without duplicates.
	Transports []string `env:"TRANSPORTS" default:"websocket,polling,sse,listen" form:"transports" doc:"transports offered: websocket, polling (or xhr-polling), sse, listen, jsonp-polling"`
	// Resource has no slash at either end.
	Resource             string        `env:"RESOURCE" default:"socket.io" form:"resource" doc:"path under which Socket.IO is served"`
	WakeConnectionsAfter time.Duration `env:"WAKE_CONNECTIONS_AFTER" default:"5s" min:"100ms" max:"10m" doc:"time after which a long poll of /listen is answered with nothing"`
}

// Transport names, as in Clients.Transports.
const (
	TransportWebSocket    = "websocket"
	TransportPolling      = "polling"
	TransportSSE          = "sse"
	TransportListen       = "listen"
	TransportJSONPPolling = "jsonp-polling"
)

// Heartbeat is how a dead peer is noticed.
type Heartbeat struct {
	Interval time.Duration `env:"HEARTBEAT_INTERVAL" default:"25s" min:"100ms" max:"1h" doc:"time between heartbeats"`
	Timeout  time.Duration `env:"HEARTBEAT_TIMEOUT" default:"20s" min:"100ms" max:"1h" doc:"time a client has to answer a heartbeat"`
}

// Flash is the policy listener that Flash sockets ask first.
type Flash struct {
	PolicyServer bool   `env:"POLICY_SERVER" default:"false" doc:"run the Flash policy listener"`
	PolicyHost   string `env:"POLICY_LISTENER_HOST" default:"0.0.0.0" form:"host" doc:"address of the Flash policy listener"`
	PolicyPort   int    `env:"POLICY_LISTENER_PORT" default:"10843" min:"0" max:"65535" doc:"port of the Flash policy listener"`
}

// Presence is how long users and connections are kept.
type Presence struct {
	ConnectTimeout time.Duration `env:"CONNECT_TIMEOUT" default:"30s" min:"1s" doc:"time a registered connection has to open"`
	Linger         time.Duration `env:"LINGER" default:"15s" min:"0s" doc:"time a dropped connection still counts as there"`
	LeaseTTL       time.Duration `env:"LEASE_TTL" default:"6s" min:"1s" max:"10m" doc:"time after which a silent gateway or leader counts as dead"`
	UserRetention  time.Duration `env:"USER_RETENTION" default:"24h" min:"1m" doc:"time an idle user is remembered"`
}

// NATS is the bus and the store.
type NATS struct {
	URL       string        `env:"NATS_URL" form:"nats" secret:"true" doc:"NATS servers, separated by commas; empty embeds one, in the all-in-one"`
	CredsFile string        `env:"NATS_CREDS_FILE" doc:"file with the credentials of a NATS user, as the nsc tool writes it"`
	Replicas  int           `env:"NATS_REPLICAS" default:"1" oneof:"1,3" doc:"replicas of streams and buckets"`
	Namespace string        `env:"NAMESPACE" default:"channelstream" form:"token" doc:"first token of every subject and name of streams and buckets"`
	DataDir   string        `env:"DATA_DIR" default:"./data" doc:"folder of the embedded NATS server and the development secret"`
	Sync      time.Duration `env:"SYNC" default:"1s" form:"sync" max:"10m" doc:"time after which the embedded NATS server has on disk what it acknowledged; always: before it does"`
	GatewayID string        `env:"GATEWAY_ID" form:"token" doc:"name of a gateway, unique in its namespace; empty makes a random one"`
}

// Messages is how messages are kept.
type Messages struct {
	ResumeWindow time.Duration `env:"RESUME_WINDOW" default:"2m" min:"10s" max:"24h" doc:"time messages are kept for clients that come back"`
	LogBytes     int           `env:"LOG_BYTES" default:"1GiB" form:"size" min:"1MiB" doc:"size of the messages kept; the oldest go first"`
	LogMessages  int           `env:"LOG_MESSAGES" default:"1000000" min:"1000" doc:"number of messages kept; the oldest go first"`
	LogStorage   string        `env:"LOG_STORAGE" default:"file" oneof:"file,memory" doc:"where messages are kept"`

	HistoryAge      time.Duration `env:"HISTORY_AGE" default:"0s" min:"0s" doc:"time the history of channels is kept; 0 sets no limit"`
	HistoryBytes    int           `env:"HISTORY_BYTES" default:"1GiB" form:"size" min:"16MiB" doc:"size of the history of all channels; the oldest goes first"`
	HistoryMessages int           `env:"HISTORY_MESSAGES" default:"1000" min:"1" max:"1000000" doc:"messages of history that one channel may keep, whatever its history_size"`
	HistoryStorage  string        `env:"HISTORY_STORAGE" default:"file" oneof:"file,memory" doc:"where the history of channels is kept"`
}

// Limits bound what is taken in and held back. Sizes are bytes, lengths are characters.
type Limits struct {
	MaxBody         int `env:"MAX_BODY" default:"8MiB" form:"size" min:"1KiB" max:"1GiB" doc:"size of a request's body"`
	MaxMessage      int `env:"MAX_MESSAGE" default:"256KiB" form:"size" min:"1" max:"64MiB" doc:"size of one message"`
	MaxMessages     int `env:"MAX_MESSAGES" default:"1000" min:"1" max:"1000000" doc:"messages in one request"`
	MaxChannels     int `env:"MAX_CHANNELS" default:"1000" min:"1" max:"1000000" doc:"channels in one request and of one connection"`
	MaxUserChannels int `env:"MAX_USER_CHANNELS" default:"10000" min:"1" max:"1000000" doc:"channels that one user may be allowed to join"`
	MaxState        int `env:"MAX_STATE" default:"384KiB" form:"size" min:"1KiB" max:"64MiB" doc:"size of the state of one user; at most half of what NATS takes in a message"`
	MaxUser         int `env:"MAX_USER" default:"512" min:"1" max:"4096" doc:"characters in a user name"`
	MaxChannel      int `env:"MAX_CHANNEL" default:"256" min:"1" max:"4096" doc:"characters in a channel name"`
	MaxConnID       int `env:"MAX_CONN_ID" default:"128" min:"36" max:"4096" doc:"characters in a connection id"`
	MaxFrame        int `env:"MAX_FRAME" default:"64KiB" form:"size" min:"1KiB" max:"64MiB" doc:"size of a frame or poll from a client"`
	// MaxHistoryAnswer bounds the memory that one answer takes.
	MaxHistoryAnswer int `env:"MAX_HISTORY_ANSWER" default:"4MiB" form:"size" min:"64KiB" max:"1GiB" doc:"size of the history in one answer, over all of its channels; the newest messages are shown"`
	BacklogBytes     int `env:"BACKLOG_BYTES" default:"1MiB" form:"size" min:"4KiB" max:"1GiB" doc:"bytes held back for a slow client before it is closed"`
	TapeBytes        int `env:"TAPE_BYTES" default:"256MiB" form:"size" min:"1MiB" doc:"bytes a gateway keeps for clients that come back; one channel has a quarter at most"`

	MaxSessions           int           `env:"MAX_SESSIONS" default:"0" min:"0" doc:"clients of one gateway at once; 0 takes as many as it may open files, less a reserve"`
	MaxSessionsPerAddress int           `env:"MAX_SESSIONS_PER_ADDRESS" default:"20000" min:"0" doc:"clients of one gateway at once from one address, or IPv6 network of 64 bits; 0 sets no limit"`
	MaxSessionsPerUser    int           `env:"MAX_SESSIONS_PER_USER" default:"1000" min:"0" doc:"clients of one gateway at once of one user; 0 sets no limit"`
	OpensPerSecond        int           `env:"OPENS_PER_SECOND" default:"2000" min:"0" doc:"clients that one address may open in a second, ten seconds' worth at once; 0 sets no limit"`
	MaxBodiesPerAddress   int           `env:"MAX_BODIES_PER_ADDRESS" default:"1000" min:"0" doc:"requests of one address, or IPv6 network of 64 bits, whose bodies one process waits for at once; 0 sets no limit"`
	PacketsPerSecond      int           `env:"PACKETS_PER_SECOND" default:"1000" min:"0" doc:"frames or packets that one client may send in a second; 0 sets no limit"`
	MaxWaiting            int           `env:"MAX_WAITING" default:"20000" min:"1" doc:"clients that may wait in line to be let in by a gateway"`
	MaxWait               time.Duration `env:"MAX_WAIT" default:"30s" min:"100ms" max:"10m" doc:"time a client waits in line at most"`

	BacklogAge    time.Duration `env:"BACKLOG_AGE" default:"10s" min:"100ms" max:"1h" doc:"time bytes are held back for a slow client before it is closed"`
	ResumeTimeout time.Duration `env:"RESUME_TIMEOUT" default:"2m" min:"100ms" max:"1h" doc:"time a client that comes back may take to read what it missed before it is closed"`
}

// Timing bounds how long the server takes.
type Timing struct {
	Request  time.Duration `env:"REQUEST_TIMEOUT" default:"5s" min:"100ms" max:"10m" doc:"time a request waits for NATS or another service"`
	Drain    time.Duration `env:"DRAIN_WINDOW" default:"5s" min:"0s" max:"1h" doc:"time over which clients are sent away at a stop"`
	Shutdown time.Duration `env:"SHUTDOWN_TIMEOUT" default:"15s" min:"1s" max:"1h" doc:"time a stop may take, the drain window included"`
}

// Log is what is written to standard error.
type Log struct {
	Level  string `env:"LOG_LEVEL" default:"info" oneof:"debug,info,warn,error" form:"level" doc:"least level that is logged"`
	Format string `env:"LOG_FORMAT" default:"text" oneof:"text,json" doc:"form of a log line"`
	Access bool   `env:"ACCESS_LOG" default:"false" doc:"log each request that an api answers, at info: route and status, and never a query or body"`
}

// Traces is where traces go.
type Traces struct {
	URL     string `env:"TRACES_URL" form:"collector" doc:"URL of an OpenTelemetry collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; empty traces nothing"`
	Percent int    `env:"TRACES_PERCENT" default:"0" min:"0" max:"100" doc:"requests of apps in a hundred that are traced, of those whose app says nothing of it by a traceparent"`
}

// Demo is the example app.
type Demo struct {
	// Enabled is nil unless somebody decided; see DemoOn.
	Enabled *bool  `env:"DEMO" doc:"serve the demo in the all-in-one, where anybody may enter; on with a secret made for development, off otherwise, unless set"`
	APIURL  string `env:"DEMO_API_URL" form:"url" doc:"URL at which the demo reaches the api"`
}

// DemoOn says whether the demo is served. Unless somebody decided, it is only beside a secret that nobody chose: such a
// server is for development and can be reached from its own machine alone.
func (s Settings) DemoOn() bool {
	if s.Demo.Enabled == nil {
		return s.Access.Generated
	}
	return *s.Demo.Enabled
}
