package feed_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/services/gateway/internal/feed"
	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/hub"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ns    = contract.DefaultNamespace
	never = time.Hour
)

// listener is the outlet of a member: it remembers the text of frames.
type listener struct {
	mu  sync.Mutex
	got strings.Builder
}

func (l *listener) Bind(*hub.Member) {}
func (l *listener) Send(p []byte, _ time.Time) contract.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got.Write(p)
	return ""
}
func (l *listener) Ping(time.Time) contract.Reason           { return "" }
func (l *listener) Waiting(time.Time) (int, contract.Reason) { return 0, "" }
func (l *listener) Close(contract.Reason)                    {}

// numbers are those of the messages that came, in order.
func (l *listener) numbers() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var numbers []string
	for _, part := range strings.Split(l.got.String(), `{"n":`)[1:] {
		numbers = append(numbers, part[:strings.IndexAny(part, ",}")])
	}
	return strings.Join(numbers, " ")
}

func (l *listener) want(t *testing.T, numbers string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for l.numbers() != numbers {
		select {
		case <-deadline:
			t.Fatalf("got %q, want %q", l.numbers(), numbers)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// observer counts holes; a hole waits for pause, if there is one.
type observer struct {
	pause                                   chan struct{}
	holes, lost, reads, read, bytes, cutOff atomic.Int64
}

func (o *observer) Hole() {
	o.holes.Add(1)
	if o.pause != nil {
		<-o.pause
	}
}
func (o *observer) Lost() { o.lost.Add(1) }
func (o *observer) Read(messages int, bytes int64) {
	o.reads.Add(1)
	o.read.Add(int64(messages))
	o.bytes.Add(bytes)
}
func (o *observer) CutOff()                        { o.cutOff.Add(1) }
func (o *observer) Traced(string, time.Duration)   {}
func (o *observer) Opened(string)                  {}
func (o *observer) Closed(string, contract.Reason) {}
func (o *observer) Upgraded(string, string)        {}
func (o *observer) Batch(int)                      {}
func (o *observer) Delay(time.Duration)            {}

// stage is a feed on a NATS server whose log does not publish its messages again: every live copy is lost, but for
// those that a test sends itself.
type stage struct {
	t      *testing.T
	nats   *natsembed.Server
	dir    string
	port   int
	app    *bus.Conn
	log    *bus.Log
	feed   *feed.Feed
	hub    *hub.Hub
	before map[string]uint64 // sequence of the last message of a channel
}

func newStage(t *testing.T, tailEvery time.Duration, o *observer) *stage {
	t.Helper()
	return newStageWithQueue(t, tailEvery, o, 16)
}

func newStageWithQueue(t *testing.T, tailEvery time.Duration, o *observer, queue int) *stage {
	t.Helper()
	return newStageOf(t, o, feed.Config{TailEvery: tailEvery, Queue: queue})
}

func newStageOf(t *testing.T, o *observer, c feed.Config) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), before: map[string]uint64{}}
	s.start(-1)
	if _, err := fmt.Sscanf(s.nats.URL(), "nats://127.0.0.1:%d", &s.port); err != nil {
		t.Fatal(err)
	}
	config := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, 1)
	config.Live = "void.>"
	s.app = s.connect()
	log, err := s.app.OpenLog(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	s.log = log
	s.hub = hub.New(hub.Config{Shards: 2, HeartbeatEvery: time.Hour, HeartbeatTimeout: time.Hour, Observer: o})
	c.Conn, c.Namespace, c.Hub, c.Observer, c.Logger = s.connect(), ns, s.hub, o, quiet()
	s.feed = feed.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	var running errgroup.Group
	running.Go(func() error { return s.hub.Run(ctx) })
	running.Go(func() error { return s.feed.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := running.Wait(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (s *stage) start(port int) {
	s.t.Helper()
	nats, err := natsembed.Start(natsembed.Options{StoreDir: s.dir, Port: port, Logger: quiet()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.nats = nats
	s.t.Cleanup(nats.Stop)
}

func (s *stage) connect() *bus.Conn {
	s.t.Helper()
	conn, err := bus.Connect(s.t.Context(), bus.Options{URL: s.nats.URL(), Logger: quiet()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	return conn
}

// listen opens a member in a channel.
func (s *stage) listen(channel string) *listener {
	s.t.Helper()
	return s.listenAs(channel, nil)
}

// listenAs opens a member in a channel that is told what it missed.
func (s *stage) listenAs(channel string, missed hub.Missed) *listener {
	s.t.Helper()
	topics, err := s.feed.Acquire(s.t.Context(), []feed.Subject{{Name: channel, Subject: ns.LiveChannel(channel)}})
	if err != nil {
		s.t.Fatal(err)
	}
	l := &listener{}
	m := s.hub.Open(l, frame.Lists, "test", func(contract.Reason, uint64) {})
	if err := m.Change(s.t.Context(), hub.Change{Join: topics, Missed: missed}); err != nil {
		s.t.Fatal(err)
	}
	return l
}

func body(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// store puts a message into the log and gives the header of its live copy.
func (s *stage) store(channel string, n int) bus.Header {
	s.t.Helper()
	pending, err := s.log.Store(ns.LogSubject(ns.LiveChannel(channel)), channel+strconv.Itoa(n), nil, body(n))
	if err != nil {
		s.t.Fatal(err)
	}
	at, err := pending.Wait(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	h := bus.Header{
		bus.HeaderSequence:     {strconv.FormatUint(at.Sequence, 10)},
		bus.HeaderLastSequence: {strconv.FormatUint(s.before[channel], 10)},
	}
	s.before[channel] = at.Sequence
	return h
}

// storeMany puts messages of so many bytes into the log, numbered from 1.
func (s *stage) storeMany(channel string, count, size int) {
	s.t.Helper()
	for n := 1; n <= count; n++ {
		pending, err := s.log.Store(ns.LogSubject(ns.LiveChannel(channel)), channel+"many"+strconv.Itoa(n), nil, padded(n, size))
		if err != nil {
			s.t.Fatal(err)
		}
		if n%500 != 0 && n != count {
			continue
		}
		at, err := pending.Wait(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		s.before[channel] = at.Sequence
	}
}

func padded(n, size int) []byte { return fmt.Appendf(nil, `{"n":%d,"pad":"%0*d"}`, n, size, 0) }

// send publishes on a live subject.
func (s *stage) send(channel string, h bus.Header, data []byte) {
	s.t.Helper()
	if err := s.app.Publish(ns.LiveChannel(channel), h, data); err != nil {
		s.t.Fatal(err)
	}
}

// say stores a message and sends its live copy.
func (s *stage) say(channel string, n int) {
	s.t.Helper()
	s.send(channel, s.store(channel, n), body(n))
}

func TestLiveCopiesArriveInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	for n := range 10 {
		s.say("c", n)
	}
	l.want(t, "0 1 2 3 4 5 6 7 8 9")
}

func TestALiveCopyThatComesTwiceIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	h := s.store("c", 1)
	s.send("c", h, body(1))
	s.send("c", h, body(1))
	s.say("c", 2)
	l.want(t, "1 2")
}

func TestALostCopyIsReadFromTheLogBeforeTheNextIsDelivered(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l, other := s.listen("c"), s.listen("other")
	s.say("c", 1)
	for n := 2; n < 400; n++ { // more than is read at a time
		s.store("c", n)
	}
	s.say("other", 1)
	s.say("c", 400)
	s.say("c", 401)
	var all []string
	for n := 1; n <= 401; n++ {
		all = append(all, strconv.Itoa(n))
	}
	l.want(t, strings.Join(all, " "))
	other.want(t, "1")
}

func TestWhatWasSaidBeforeAMemberCameIsNotForIt(t *testing.T) {
	t.Parallel()
	s := newStage(t, 20*time.Millisecond, &observer{})
	s.store("c", 1)
	s.store("c", 2)
	l := s.listen("c")
	s.say("c", 3)
	l.want(t, "3")
}

// The live copies of a busy channel arrive before the answer that says how far the log had come.
func TestToBeginInTheMiddleOfABusyChannelIsNoHole(t *testing.T) {
	t.Parallel()
	o := &observer{}
	s := newStageWithQueue(t, never, o, 0) // nothing is dropped
	const channels = 50
	said := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var talk errgroup.Group
	talk.Go(func() error {
		for n := 0; ctx.Err() == nil; n++ {
			s.say(fmt.Sprint("c", n%channels), n)
			if n == channels {
				said <- struct{}{}
			}
		}
		return nil
	})
	<-said
	for n := range channels {
		s.listen(fmt.Sprint("c", n))
	}
	cancel()
	if err := talk.Wait(); err != nil {
		t.Fatal(err)
	}
	if holes := o.holes.Load(); holes > 0 {
		t.Errorf("%d holes, and nothing was lost", holes)
	}
}

func TestTheLastMessageOfAQuietChannelIsFoundByTheTailCheck(t *testing.T) {
	t.Parallel()
	s := newStage(t, 20*time.Millisecond, &observer{})
	l := s.listen("c")
	s.say("c", 1)
	s.store("c", 2)
	l.want(t, "1 2")
}

func TestANudgeHasALostMessageFetched(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	s.say("c", 1)
	nudge := bus.Header{contract.HeaderNudge: s.store("c", 2)[bus.HeaderSequence]}
	s.send("c", nudge, nil)
	l.want(t, "1 2")
	s.send("c", nudge, nil) // it has it now
	s.say("c", 3)
	l.want(t, "1 2 3")
}

func TestAfterAReconnectTheTailsAreCompared(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	s.say("c", 1)
	l.want(t, "1")
	s.store("c", 2)
	s.nats.Stop()
	s.start(s.port)
	l.want(t, "1 2")
}

func TestAfterAChangeOfLeaderTheTailsAreCompared(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	s.say("c", 1)
	l.want(t, "1") // the feed runs, and has subscribed to the advisories before or has them soon
	s.store("c", 2)
	deadline := time.After(20 * time.Second)
	for l.numbers() != "1 2" {
		if err := s.app.Publish("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."+ns.LogStream(), nil, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatalf("got %q", l.numbers())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestAfterADropTheTailsAreCompared(t *testing.T) {
	t.Parallel()
	pause := make(chan struct{})
	s := newStage(t, never, &observer{pause: pause})
	l, quietOne := s.listen("c"), s.listen("quiet")
	s.say("c", 1)
	l.want(t, "1")
	s.store("c", 2)
	s.say("c", 3) // a hole: the feed waits
	for n := 4; n <= 60; n++ {
		s.say("c", n) // more than its queue holds
	}
	s.say("quiet", 1) // the last one, which is dropped
	if err := s.app.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(pause)
	quietOne.want(t, "1")
	var all []string
	for n := 1; n <= 60; n++ {
		all = append(all, strconv.Itoa(n))
	}
	l.want(t, strings.Join(all, " "))
}

func TestAMessageThatIsNotLoggedIsDeliveredAsItComes(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	l := s.listen("c")
	s.send("c", nil, body(1))
	s.say("c", 2)
	s.send("c", nil, body(3))
	l.want(t, "1 2 3")
}

func TestASubscriptionWithoutMembersGoesAfterAWhile(t *testing.T) {
	t.Parallel()
	s := newStage(t, never, &observer{})
	topics, err := s.feed.Acquire(t.Context(), []feed.Subject{{Name: "a", Subject: ns.LiveChannel("a")}, {Name: "b", Subject: ns.LiveChannel("b")}})
	if err != nil {
		t.Fatal(err)
	}
	s.feed.Release(topics[:1])
	deadline := time.After(20 * time.Second)
	for s.feed.Subscriptions() != 1 {
		select {
		case <-deadline:
			t.Fatalf("%d subscriptions", s.feed.Subscriptions())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
