package bus_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

func openLog(t *testing.T, c *bus.Conn, config bus.LogConfig) *bus.Log {
	t.Helper()
	config.Name, config.Subjects, config.Live = "cs-log", "cs.log.>", "cs.live.>"
	config.Bytes = 1 << 20
	log, err := c.OpenLog(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func store(t *testing.T, log *bus.Log, subject, id, text string) uint64 {
	t.Helper()
	pending, err := log.Store(subject, id, nil, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	at, err := pending.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at.Sequence
}

func texts(t *testing.T, log *bus.Log, subject string, after uint64) string {
	t.Helper()
	all := ""
	for more := true; more; {
		entries, rest, err := log.Range(t.Context(), subject, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all += string(e.Data) + " "
			after = e.Sequence
		}
		more = rest
	}
	return all
}

func TestALogIsReadBySubjectFromAnySequence(t *testing.T) {
	t.Parallel()
	log := openLog(t, newServer(t).dial(), bus.LogConfig{})
	for i := range 6 {
		store(t, log, fmt.Sprintf("cs.log.%d", i%2), fmt.Sprint("id", i), fmt.Sprint(i))
	}
	if got := texts(t, log, "cs.log.0", 0); got != "0 2 4 " {
		t.Error(got)
	}
	if got := texts(t, log, "cs.log.1", 2); got != "3 5 " {
		t.Error(got)
	}
	if got := texts(t, log, "cs.log.1", 6); got != "" {
		t.Error(got)
	}
	tails, upTo, err := log.Tails(t.Context(), []string{"cs.log.0", "cs.log.1", "cs.log.2"})
	if err != nil || upTo != 6 || len(tails) != 2 || tails["cs.log.0"] != 5 || tails["cs.log.1"] != 6 {
		t.Errorf("%v up to %d, %v", tails, upTo, err)
	}
	state, err := log.State(t.Context())
	if err != nil || state.First != 1 || state.Last != 6 || state.Messages != 6 || state.Replicas != 1 {
		t.Errorf("%+v, %v", state, err)
	}
	if _, upTo, err := log.Tails(t.Context(), nil); err != nil || upTo != 6 && upTo != 7 {
		t.Errorf("up to %d, %v", upTo, err)
	}
	if tails, upTo, err := log.Tails(t.Context(), []string{"cs.log.2"}); err != nil || upTo < 6 || tails["cs.log.2"] != 0 {
		t.Errorf("%v up to %d, %v", tails, upTo, err)
	}
}

func TestEveryMessageOfASubjectIsRead(t *testing.T) {
	t.Parallel()
	log := openLog(t, newServer(t).dial(), bus.LogConfig{})
	const many = 2500 // more than one answer holds
	var pending []*bus.Pending
	for i := range many {
		for _, subject := range []string{"cs.log.a", "cs.log.b"} {
			p, err := log.Store(subject, fmt.Sprint(subject, i), nil, []byte(fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			pending = append(pending, p)
		}
	}
	for _, p := range pending {
		if _, err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := log.Each(t.Context(), "cs.log.b", 0, func(e bus.LogMessage) error {
		if string(e.Data) != fmt.Sprint(n) || e.ID() != fmt.Sprint("cs.log.b", n) {
			return fmt.Errorf("number %d is %s with the id %s", n, e.Data, e.ID())
		}
		n++
		return nil
	})
	if err != nil || n != many {
		t.Errorf("%d of %d were read: %v", n, many, err)
	}
	enough := errors.New("enough")
	n = 0
	if err := log.Each(t.Context(), "cs.log.a", 0, func(bus.LogMessage) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("went on to %d with %v", n, err)
	}
	if err := log.Each(t.Context(), "cs.log.c", 0, func(bus.LogMessage) error { return enough }); err != nil {
		t.Errorf("a subject without messages: %v", err)
	}
}

func TestWhatIsErasedOrTrimmedIsGone(t *testing.T) {
	t.Parallel()
	log := openLog(t, newServer(t).dial(), bus.LogConfig{})
	for i := range 6 {
		store(t, log, "cs.log.a", fmt.Sprint("id", i), fmt.Sprint(i))
	}
	for range 2 { // the second time it is gone already
		if err := log.Erase(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Trim(t.Context(), "cs.log.a", 3); err != nil {
		t.Fatal(err)
	}
	if err := log.Trim(t.Context(), "cs.log.b", 6); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, log, "cs.log.a", 0); got != "2 4 5 " {
		t.Error(got)
	}
}

func TestALogKeepsSoManyOfASubject(t *testing.T) {
	t.Parallel()
	log := openLog(t, newServer(t).dial(), bus.LogConfig{PerSubject: 2, Age: time.Minute})
	for i := range 5 {
		store(t, log, "cs.log.a", fmt.Sprint("id", i), fmt.Sprint(i))
	}
	if got := texts(t, log, "cs.log.a", 0); got != "3 4 " {
		t.Error(got)
	}
	if err := log.Erase(t.Context(), 1); err != nil {
		t.Errorf("erase what is gone by itself: %v", err)
	}
}

func TestTheEndOfALogIsKnownAlsoWhenNothingIsKept(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	log := openLog(t, c, bus.LogConfig{First: 1000})
	want := func(end uint64) {
		t.Helper()
		if got, err := log.End(t.Context()); err != nil || got != end {
			t.Errorf("the end is %d, %v; want %d", got, err, end)
		}
	}
	want(999)
	store(t, log, "cs.log.a", "one", "1")
	want(1000)
	if err := log.Trim(t.Context(), "cs.log.a", 1001); err != nil {
		t.Fatal(err)
	}
	want(1000)
	log = openLog(t, c, bus.LogConfig{First: 5000, Age: time.Minute}) // it is there already, and goes on
	if at := store(t, log, "cs.log.a", "two", "2"); at != 1001 {
		t.Errorf("the next message has the sequence %d", at)
	}
}

func TestReadingALogThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	log := newServer(t).dial().BindLog("cs-log")
	if _, err := log.End(t.Context()); !errors.Is(err, bus.ErrNoLog) {
		t.Errorf("the end of no log: %v", err)
	}
	if _, _, err := log.Range(t.Context(), "cs.log.a", 0, 1); err == nil {
		t.Error("an empty answer without an end was taken for all there is")
	}
	if _, _, err := log.Tails(t.Context(), []string{"cs.log.a"}); err == nil {
		t.Error("there are tails of nothing")
	}
	if err := log.Each(t.Context(), "cs.log.a", 0, func(bus.LogMessage) error { return nil }); err == nil {
		t.Error("all of nothing was read")
	}
}

func TestWhatALogThatIsNotThereRefusesCanBeStoredLater(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	refused, err := c.BindLog("cs-log").Store("cs.log.a", "one", nil, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refused.Wait(t.Context()); !errors.Is(err, bus.ErrNoLeader) || !errors.Is(err, bus.ErrUnavailable) {
		t.Fatalf("no log: %v", err)
	}
	log := openLog(t, c, bus.LogConfig{})
	if got := texts(t, log, "cs.log.a", 0); got != "" {
		t.Error(got)
	}
	for _, duplicate := range []bool{false, true} {
		again, err := log.Store("cs.log.a", "one", nil, []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		if at, err := again.Wait(t.Context()); err != nil || at.Duplicate != duplicate {
			t.Fatalf("stored at %+v, %v", at, err)
		}
	}
	if got := texts(t, log, "cs.log.a", 0); got != "1 " {
		t.Error(got)
	}
}

func TestTheNewestOfASubjectAreFoundWithoutReadingItAll(t *testing.T) {
	t.Parallel()
	log := openLog(t, newServer(t).dial(), bus.LogConfig{})
	var last uint64
	for i := range 300 {
		store(t, log, "cs.log.often", fmt.Sprint("often", i), "")
		last = store(t, log, fmt.Sprint("cs.log.", i), fmt.Sprint("once", i), "")
	}
	for _, story := range []struct {
		subject      string
		after        uint64
		most         int
		least, found int // messages behind what is found
	}{
		{"cs.log.often", 0, 50, 25, 50},
		{"cs.log.often", 101, 200, 101, 200},
		{"cs.log.often", 501, 60, 49, 49},
		{"cs.log.often", last, 50, 0, 0},
		{"cs.log.often", 0, 1, 0, 1},
		{"cs.log.7", 0, 50, 1, 1},
		{"cs.log.none", 0, 50, 0, 0},
	} {
		at, err := log.Newest(t.Context(), story.subject, story.after, story.most)
		if err != nil {
			t.Fatal(err)
		}
		behind, _, err := log.Range(t.Context(), story.subject, at, 1000)
		if n := len(behind); err != nil || at < story.after || n < story.least || n > story.found {
			t.Errorf("%+v: behind %d there are %d, %v", story, at, n, err)
		}
	}
}
