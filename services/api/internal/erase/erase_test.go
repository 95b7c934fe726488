package erase

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/api/internal/message"
	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ns = contract.DefaultNamespace

var errAway = errors.New("away")

// log holds messages by sequence.
type log struct {
	mu      sync.Mutex
	entries map[uint64]bus.LogMessage // guarded by mu
	reads   map[string]int            // guarded by mu; by subject
	stuck   uint64                    // the message that can not be erased
	away    bool                      // nothing can be read
}

func newLog() *log { return &log{entries: map[uint64]bus.LogMessage{}, reads: map[string]int{}} }

func (l *log) put(subject, id, edited string) {
	sequence := uint64(len(l.entries) + 1)
	e := bus.LogMessage{Subject: subject, Sequence: sequence, Header: bus.Header{"Nats-Msg-Id": {id}}}
	if edited != "" {
		e.Header[contract.HeaderEdit] = []string{edited}
	}
	l.entries[sequence] = e
}

func (l *log) Each(_ context.Context, subject string, _ uint64, take func(bus.LogMessage) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	l.reads[subject]++
	for _, sequence := range slices.Sorted(maps.Keys(l.entries)) {
		if e := l.entries[sequence]; e.Subject == subject {
			if err := take(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *log) Erase(_ context.Context, sequence uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sequence == l.stuck {
		return errAway
	}
	delete(l.entries, sequence)
	return nil
}

func (l *log) Trim(_ context.Context, subject string, before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.entries, func(_ uint64, e bus.LogMessage) bool { return e.Subject == subject && e.Sequence < before })
	return nil
}

func (l *log) left() []uint64 { return slices.Sorted(maps.Keys(l.entries)) }

func uuid(n int) string { return fmt.Sprintf("b0000000-0000-4000-8000-%012d", n) }

func newEraser() (*Eraser, *log, *log) {
	messages, history := newLog(), newLog()
	return &Eraser{Namespace: ns, Log: messages, History: func(string) Log { return history }, Most: func(string) int { return 3 }}, messages, history
}

func TestMessagesAndTheirEditsAreErasedWhereTheyWereSent(t *testing.T) {
	t.Parallel()
	eraser, messages, history := newEraser()
	subject := ns.LogSubject(ns.LiveChannel("c"))
	messages.put(subject, contract.ChannelMessageID(uuid(1), "c"), "")                              // 1
	messages.put(subject, contract.ChannelMessageID(uuid(2), "c"), "")                              // 2
	messages.put(subject, uuid(100), uuid(1))                                                       // 3
	messages.put(subject, uuid(101), "")                                                            // 4, a deletion
	messages.put(ns.LogSubject(ns.LiveChannel("d")), contract.ChannelMessageID(uuid(1), "d"), "")   // 5
	messages.put(ns.LogSubject(ns.LiveUser("a")), contract.UserMessageID(uuid(3), "a"), "")         // 6
	messages.put(ns.LogSubject(ns.LiveUser("b")), contract.UserMessageID(uuid(3), "b"), "")         // 7
	messages.put(ns.LogSubject(ns.LiveUser("other")), contract.UserMessageID(uuid(3), "other"), "") // 8
	history.put(ns.HistorySubject("c"), contract.ChannelMessageID(uuid(1), "c"), "")                // 1
	history.put(ns.HistorySubject("c"), uuid(102), uuid(1))                                         // 2
	history.put(ns.HistorySubject("c"), uuid(103), uuid(2))                                         // 3
	err := eraser.Erase(t.Context(), []message.Message{
		{UUID: uuid(1), Channel: "c", PMUsers: []string{"other"}}, {UUID: uuid(9), Channel: "c"},
		{UUID: uuid(3), PMUsers: []string{"a", "b"}, ExcludeUsers: []string{"b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := messages.left(); !slices.Equal(left, []uint64{2, 4, 5, 8}) {
		t.Errorf("the log still has %v", left)
	}
	if left := history.left(); !slices.Equal(left, []uint64{3}) {
		t.Errorf("the history still has %v", left)
	}
	if messages.reads[subject] != 1 {
		t.Errorf("the channel was read %d times for two messages", messages.reads[subject])
	}
}

func TestNoOlderMessageComesBackInThePlaceOfOneThatIsGone(t *testing.T) {
	t.Parallel()
	eraser, messages, history := newEraser()
	for n := range 5 {
		messages.put(ns.LogSubject(ns.LiveChannel("c")), contract.ChannelMessageID(uuid(n), "c"), "")
		history.put(ns.HistorySubject("c"), contract.ChannelMessageID(uuid(n), "c"), "")
	}
	if err := eraser.Erase(t.Context(), []message.Message{{UUID: uuid(2), Channel: "c"}, {UUID: uuid(4), Channel: "c"}}); err != nil {
		t.Fatal(err)
	}
	if left := history.left(); !slices.Equal(left, []uint64{4}) {
		t.Errorf("of the three that showed one is left, and not %v", left)
	}
	if left := messages.left(); !slices.Equal(left, []uint64{1, 2, 4}) {
		t.Errorf("the log still has %v", left)
	}
}

func TestWhatCanNotBeErasedIsAnErrorUntilItIsGone(t *testing.T) {
	t.Parallel()
	eraser, messages, history := newEraser()
	subject := ns.LogSubject(ns.LiveChannel("c"))
	for n := range 20 {
		messages.put(subject, uuid(100+n), uuid(1))
	}
	deletions := []message.Message{{UUID: uuid(1), Channel: "c"}}
	messages.stuck = 7
	if err := eraser.Erase(t.Context(), deletions); !errors.Is(err, errAway) {
		t.Errorf("a message is stuck: %v", err)
	}
	messages.stuck, history.away = 0, true
	if err := eraser.Erase(t.Context(), deletions); !errors.Is(err, errAway) {
		t.Errorf("the history is away: %v", err)
	}
	history.away = false
	if err := eraser.Erase(t.Context(), deletions); err != nil || len(messages.left()) != 0 {
		t.Errorf("%v are left: %v", messages.left(), err)
	}
}
