package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// fill puts messages of so many bytes into a channel.
func (s *stage) fill(channel string, messages, bytes int) {
	s.t.Helper()
	for n := range messages {
		s.put(channel, contract.ChannelMessageID(uuidOf(n), channel), nil, sized(n, bytes))
	}
}

// sized is a message of so many bytes.
func sized(n, bytes int) string {
	head := fmt.Sprintf(`{"message":%d,"pad":"`, n)
	return head + strings.Repeat("x", bytes-len(head)-2) + `"}`
}

func TestTheNewestMessagesShareTheRoomOfOneAnswer(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.fill("small", 3, 100)
	s.fill("large", 40, 50_000)
	s.fill("larger", 10, 250_000)
	s.fill("middle", 10, 20_000)
	recall, err := s.Read(t.Context(), map[string]int{"small": 0, "large": 0, "larger": 0, "middle": 0, "nothing": 0})
	if err != nil {
		t.Fatal(err)
	}
	defer recall.Release()
	share := (maxAnswer - 10*20_001 - 3*101) / 2
	total := 0
	for channel, want := range map[string]struct{ posted, bytes, shown int }{
		"small": {3, 100, 3}, "middle": {10, 20_000, 10}, "nothing": {0, 0, 0},
		"larger": {10, 250_000, share / 250_001}, "large": {40, 50_000, share / 50_001},
	} {
		got := recall.Channels[channel]
		if got.Truncated != (want.shown < want.posted) {
			t.Errorf("%s: truncated is %t", channel, got.Truncated)
		}
		if n := len(got.Messages); n < want.shown { // more, where a message of another did not fit into its share
			t.Errorf("%s shows %d messages, want %d", channel, n, want.shown)
		}
		total += len(got.Messages) * (want.bytes + 1)
		for i, m := range got.Messages {
			if n := want.posted - len(got.Messages) + i; string(m) != sized(n, want.bytes) {
				t.Fatalf("message %d of %s is %.40s, want number %d", i, channel, m, n)
			}
		}
	}
	if total > maxAnswer {
		t.Errorf("%d bytes are shown, want at most %d", total, maxAnswer)
	}
	if got := slotsTaken(s); got != 1 {
		t.Errorf("%d slots are taken, want one", got)
	}
}

func slotsTaken(s *stage) int { return len(s.large) }

func TestAChannelThatShowsAsManyAsItShallIsNotTruncated(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.fill("a", 20, 100_000)
	for size, truncated := range map[int]bool{3: false, 10: false, 11: true} {
		recall, err := s.Read(t.Context(), map[string]int{"a": size})
		if err != nil {
			t.Fatal(err)
		}
		if got := recall.Channels["a"]; len(got.Messages) != min(size, 10) || got.Truncated != truncated {
			t.Errorf("of %d messages %d are shown; truncated is %t", size, len(got.Messages), got.Truncated)
		}
		recall.Release()
	}
}

func TestLargeRecallsWaitForOthersAndSmallOnesDoNot(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.fill("large", 12, 100_000)
	s.fill("small", 2, 100)
	var held []*Recall
	for range mostLarge {
		recall, err := s.Read(t.Context(), map[string]int{"large": 0})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, recall)
	}
	s.want("small", 0, sized(0, 100), sized(1, 100))
	within, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Read(within, map[string]int{"large": 0, "small": 0}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one more is read: %v", err)
	}
	next := make(chan error, 1)
	go func() {
		recall, err := s.Read(t.Context(), map[string]int{"large": 0})
		if err == nil {
			recall.Release()
		}
		next <- err
	}()
	held[0].Release()
	if err := <-next; err != nil {
		t.Error(err)
	}
	for _, recall := range held[1:] {
		recall.Release()
	}
	if got := slotsTaken(s); got != 0 {
		t.Errorf("%d slots are still taken", got)
	}
}

func TestWhatCanNotBeReadLetsItsMemoryGo(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	s.fill("large", 12, 100_000)
	s.put("large", contract.ChannelMessageID(uuidOf(99), "large"), nil, `{"broken`)
	s.edit("large", 99, `{"message":1}`)
	if recall, err := s.Read(t.Context(), map[string]int{"large": 0}); err == nil {
		t.Errorf("read %v", maps.Keys(recall.Channels))
	}
	if got := slotsTaken(s); got != 0 {
		t.Errorf("%d slots are taken", got)
	}
}
