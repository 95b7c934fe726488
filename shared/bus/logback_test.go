package bus_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

func TestALogIsReadFromItsNewestPart(t *testing.T) {
	t.Parallel()
	conn := newServer(t).dial()
	log := openLog(t, conn, bus.LogConfig{})
	const messages = 5000
	list := make([]bus.Outgoing, messages)
	for i := range list {
		list[i] = bus.Outgoing{Log: log, Subject: fmt.Sprint("cs.log.", i%2), ID: fmt.Sprint("id", i), Data: fmt.Append(nil, i)}
	}
	began := time.Now().Add(-time.Second)
	if _, err := conn.SendInOrder(list).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := func(subject string, until string) (read []string, downTo uint64) {
		t.Helper()
		downTo, err := log.Back(t.Context(), subject, func(e bus.LogMessage) bool {
			if at := e.At(); at.Before(began) || at.After(time.Now().Add(time.Second)) {
				t.Fatalf("%s was stored at %v", e.Data, at)
			}
			read = append(read, string(e.Data))
			return string(e.Data) == until
		})
		if err != nil {
			t.Fatal(err)
		}
		return read, downTo
	}
	for _, subject := range []string{"cs.log.>", "cs.log.1"} {
		all, downTo := back(subject, "")
		slices.Sort(all)
		want := messages
		if subject != "cs.log.>" {
			want = messages / 2
		}
		if len(slices.Compact(all)) != want || downTo != 0 {
			t.Errorf("of %s it read %d down to %d", subject, len(all), downTo)
		}
	}
	newest, _ := back("cs.log.>", fmt.Sprint(messages-3))
	if len(newest) >= messages/2 || !slices.Contains(newest, fmt.Sprint(messages-3)) {
		t.Errorf("it read %d messages to find one of the last", len(newest))
	}
	if none, _ := back("cs.log.nobody", ""); len(none) != 0 {
		t.Errorf("of a subject without messages it read %q", none)
	}
	if err := log.Trim(t.Context(), "cs.log.>", messages-9); err != nil {
		t.Fatal(err)
	}
	if rest, _ := back("cs.log.>", ""); len(rest) != 10 {
		t.Errorf("of a trimmed log it read %q", rest)
	}
}
