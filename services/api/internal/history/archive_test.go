package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/natsembed"
	"github.com/channelstream/channelstream/shared/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ns        = contract.DefaultNamespace
	maxAnswer = 1 << 20
)

// stage is an archive on a NATS server of its own, where every channel may keep so many messages.
type stage struct {
	*Archive
	t    *testing.T
	nats *natsembed.Server
	size atomic.Int64
}

func newStage(t *testing.T, size int64) *stage {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	nats, err := natsembed.Start(natsembed.Options{StoreDir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	conn, err := bus.Connect(t.Context(), bus.Options{InProcess: nats, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	s := &stage{t: t, nats: nats}
	s.size.Store(size)
	messages := settings.Messages{HistoryBytes: 1 << 30, HistoryMessages: 50}
	s.Archive = New(Config{
		Conn: conn, Logger: logger, Namespace: ns, Messages: messages,
		MaxAnswer: maxAnswer, Timeout: 10 * time.Second,
		Settings: func(string) contract.ChannelSettings {
			return contract.ChannelSettings{HistorySize: int(s.size.Load())}
		},
	})
	for range 2 { // the second time they are there
		if err := conn.Open(t.Context(), bus.HistoryLogs(ns, messages, 1)...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func uuidOf(n int) string { return fmt.Sprintf("b0000000-0000-4000-8000-%012d", n) }

func (s *stage) put(channel, id string, header bus.Header, record string) {
	s.t.Helper()
	pending, err := s.Log(channel).Store(ns.HistorySubject(channel), id, header, []byte(record))
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := pending.Wait(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.Stored(channel)
}

func (s *stage) post(channel string, n int) {
	s.put(channel, contract.ChannelMessageID(uuidOf(n), channel), nil, fmt.Sprintf(`{"message":%d,"catchup":false}`, n))
}

func (s *stage) edit(channel string, n int, edit string) {
	s.put(channel, "", bus.Header{contract.HeaderEdit: {uuidOf(n)}}, edit)
}

func (s *stage) want(channel string, size int, want ...string) {
	s.t.Helper()
	got, err := s.read(s.t.Context(), channel, size)
	if err != nil {
		s.t.Fatal(err)
	}
	if fmt.Sprintf("%s", got) != fmt.Sprintf("%s", want) {
		s.t.Errorf("the history of %s is %s, want %s", channel, got, want)
	}
}

// read reads one channel.
func (s *stage) read(ctx context.Context, channel string, size int) ([][]byte, error) {
	recall, err := s.Read(ctx, map[string]int{channel: size})
	if err != nil {
		return nil, err
	}
	defer recall.Release()
	return recall.Channels[channel].Messages, nil
}

func (s *stage) records(channel string) (n int) {
	s.t.Helper()
	err := s.Log(channel).Each(s.t.Context(), ns.HistorySubject(channel), 0, func(bus.LogMessage) error { n++; return nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func message(n any) string { return fmt.Sprintf(`{"message":%v,"catchup":false}`, n) }

func TestTheNewestAreReadOldestFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	for n := range 7 {
		s.post("a", n)
		s.post("b", 10+n)
	}
	s.want("a", 2, message(5), message(6))
	s.want("b", 1, message(16))
	s.want("a", 0, message(0), message(1), message(2), message(3), message(4), message(5), message(6))
	s.want("a", 100, message(0), message(1), message(2), message(3), message(4), message(5), message(6))
	s.want("nothing", 0)
	if got, err := s.read(t.Context(), "nothing", 3); err != nil || got == nil {
		t.Errorf("no history is %v, %v, and not an empty list", got, err)
	}
}

func TestEditsAreFoldedIntoTheFirstMessageOfTheirUUID(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.edit("a", 1, `{"message":"too early"}`)
	s.post("a", 1)
	s.post("a", 2)
	s.put("a", contract.ChannelMessageID(uuidOf(1), "a")+"-later", nil, message(`"again"`)) // after the window of duplicates
	s.edit("a", 1, `{"message":{"message":1},"own":2}`)
	s.edit("a", 1, `{"edited":"t"}`)
	s.edit("a", 9, `{"message":"of nothing"}`)
	s.want("a", 0, `{"message":{"message":1},"edited":"t","catchup":false}`, message(2), message(`"again"`))
	s.edit("a", 2, `{"message":3}`)
	s.want("a", 2, message(3), message(`"again"`))
	s.edit("a", 1, `{"message":4}`) // whose first message is not shown any more, and neither is this
	s.want("a", 2, message(3), message(`"again"`))
}

func (s *stage) remove(channel string, n int) {
	s.put(channel, "", bus.Header{contract.HeaderDelete: {uuidOf(n)}}, `{"type":"message:delete"}`)
}

// A replica may show for a moment what the others have erased, and erasing may break off.
func TestWhatIsRemovedDoesNotShowEvenWhereItIsNotErased(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	for n := range 4 {
		s.post("a", n)
	}
	s.edit("a", 3, `{"message":"edited"}`)
	s.remove("a", 2)
	s.remove("a", 9)
	s.want("a", 0, message(0), message(1), message(`"edited"`))
	s.put("a", contract.ChannelMessageID(uuidOf(2), "a")+"-later", nil, message(`"again"`))
	s.edit("a", 2, `{"message":"again, edited"}`)
	for range 2 { // before the trim and after it
		s.want("a", 2, message(`"edited"`), message(`"again, edited"`))
		if err := s.trim(t.Context(), "a", s.Most("a")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.records("a"); n != 4 {
		t.Errorf("%d records are left, want two messages and an edit of each", n)
	}
}

func TestAChannelIsTrimmedWhileTheArchiveRuns(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	for n := range 40 {
		s.post("a", n)
		s.edit("a", n, `{"message":"edited"}`)
	}
	s.eventually("little more than its size is left", func() bool { return s.records("a") < 4+4+2*leastExcess })
	s.want("a", 2, message(`"edited"`), message(`"edited"`))
}

func (s *stage) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("waited in vain until %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestATrimKeepsWhatShows(t *testing.T) {
	t.Parallel()
	s := newStage(t, 2)
	for n := range 5 {
		s.post("a", n)
	}
	for n := range 30 {
		s.edit("a", 3, fmt.Sprintf(`{"message":%d}`, n))
		s.edit("a", 4, fmt.Sprintf(`{"user":%d}`, n))
		s.edit("a", 4, fmt.Sprintf(`{"edited":%d,"message":"m"}`, n))
		s.edit("a", 1, `{"message":"of one that goes"}`)
	}
	s.post("b", 1)
	for range 2 { // the second time there is nothing to do
		if err := s.trim(t.Context(), "a", s.Most("a")); err != nil {
			t.Fatal(err)
		}
		if n := s.records("a"); n != 2+3 {
			t.Errorf("%d records are left, want two messages and three edits", n)
		}
		s.want("a", 2, message(29), `{"message":"m","user":29,"edited":29,"catchup":false}`)
		s.want("b", 0, message(1))
	}
}

// What Read folds into which message is what a trim leaves.
func TestATrimKeepsTheEditsOfEachAudience(t *testing.T) {
	t.Parallel()
	s := newStage(t, 10)
	put := func(of, record string, edit bool) {
		id, h := contract.WithAudience(contract.ChannelMessageID(uuidOf(1), "a"), of), bus.Header(nil)
		if edit {
			id, h = "", bus.Header{contract.HeaderEdit: {uuidOf(1)}, contract.HeaderOf: {of}}
		}
		s.put("a", id, h, record)
	}
	put("", message(1), false)
	put("x", `{"message":"before there is one to x"}`, true)
	put("x", message(2), false)
	put("y", message(3), false)
	for n := range 3 {
		put("y", fmt.Sprintf(`{"message":"y%d"}`, n), true)
		put("x", fmt.Sprintf(`{"message":"x%d"}`, n), true)
	}
	for range 2 { // before the trim and after it
		s.want("a", 0, message(`"before there is one to x"`), message(`"x2"`), message(`"y2"`))
		if err := s.trim(t.Context(), "a", s.Most("a")); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.records("a"); n != 6 {
		t.Errorf("%d records are left, want three messages and an edit of each", n)
	}
}

func TestNoSizeIsTheMostThatAnyChannelMayKeep(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	for n := range 60 {
		s.post("a", n)
	}
	if got, err := s.read(t.Context(), "a", 0); err != nil || len(got) != 50 || string(got[49]) != message(59) {
		t.Errorf("%d are shown, want 50: %v", len(got), err)
	}
	if err := s.trim(t.Context(), "a", s.Most("a")); err != nil {
		t.Fatal(err)
	}
	if n := s.records("a"); n != 50 {
		t.Errorf("%d are left, want 50", n)
	}
	s.size.Store(1 << 20)
	if s.Most("a") != 50 {
		t.Errorf("it may keep %d", s.Most("a"))
	}
}

func TestWhatCanNotBeReadIsAnErrorAndNotAnEmptyHistory(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4)
	s.post("a", 1)
	s.put("b", contract.ChannelMessageID(uuidOf(1), "b"), nil, `{"broken`)
	s.edit("b", 1, `{"message":1}`)
	if got, err := s.read(t.Context(), "b", 0); err == nil {
		t.Errorf("a broken record was read as %s", got)
	}
	s.nats.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if got, err := s.read(ctx, "a", 0); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("without NATS it is %s, %v", got, err)
	}
}

// A channel may be called as the messages are that mark a place in a log.
func TestNoNameOfAChannelMeetsAnotherSubject(t *testing.T) {
	t.Parallel()
	s := newStage(t, 4)
	for n, name := range []string{"barrier", "=barrier", ">", "*", ".", strings.Repeat("ü", 256)} {
		s.post(name, n)
	}
	for n, name := range []string{"barrier", "=barrier", ">", "*", ".", strings.Repeat("ü", 256)} {
		s.want(name, 0, message(n))
	}
}

func TestCountingManyChannelsIsBounded(t *testing.T) {
	t.Parallel()
	e := newExcess()
	for n := range maxCounted + 1 {
		e.count(fmt.Sprint(n), 10)
	}
	if len(e.counts) != 0 || len(e.take()) != maxCounted+1 {
		t.Errorf("%d channels are still counted", len(e.counts))
	}
	for range 9 {
		e.count("a", 10)
	}
	if due := e.take(); len(due) != 0 {
		t.Errorf("%v are due too early", due)
	}
	e.count("a", 10)
	if due := e.take(); len(due) != 1 {
		t.Errorf("%v are due", due)
	}
}

func FuzzReading(f *testing.F) {
	f.Add([]byte("m0m1e0e1m2e2m3e1"), 2)
	f.Add([]byte("e0m0m0e0m0"), 0)
	f.Add([]byte("m0m1d0e0m0e0d1d2"), 1)
	f.Fuzz(func(t *testing.T, script []byte, size int) {
		size = int(uint(size) % 5)
		r := newReading(size)
		all := newReading(0)
		removed := false // then the smaller may have dropped what would show again
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			e := bus.LogMessage{Sequence: uint64(i), Header: bus.Header{}, Data: []byte(message(i))}
			switch script[i] {
			case 'e':
				e.Header.Set(contract.HeaderEdit, uuidOf(int(script[i+1])))
			case 'd':
				e.Header.Set(contract.HeaderDelete, uuidOf(int(script[i+1])))
				removed = true
			default:
				e.Header.Set("Nats-Msg-Id", contract.ChannelMessageID(uuidOf(int(script[i+1])), "c"))
			}
			if r.add(e) != nil || all.add(e) != nil {
				t.Fatal("not taken")
			}
		}
		r.fit()
		got, whole := r.history().Messages, all.history().Messages
		if size > 0 && len(whole) > size {
			whole = whole[len(whole)-size:]
		}
		if len(got) > len(whole) || len(got) < len(whole) && !removed {
			t.Fatalf("%d messages, want %d", len(got), len(whole))
		}
		for i := range got {
			if !json.Valid(got[i]) {
				t.Fatalf("message %d is %s", i, got[i])
			}
		}
	})
}
