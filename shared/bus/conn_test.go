package bus_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
)

func TestPublishReachesEverySubjectOfAFeed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	receiver, sender := s.dial(), s.dial()
	feed := receiver.NewIntake(16)
	ctx, cancel := patiently()
	defer cancel()
	var subs []*bus.Subscription
	for _, subject := range []string{"one", "two"} {
		sub, err := feed.Subscribe(subject)
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	if err := receiver.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"one", "two", "three"} {
		if err := sender.Publish(subject, bus.Header{"Cs-Pm": {"a,b"}}, []byte(subject)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "two"} {
		select {
		case m := <-feed.C():
			if m.Subject != want || string(m.Data) != want || m.Header.Get("Cs-Pm") != "a,b" {
				t.Errorf("got %s %s %v", m.Subject, m.Data, m.Header)
			}
		case <-ctx.Done():
			t.Fatal("no message")
		}
	}
	if err := subs[0].Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(receiver.Flush(ctx), sender.Publish("one", nil, nil), sender.Publish("two", nil, nil)); err != nil {
		t.Fatal(err)
	}
	if m := <-feed.C(); m.Subject != "two" {
		t.Errorf("got %s after it was left", m.Subject)
	}
}

func TestPublishOfTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	conn := newServer(t).dial()
	err := conn.Publish("one", nil, make([]byte, conn.MaxPayload()+1))
	if !errors.Is(err, bus.ErrTooLarge) || errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWhileNATSIsAwayEverythingFailsAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	receiver, conn := s.dial(), s.dial()
	b := openBucket(t, conn, 0)
	var lost, back atomic.Int32
	stop := conn.OnChange(func(up bool) {
		if up {
			back.Add(1)
		} else {
			lost.Add(1)
		}
	})
	feed := receiver.NewIntake(4)
	if _, err := feed.Subscribe("one"); err != nil {
		t.Fatal(err)
	}
	s.stop()
	eventually(t, "the loss is noticed", func() bool { return !conn.Connected() && lost.Load() == 1 })
	ctx, cancel := patiently()
	defer cancel()
	began := time.Now()
	_, called := call(conn, "x", question{})
	_, put := b.Put(ctx, "key", []byte("1"))
	for what, err := range map[string]error{
		"publish": conn.Publish("one", nil, []byte("stale")), "call": called, "put": put, "check": conn.Check(ctx),
	} {
		if !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	s.start()
	eventually(t, "both are back", func() bool { return conn.Check(ctx) == nil && receiver.Connected() && back.Load() == 1 })
	if err := errors.Join(receiver.Flush(ctx), conn.Publish("one", nil, []byte("fresh"))); err != nil {
		t.Fatal(err)
	}
	if m := <-feed.C(); string(m.Data) != "fresh" {
		t.Errorf("got %q: what failed was kept and sent", m.Data)
	}
	stop()
	if _, err := b.Get(ctx, "key"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("a put that failed took effect: %v", err)
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := patiently()
	cancel()
	_, err := bus.Connect(ctx, bus.Options{URL: "nats://127.0.0.1:1", Logger: quiet()})
	if !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestADrainedConnectionIsNone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := patiently()
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Options{InProcess: s.running, Name: "x", Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Check(ctx); err != nil {
		t.Error(err)
	}
	if err := conn.Drain(ctx); err != nil {
		t.Error(err)
	}
	if conn.Connected() || !errors.Is(conn.Publish("x", nil, nil), bus.ErrUnavailable) {
		t.Error("it is still connected")
	}
}
