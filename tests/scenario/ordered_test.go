package scenario

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/tests/harness"
)

// listed sends numbered messages to a log, list after list. What of a list does not go out is sent again.
type listed struct {
	conn *bus.Conn
	log  *bus.Log
	sent atomic.Int64
}

func (l *listed) run(ctx context.Context) {
	const many = 300
	for ctx.Err() == nil {
		list := make([]bus.Outgoing, many)
		for i := range list {
			text := fmt.Sprint(int(l.sent.Load()) + i)
			list[i] = bus.Outgoing{Log: l.log, Subject: ns.LogSubject(ns.LiveChannel("news")), ID: text, Data: []byte(text)}
		}
		within, cancel := context.WithTimeout(ctx, time.Second) // less than an election takes
		done, _ := l.conn.SendInOrder(list).Wait(within)
		cancel()
		l.sent.Add(int64(done))
	}
}

// flow returns when the next lists are stored.
func (l *listed) flow(t *testing.T) {
	t.Helper()
	before := l.sent.Load()
	harness.Eventually(t, "more is stored", func() bool { return l.sent.Load() > before+300 })
}

func TestListsKeepTheirOrderWhileTheLogElectsLeaders(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	l := &listed{conn: nats.Connect(0)}
	var err error
	config := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Hour, LogBytes: 1 << 28, LogMessages: 1 << 20}, harness.NATSServers)
	if l.log, err = l.conn.OpenLog(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	for range atLength(8, 40) {
		l.flow(t)
		nats.StepDown(ns.LogStream())
	}
	leader := nats.LeaderOf(ns.LogStream())
	for leader == 0 { // that is where this test is connected
		nats.StepDown(ns.LogStream())
		leader = nats.LeaderOf(ns.LogStream())
	}
	nats.Kill(leader)
	l.flow(t)
	cancel()
	<-ended
	stored := 0
	err = l.log.Each(t.Context(), ns.LogSubject(ns.LiveChannel("news")), 0, func(e bus.LogMessage) error {
		if string(e.Data) != fmt.Sprint(stored) {
			return fmt.Errorf("number %d is %s", stored, e.Data)
		}
		stored++
		return nil
	})
	if err != nil || stored < int(l.sent.Load()) {
		t.Errorf("%d are stored, %d were sent: %v", stored, l.sent.Load(), err)
	}
}
