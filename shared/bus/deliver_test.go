package bus_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

func TestADeliveryOfAnySizeComesWholeAndItsSenderKnows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	from, to := s.dial(), s.dial()
	for _, size := range []int{0, 1, 512 << 10, 512<<10 + 1, 3 << 20} {
		ctx, cancel := patiently()
		inbox, err := to.OpenInbox(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		sent := bytes.Repeat([]byte{'x'}, size)
		delivered := make(chan error, 1)
		go func() { delivered <- from.Deliver(ctx, inbox.Subject, sent) }()
		got, err := to.Receive(ctx, <-inbox.C)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("of %d bytes %d came: %v", size, len(got), err)
		}
		if err := <-delivered; err != nil {
			t.Errorf("the sender of %d bytes is told %v", size, err)
		}
		inbox.Close()
		cancel()
	}
}

func TestTheSenderOfADeliveryLearnsThatNobodyTakesIt(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	from, to := s.dial(), s.dial()
	ctx, cancel := patiently()
	defer cancel()
	if err := from.Deliver(ctx, "test.nobody", []byte("x")); !errors.Is(err, bus.ErrNobody) {
		t.Errorf("to nobody: %v", err)
	}
	inbox, err := to.OpenInbox(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	waiting, giveUp := context.WithCancel(ctx)
	delivered := make(chan error, 1)
	go func() { delivered <- from.Deliver(waiting, inbox.Subject, []byte("x")) }()
	<-inbox.C // and nothing more is done with it
	giveUp()
	if err := <-delivered; err == nil {
		t.Error("what nobody took is delivered")
	}
}

func TestAMessageToNobodyIsRepliedTo(t *testing.T) {
	t.Parallel()
	conn := newServer(t).dial()
	inbox, err := conn.OpenInbox(1)
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	if err := conn.Send(&bus.Msg{Subject: "test.nobody", Reply: inbox.Subject}); err != nil {
		t.Fatal(err)
	}
	if reply := <-inbox.C; !bus.IsNobody(reply) {
		t.Errorf("got %v", reply)
	}
}
