package bus

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/channelstream/channelstream/shared/telemetry"
	"github.com/channelstream/channelstream/shared/trace"
)

// headerRequest is the id of the HTTP request for which a request is made: the lines that the responder logs of it have
// the id too. Who does not know the header passes it over.
const headerRequest = "Cs-Request"

// asked notes on a request what the responder is to know of its caller: until when it waits, and for whom.
func asked(ctx context.Context, m *nats.Msg) *nats.Msg {
	deadline, waits := ctx.Deadline()
	id, span := telemetry.RequestOf(ctx), trace.Parent(ctx)
	if !waits && id == "" && span == "" {
		return m
	}
	m.Header = make(nats.Header, 2)
	if waits {
		m.Header[headerUntil] = []string{strconv.FormatInt(deadline.UnixMilli(), 10)}
	}
	if id != "" {
		m.Header[headerRequest] = []string{id}
	}
	if span != "" {
		m.Header[trace.Header] = []string{span}
	}
	return m
}

// header is how both kinds of NATS' headers are read.
type header interface{ Get(key string) string }

// forCaller gives the context in which a request is carried out.
func forCaller(ctx context.Context, h header) context.Context {
	if id := h.Get(headerRequest); telemetry.IsRequestID(id) {
		return telemetry.WithRequest(ctx, id)
	}
	return ctx
}
