package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/channelstream/channelstream/shared/bus"
)

// wide is a list with a message for each text, on a few subjects of the log.
func wide(log *bus.Log, isNew bool, texts ...string) []bus.Outgoing {
	list := make([]bus.Outgoing, len(texts))
	for i, text := range texts {
		list[i] = bus.Outgoing{Log: log, Subject: fmt.Sprint("cs.log.", i%3), ID: text, New: isNew, Data: []byte(text)}
	}
	return list
}

func numbers(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	return texts
}

func words(texts []string) string { return strings.Join(texts, " ") + " " }

// sendAll wants a whole list to be sent.
func sendAll(t *testing.T, c *bus.Conn, list []bus.Outgoing) {
	t.Helper()
	ctx, cancel := patiently()
	defer cancel()
	if done, err := c.SendInOrder(list).Wait(ctx); err != nil || done != len(list) {
		t.Fatalf("sent %d of %d: %v", done, len(list), err)
	}
}

// rawStream makes a stream that OpenLog would not make, which can be changed.
func rawStream(t *testing.T, s *server, change func(*jetstream.StreamConfig)) (update func(change func(*jetstream.StreamConfig))) {
	t.Helper()
	js, err := jetstream.New(s.plain())
	if err != nil {
		t.Fatal(err)
	}
	config := jetstream.StreamConfig{
		Name: "cs-log", Subjects: []string{"cs.log.>"}, AllowDirect: true, AllowBatchPublish: true, Duplicates: time.Minute,
	}
	update = func(change func(*jetstream.StreamConfig)) {
		t.Helper()
		change(&config)
		if _, err := js.CreateOrUpdateStream(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	update(change)
	return update
}

// both runs a test with a list that is known to be new, and with one that may have been sent before.
func both(t *testing.T, test func(t *testing.T, isNew bool)) {
	t.Helper()
	for _, isNew := range []bool{true, false} {
		t.Run(fmt.Sprint("new ", isNew), func(t *testing.T) {
			t.Parallel()
			test(t, isNew)
		})
	}
}

func TestAListIsStoredAndHeardInItsOrder(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, isNew bool) {
		c := newServer(t).dial()
		log := openLog(t, c, bus.LogConfig{})
		feed := c.NewIntake(5000)
		if _, err := feed.Subscribe("cs.live.>"); err != nil {
			t.Fatal(err)
		}
		texts := numbers(1203) // more than are under way at once
		sendAll(t, c, wide(log, isNew, texts...))
		if got := all(t, log); got != words(texts) {
			t.Errorf("stored %.100s…", got)
		}
		for i, text := range texts {
			if m := <-feed.C(); string(m.Data) != text {
				t.Fatalf("number %d that was heard is %s", i, m.Data)
			}
		}
	})
}

func all(t *testing.T, log *bus.Log) string {
	t.Helper()
	return texts(t, log, "cs.log.>", 0)
}

func TestAListStopsWhereItIsRefused(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, isNew bool) {
		s := newServer(t)
		update := rawStream(t, s, func(c *jetstream.StreamConfig) {
			c.Discard, c.DiscardNewPerSubject, c.MaxMsgsPerSubject = jetstream.DiscardNew, true, 2
		})
		c := s.dial()
		log := c.BindLog("cs-log")
		list := wide(log, isNew, numbers(20)...)
		for i := range list {
			list[i].Subject = fmt.Sprint("cs.log.own", i)
		}
		for _, i := range []int{4, 7, 9} { // there is no room for the last of these
			list[i].Subject = "cs.log.same"
		}
		done, err := c.SendInOrder(list).Wait(t.Context())
		if done != 9 || !errors.Is(err, bus.ErrUnavailable) {
			t.Fatalf("sent %d: %v", done, err)
		}
		if got := all(t, log); got != words(numbers(9)) {
			t.Errorf("stored %s", got)
		}
		update(func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 3 })
		sendAll(t, c, list[done:])
		if got := all(t, log); got != words(numbers(20)) {
			t.Errorf("stored %s", got)
		}
	})
}

func TestAListThatIsSentAgainIsCompletedBehindWhatIsThere(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	log := openLog(t, c, bus.LogConfig{})
	sendAll(t, c, wide(log, true, numbers(4)...))
	sendAll(t, c, wide(log, true, "other"))
	list := wide(log, false, numbers(10)...)
	sendAll(t, c, list)
	if got, want := all(t, log), words(numbers(4))+"other "+words(numbers(10)[4:]); got != want {
		t.Errorf("stored %s", got)
	}
	for i, m := range list {
		if want := uint64(i + 1); i < 4 && m.Before != want || i >= 4 && m.Before != 0 {
			t.Errorf("message %d lay at %d before", i, m.Before)
		}
	}
}

// So often that the two would change places some time, were they sent at once.
func TestAMessageThatGoesStraightDoesNotOvertakeWhatIsStored(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, listener := s.dial(), s.dial()
	log := openLog(t, c, bus.LogConfig{})
	feed := listener.NewIntake(5000)
	if _, err := feed.Subscribe("cs.live.>"); err != nil {
		t.Fatal(err)
	}
	if err := listener.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for round := range 100 {
		list := wide(log, false, fmt.Sprint("a", round), fmt.Sprint("b", round), fmt.Sprint("c", round), fmt.Sprint("d", round))
		for _, i := range []int{1, 3} {
			list[i].Log, list[i].Subject = nil, "cs.live.straight"
		}
		sendAll(t, c, list)
		for _, m := range list {
			if got := <-feed.C(); string(got.Data) != string(m.Data) {
				t.Fatalf("heard %s instead of %s", got.Data, m.Data)
			}
		}
	}
}

func TestWhatComesBehindARefusedMessageDoesNotGoOut(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	feed := c.NewIntake(10)
	if _, err := feed.Subscribe("cs.live.>"); err != nil {
		t.Fatal(err)
	}
	list := wide(c.BindLog("cs-log"), true, "straight", "stored", "straight too")
	list[0].Log, list[0].Subject = nil, "cs.live.a"
	list[2].Log, list[2].Subject = nil, "cs.live.a"
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if done, err := c.SendInOrder(list).Wait(ctx); done != 1 || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("sent %d: %v", done, err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := <-feed.C(); string(m.Data) != "straight" || len(feed.C()) != 0 {
		t.Errorf("heard %s, and %d more", m.Data, len(feed.C()))
	}
}

func TestAMessageThatNATSCanNotHoldEndsItsList(t *testing.T) {
	t.Parallel()
	c := newServer(t).dial()
	log := openLog(t, c, bus.LogConfig{})
	list := wide(log, true, numbers(6)...)
	list[3].Data = make([]byte, c.MaxPayload()+1)
	if done, err := c.SendInOrder(list).Wait(t.Context()); done != 3 || !errors.Is(err, bus.ErrTooLarge) {
		t.Errorf("sent %d: %v", done, err)
	}
	if got := all(t, log); got != words(numbers(3)) {
		t.Errorf("stored %s", got)
	}
}

func TestALogThatTakesNoBatchesGetsAListOneByOne(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	rawStream(t, s, func(c *jetstream.StreamConfig) { c.AllowBatchPublish = false })
	c := s.dial()
	log := c.BindLog("cs-log")
	sendAll(t, c, wide(log, true, numbers(50)...))
	if got := all(t, log); got != words(numbers(50)) {
		t.Errorf("stored %s", got)
	}
}

func TestLargeMessagesDoNotFloodALog(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	rawStream(t, s, func(*jetstream.StreamConfig) {})
	c := s.dial()
	log := c.BindLog("cs-log")
	list := wide(log, true, numbers(30)...)
	for i := range list {
		list[i].Data = []byte(strings.Repeat("x", 900<<10))
	}
	sendAll(t, c, list)
	state, err := log.State(t.Context())
	if err != nil || state.Messages != 30 {
		t.Errorf("%d are stored, %v", state.Messages, err)
	}
}

// Whoever sends goes on where it stopped, and NATS goes away in the middle.
func TestAListKeepsItsOrderWhileNATSRestarts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := s.dial()
	log := openLog(t, c, bus.LogConfig{})
	ctx, cancel := patiently()
	defer cancel()
	texts := numbers(3000)
	list := wide(log, true, texts...)
	for round := 0; len(list) > 0 && ctx.Err() == nil; round++ {
		eventually(t, "NATS is there", c.Connected)
		out := make(chan int)
		go func() {
			done, _ := c.SendInOrder(list[:min(1500, len(list))]).Wait(ctx) // what does not go out is sent again
			out <- done
		}()
		if round == 0 {
			s.stop()
			s.start()
		}
		list = list[<-out:]
	}
	if got := all(t, log); got != words(texts) {
		t.Errorf("stored %d of %d bytes", len(got), len(words(texts)))
	}
}
