package scenario

import (
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
func openLog(t *testing.T, nats *harness.NATSCluster) (conns []*bus.Conn, logs []*bus.Log) {
	t.Helper()
	config := bus.MessageLog(ns, settings.Messages{ResumeWindow: time.Minute, LogBytes: 1 << 30, LogMessages: 1 << 20}, harness.NATSServers)
	for i := range harness.NATSServers {
		conn := nats.Connect(i)
		log, err := conn.OpenLog(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		conns, logs = append(conns, conn), append(logs, log)
	}
	return conns, logs
}

func store(t *testing.T, log *bus.Log, subject, id string) uint64 {
	t.Helper()
	pending, err := log.Store(subject, id, nil, []byte(id))
	if err != nil {
		t.Fatal(err)
	}
	at, err := pending.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at.Sequence
}

func TestTailsHaveWhatWasAcknowledgedWhicheverReplicaAnswers(t *testing.T) {
	t.Parallel()
	nats := processes.StartNATSCluster(t)
	_, logs := openLog(t, nats)
	for n := range atLength(1000, 30_000) {
		subject := ns.LogSubject(ns.LiveChannel(fmt.Sprint(n % 7)))
		stored := store(t, logs[n%len(logs)], subject, fmt.Sprint(n))
		var asked errgroup.Group
		for i, log := range logs {
			asked.Go(func() error {
				tails, upTo, err := log.Tails(t.Context(), []string{subject})
				if err == nil && (upTo < stored || tails[subject] != stored) {
					err = fmt.Errorf("server %d tells of a tail at %d up to %d, %d was acknowledged", i, tails[subject], upTo, stored)
				}
				return err
			})
		}
		if err := asked.Wait(); err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
	}
}
