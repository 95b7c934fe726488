package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// ErrUnavailable is returned when NATS, or whoever should answer on it, is not there. Trying again may help.
var ErrUnavailable = errors.New("nats is not available")

// ErrNobody is returned for a request to which nobody listens: nobody got it. It is an ErrUnavailable.
var ErrNobody = fmt.Errorf("%w: nobody answers", ErrUnavailable)

// ErrFull is returned by Check while an embedded server has no room on its disk. It is an ErrUnavailable.
var ErrFull = fmt.Errorf("%w: its disk is full", ErrUnavailable)

// ErrTooLarge is returned for a message with more bytes than NATS takes; see Conn.MaxPayload.
var ErrTooLarge = errors.New("larger than a nats message")

const (
	publishTimeout = 10 * time.Second // for a message to be stored; an election takes 5 to 6
	maxPending     = 1 << 15          // messages on their way into logs at once
)

// MinimumVersion is the oldest NATS server that stores a list in its order at once.
const MinimumVersion = "2.14"

// Options say where NATS is.
type Options struct {
	URL       string    // of the servers, separated by commas; unused with InProcess
	Creds     string    // file with the credentials of a NATS user: a JWT and its key; empty for none
	InProcess InProcess // an embedded server
	Name      string    // of this connection, as NATS monitoring shows it
	Logger    *slog.Logger
}

// InProcess gives connections to a NATS server in this process.
type InProcess interface {
	InProcessConn() (net.Conn, error)
	Full() bool // its disk has no room
}

// Conn is a connection to NATS. It is safe for use by many goroutines.
type Conn struct {
	// set at construction
	nc       *nats.Conn
	js       jetstream.JetStream
	embedded InProcess // nil for a server elsewhere
	log      *slog.Logger
	refusals *telemetry.Outage // of attempts to connect again

	changes listeners[bool]   // the connection is lost, or back
	drops   listeners[string] // messages on a subject were dropped
	flushes *rounds[struct{}]
	replies inbox

	dropped atomic.Uint64 // times that messages were dropped
	late    atomic.Uint64 // requests that were not begun
}

// A server that does not answer so many pings is gone, though the connection to it may look open.
const (
	pingEvery = 3 * time.Second
	pingsLost = 2
)

// Connect dials NATS and waits, until ctx ends, for it to be there and to have JetStream.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	c := &Conn{log: o.Logger, embedded: o.InProcess}
	c.refusals = telemetry.NewOutage(o.Logger, "NATS refuses the connection; trying again", "NATS takes the connection again")
	c.flushes = newRounds(&c.changes, flushTimeout, func(ctx context.Context, _ []string) (struct{}, error) {
		return struct{}{}, c.nc.FlushWithContext(ctx)
	})
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(200 * time.Millisecond),
		nats.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond),
		nats.ReconnectBufSize(-1),   // fail at once instead of keeping what may be stale when it is sent
		nats.IgnoreAuthErrorAbort(), // a password may be wrong for a while, as when it is changed
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(pingsLost),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.changed(false, err) }),
		nats.ReconnectHandler(func(*nats.Conn) { c.changed(true, nil) }),
		nats.ErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) { c.asyncError(nc, sub, err) }),
	}
	if o.Creds != "" {
		if _, err := os.Stat(o.Creds); err != nil {
			return nil, settings.Fault{Key: settings.Prefix + "NATS_CREDS_FILE", Problem: err.Error()}
		}
		opts = append(opts, nats.UserCredentials(o.Creds)) // read again with each connection
	}
	url := o.URL
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(o.InProcess))
		url = nats.DefaultURL // unused, but it must parse
	}
	at, err := places(url)
	if err != nil {
		return nil, err
	}
	if c.nc, err = dial(ctx, url, at, opts, o.Logger); err != nil {
		return nil, err
	}
	c.replies.nc = c.nc
	if err := c.checkServer(ctx); err != nil {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

// sayAgain is how often the log is told that NATS does not answer yet.
const sayAgain = 10 * time.Second

// dial tries until there is a connection or ctx ends. at is the URL as it may be shown.
func dial(ctx context.Context, url, at string, opts []nats.Option, log *slog.Logger) (*nats.Conn, error) {
	began, said := time.Now(), time.Time{}
	for {
		nc, err := nats.Connect(url, opts...)
		if err == nil {
			return nc, nil
		}
		if now := time.Now(); now.Sub(said) >= sayAgain {
			log.Warn("NATS does not answer yet; trying again", "url", at, "waited", now.Sub(began).Round(time.Second), "error", err)
			said = now
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to NATS at %s: %w: %w", at, ErrUnavailable, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c *Conn) checkServer(ctx context.Context) error {
	version := c.nc.ConnectedServerVersion()
	if !atLeast(version, MinimumVersion) {
		return fmt.Errorf("the NATS server at %s is version %s: at least %s is needed", c.place(), version, MinimumVersion)
	}
	js, err := jetstream.New(c.nc, jetstream.WithPublishAsyncTimeout(publishTimeout), jetstream.WithPublishAsyncMaxPending(maxPending))
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	c.js = js
	for {
		if _, err = js.AccountInfo(ctx); err == nil {
			return nil
		}
		if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
			return fmt.Errorf("the NATS server at %s has no JetStream: start it with -js: %w", c.place(), err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for JetStream: %w", unavailable(err))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// atLeast compares the first two numbers of two versions.
func atLeast(version, minimum string) bool {
	var major, minor, wantMajor, wantMinor int
	if n, _ := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); n != 2 {
		return false
	}
	fmt.Sscanf(minimum, "%d.%d", &wantMajor, &wantMinor)
	return major > wantMajor || major == wantMajor && minor >= wantMinor
}

// OnChange calls f, in order, whenever the connection is lost (false) and when it is back (true), until stop is called.
// f must not block.
func (c *Conn) OnChange(f func(up bool)) (stop func()) { return c.changes.add(f) }

// OnDrop calls f with the subject whenever messages were dropped because this process did not take them in time, until
// stop is called. f must not block.
func (c *Conn) OnDrop(f func(subject string)) (stop func()) { return c.drops.add(f) }

func (c *Conn) changed(up bool, err error) {
	if up {
		c.log.Info("connected to NATS again", "url", c.place())
		c.refusals.Note(nil)
	} else if err != nil {
		c.log.Warn("lost the connection to NATS", "error", err)
	}
	c.changes.tell(up)
}

func (c *Conn) asyncError(nc *nats.Conn, sub *nats.Subscription, err error) {
	if sub == nil && !nc.IsConnected() { // each attempt is refused, as with a password that is wrong for a while
		c.refusals.Note(err)
		return
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	if errors.Is(err, nats.ErrConsumerNotActive) { // nats.go begins the watch anew, as often as it takes
		c.log.Debug("a watch hears nothing and begins anew", "subject", subject)
		return
	}
	c.log.Error("NATS reported an error", "subject", subject, "error", err)
	if errors.Is(err, nats.ErrSlowConsumer) {
		c.dropped.Add(1)
		c.drops.tell(subject)
	}
}

// Full says whether nothing can be stored since the disk of an embedded server has no room. That of another one is not known.
func (c *Conn) Full() bool { return c.embedded != nil && c.embedded.Full() }

// Check says whether NATS answers, and can store: nil, ErrFull, or another ErrUnavailable.
func (c *Conn) Check(ctx context.Context) error {
	if c.Full() {
		return ErrFull
	}
	if !c.nc.IsConnected() {
		return ErrUnavailable
	}
	if _, err := c.js.AccountInfo(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// Connected says whether there is a connection now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// flushTimeout bounds a flush.
const flushTimeout = 10 * time.Second

// Flush returns when NATS has everything that was published and subscribed before. Those who flush at once share it.
func (c *Conn) Flush(ctx context.Context) error {
	if _, err := c.flushes.wait(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// Drain lets subscriptions finish what they have and closes the connection; at the latest when ctx ends.
func (c *Conn) Drain(ctx context.Context) error {
	defer c.nc.Close()
	closed := c.nc.StatusChanged(nats.CLOSED)
	if err := c.nc.Drain(); errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrConnectionReconnecting) {
		return nil // nothing can be finished
	} else if err != nil {
		return fmt.Errorf("drain the NATS connection: %w", err)
	}
	for {
		select {
		case <-closed:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("drain the NATS connection: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
			if c.nc.IsClosed() {
				return nil
			}
		}
	}
}

// Close ends the connection when what was published has been sent.
func (c *Conn) Close() { c.nc.Close() }

// unavailable makes an error of NATS recognizable as ErrUnavailable, unless the caller's own context was cancelled.
func unavailable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
