package scenario

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/channelstream/channelstream/shared/bus"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/tests/harness"
)

var long = flag.Bool("long", false, "tell the stories of three NATS servers at length")

// atLength is how often something is done: few times, or with -long many.
func atLength(few, many int) int {
	if *long {
		return many
	}
	return few
}

const ns = contract.DefaultNamespace

// openLog makes a log on three servers, and gives it as it is seen from each of them.
func openLog(t *testing.T, nats *harness.NATSCluster, replicas int) (logs []*bus.Log) {
	t.Helper()
	for i := range harness.NATSServers {
		conn := nats.Connect(i)
		if i == 0 {
			replicate(t, conn, replicas)
		}
		logs = append(logs, conn.BindLog(ns.LogStream()))
	}
	return logs
}

// replicate has the log kept by so many servers. As services do, it asks again when servers that have just begun do not answer.
func replicate(t *testing.T, conn *bus.Conn, replicas int) {
	t.Helper()
	config := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, replicas)
	harness.Eventually(t, "the log is open", func() bool {
		_, err := conn.OpenLog(t.Context(), config)
		return err == nil
	})
}

// store stores a message, again and again until it is acknowledged: a leader may take it with it when it goes.
func store(t *testing.T, log *bus.Log, subject, id string) (sequence uint64) {
	t.Helper()
	harness.Eventually(t, "a message is stored", func() bool {
		pending, err := log.Store(subject, id, nil, []byte(id))
		if err != nil {
			return false
		}
		within, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		at, err := pending.Wait(within)
		sequence = at.Sequence
		return err == nil
	})
	return sequence
}

func TestALogTellsWhatWasAcknowledgedWhicheverServerIsAsked(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	logs := openLog(t, nats, 1)
	n := 0
	tell := func(times int) {
		for range times {
			tellsOfMessage(t, logs, n)
			n++
		}
	}
	tell(10)
	replicate(t, nats.Connect(0), harness.NATSServers) // those who know the log with one replica learn of it
	tell(10)
	nats.AwaitCurrent()
	tell(atLength(600, 30_000))
}

// tellsOfMessage stores a message through one server and checks that all tell of it as soon as it is acknowledged.
func tellsOfMessage(t *testing.T, logs []*bus.Log, n int) {
	t.Helper()
	subject := ns.LogSubject(ns.LiveChannel(fmt.Sprint(n % 7)))
	stored := store(t, logs[n%len(logs)], subject, fmt.Sprint(n))
	var asked errgroup.Group
	for i, log := range logs {
		asked.Go(func() error {
			if end, err := log.End(t.Context()); err != nil || end < stored {
				return fmt.Errorf("server %d tells of an end at %d, %d was acknowledged: %w", i, end, stored, err)
			}
			tails, upTo, err := log.Tails(t.Context(), []string{subject})
			if err != nil || upTo < stored || tails[subject] != stored {
				return fmt.Errorf("server %d tells of a tail at %d up to %d, %d was acknowledged: %w", i, tails[subject], upTo, stored, err)
			}
			return nil
		})
	}
	if err := asked.Wait(); err != nil {
		t.Fatalf("message %d: %v", n, err)
	}
}
