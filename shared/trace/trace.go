// Package trace follows single requests through the services, by the words of OpenTelemetry: an app that traces gives its
// request a traceparent (W3C Trace Context), and spans go to a collector by OTLP over HTTP.
//
//	api       POST /message ── store                     POST /connect
//	             traceparent in the header of a message │   │ traceparent in the header of a request
//	gateway                            deliver ◄────────┘   └► presence connect ──► gateway membership
//
// It promises that a nil Tracer, which is one without a collector, and a request that its app does not trace cost a look at
// a header or a context and no memory, and are told to nobody; and that nothing waits for the collector. No span has a name
// that an app or a user gave, or anything of a message.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// Header is the name of the header, of HTTP and of NATS, that says to which span something belongs.
const Header = "traceparent"

const scope = "github.com/channelstream/channelstream"

// Kind says which side of an exchange a span is.
type Kind = otel.SpanKind

// Kinds.
const (
	Server   Kind = otel.SpanKindServer   // it answers a request
	Producer Kind = otel.SpanKindProducer // it sends messages
	Consumer Kind = otel.SpanKindConsumer // it takes messages
)

// Config says who traces, and for whom.
type Config struct {
	Settings settings.Traces
	Service  string // such as channelstream-api
	Version  string
	Logger   *slog.Logger
}

// Tracer makes spans. A nil one makes none. It is safe for use by many goroutines.
type Tracer struct {
	// set at construction
	provider *sdk.TracerProvider
	tracer   otel.Tracer
	percent  int
	http     *http.Client
}

const (
	exportTimeout = 10 * time.Second // of one attempt, and of all attempts for one batch
	firstRetry    = time.Second
)

// New makes a tracer, which works until Close; nil when no collector is configured.
func New(c Config) (*Tracer, error) {
	if c.Settings.URL == "" {
		return nil, nil //nolint:nilnil // that is how tracing is off
	}
	at, err := url.JoinPath(c.Settings.URL, "v1", "traces")
	if err != nil {
		return nil, fmt.Errorf("make the address of the collector: %w", err)
	}
	client := &http.Client{Timeout: exportTimeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute}}
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(at), otlptracehttp.WithHTTPClient(client),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: firstRetry, MaxInterval: exportTimeout / 2, MaxElapsedTime: exportTimeout}))
	if err != nil {
		return nil, fmt.Errorf("make an exporter of traces: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithSampler(sdk.AlwaysSample()), // a span is begun only for what is traced
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.Service), attribute.String("service.version", c.Version))),
		sdk.WithBatcher(exported{exporter, telemetry.NewOutage(c.Logger, "the collector does not take traces; they are lost", "the collector takes traces again")}),
	)
	return &Tracer{provider: provider, tracer: provider.Tracer(scope), percent: c.Settings.Percent, http: client}, nil
}

// exported has the log tell what fails, which would else go past it.
type exported struct {
	sdk.SpanExporter
	outage *telemetry.Outage
}

// ExportSpans hands spans to the collector.
func (e exported) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	e.outage.Note(e.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

// Close hands on what the collector has not got yet, as far as that can be done before ctx ends, and ends the tracer.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	defer t.http.CloseIdleConnections()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("hand on traces: %w", err)
	}
	return nil
}

// Takes says whether a request is to be traced whose app says so, or says nothing.
func (t *Tracer) Takes(parent string) bool {
	if t == nil {
		return false
	}
	if wellFormed(parent) {
		return sampled(parent)
	}
	return t.percent > 0 && rand.IntN(100) < t.percent //nolint:gosec // a sample, no secret
}

// Begin begins the span of a request that Takes has taken, which came at some time.
func (t *Tracer) Begin(ctx context.Context, parent, name string, at time.Time) (context.Context, Span) {
	ctx, span := t.tracer.Start(under(ctx, parent), name, otel.WithSpanKind(Server), otel.WithTimestamp(at))
	return ctx, Span{span}
}

// Follow begins a span for what came with a parent from another service; none if that is not traced.
func (t *Tracer) Follow(ctx context.Context, parent, name string, kind Kind) (context.Context, Span) {
	if t == nil || !wellFormed(parent) || !sampled(parent) {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(under(ctx, parent), name, otel.WithSpanKind(kind))
	return ctx, Span{span}
}

// Step begins a span below the one that a context has; none if it has none.
func Step(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	above := otel.SpanFromContext(ctx)
	if !above.IsRecording() {
		return ctx, Span{}
	}
	ctx, span := above.TracerProvider().Tracer(scope).Start(ctx, name, otel.WithSpanKind(kind))
	return ctx, Span{span}
}

// Parent is how another service follows the span that a context has; "" if it has none.
func Parent(ctx context.Context) string {
	if !otel.SpanFromContext(ctx).IsRecording() {
		return ""
	}
	carried := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carried)
	return carried[Header]
}

// Span is something that takes a time. The zero Span is none.
type Span struct{ span otel.Span }

// Traced says whether there is a span.
func (s Span) Traced() bool { return s.span != nil }

// Trace is the id of the trace that it is in.
func (s Span) Trace() string { return s.span.SpanContext().TraceID().String() }

// Count notes a number.
func (s Span) Count(what string, n int) {
	if s.span != nil {
		s.span.SetAttributes(attribute.Int(what, n))
	}
}

// Name notes a word, which is none of an app's or user's own.
func (s Span) Name(what, word string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(what, word))
	}
}

// Fail notes that it did not go well. What the error says is for the log.
func (s Span) Fail() {
	if s.span != nil {
		s.span.SetStatus(codes.Error, "")
	}
}

// Fail notes it of the span that a context has.
func Fail(ctx context.Context) { Span{otel.SpanFromContext(ctx)}.Fail() }

// End ends the span.
func (s Span) End() {
	if s.span != nil {
		s.span.End()
	}
}
