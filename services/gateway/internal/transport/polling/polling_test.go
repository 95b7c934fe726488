package polling_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/services/gateway/internal/frame"
	"github.com/channelstream/channelstream/services/gateway/internal/transport/polling"
	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// outlet keeps 100 bytes for a second, and says goodbye to a session that is disconnected.
func outlet() *polling.Outlet {
	return polling.New(&polling.Limits{BacklogBytes: 100, BacklogAge: time.Second}, frame.Polls, func(r contract.Reason) [][]byte {
		if r == contract.ReasonDisconnected {
			return [][]byte{[]byte("41"), []byte("41/stream,")}
		}
		return nil
	})
}

func poll() chan []byte { return make(chan []byte, 1) }

// got gives what a poll was answered with, "" if it still waits.
func got(c chan []byte) string {
	select {
	case p := <-c:
		return string(p)
	default:
		return ""
	}
}

func send(t *testing.T, o *polling.Outlet, p string, want contract.Reason) {
	t.Helper()
	if reason := o.Send([]byte(p), now); reason != want {
		t.Errorf("send %.20q: %q, want %q", p, reason, want)
	}
}

func TestAPollIsAnsweredWithWhatWasKeptOrComes(t *testing.T) {
	t.Parallel()
	o := outlet()
	send(t, o, "4a\x1e", "")
	send(t, o, "4b\x1e4c\x1e", "")
	first, second := poll(), poll()
	if !o.Poll(first) || got(first) != "4a\x1e4b\x1e4c" {
		t.Error("the first poll did not get what was kept")
	}
	if !o.Poll(second) || got(second) != "" {
		t.Error("the second poll did not wait")
	}
	send(t, o, "4d\x1e", "")
	if got(second) != "4d" {
		t.Error("the second poll did not get what came")
	}
}

func TestOnlyOnePollWaits(t *testing.T) {
	t.Parallel()
	o := outlet()
	first, second := poll(), poll()
	o.Poll(first)
	if o.Poll(second) {
		t.Error("two polls wait")
	}
	if !o.Drop(first) || o.Drop(first) {
		t.Error("a poll can be taken back once")
	}
	if !o.Poll(second) {
		t.Error("no room was made for another poll")
	}
	send(t, o, "4a\x1e", "")
	if got(first) != "" || got(second) != "4a" || o.Drop(second) {
		t.Error("the answer went to the wrong poll")
	}
}

func TestTheBacklogIsBoundedBySizeAndAge(t *testing.T) {
	t.Parallel()
	o := outlet()
	send(t, o, strings.Repeat("x", 100), "")
	send(t, o, "x", contract.ReasonSlowConsumer)
	if _, reason := o.Waiting(now.Add(time.Second)); reason != "" {
		t.Errorf("stalled at its age: %q", reason)
	}
	if _, reason := o.Waiting(now.Add(time.Second + 1)); reason != contract.ReasonSlowConsumer {
		t.Errorf("not stalled after its age: %q", reason)
	}
	o.Poll(poll())
	if _, reason := o.Waiting(now.Add(time.Hour)); reason != "" {
		t.Errorf("stalled with nothing kept: %q", reason)
	}
}

func TestAPingIsAPacket(t *testing.T) {
	t.Parallel()
	o, c := outlet(), poll()
	o.Poll(c)
	if reason := o.Ping(now); reason != "" || got(c) != "2" {
		t.Errorf("a ping: %q", reason)
	}
}

func TestWhileTheClientMovesNoPollWaitsForLong(t *testing.T) {
	t.Parallel()
	o := outlet()
	waiting, another, again := poll(), poll(), poll()
	o.Poll(waiting)
	o.Drain()
	if got(waiting) != "6" {
		t.Error("the poll that waits was not let go")
	}
	if o.Poll(another); got(another) != "" {
		t.Error("a poll does not wait a moment while the client moves")
	}
	if o.Release(); got(another) != "6" {
		t.Error("a poll waits while the client moves")
	}
	o.Resume()
	o.Poll(again)
	if o.Release(); got(again) != "" {
		t.Error("a poll does not wait although the client stayed")
	}
}

func TestTakeGivesThePacketsThatNoPollGot(t *testing.T) {
	t.Parallel()
	o := outlet()
	if packets := o.Take(); packets != nil {
		t.Errorf("an empty outlet gives %q", packets)
	}
	send(t, o, "4a\x1e4b\x1e", "")
	packets := o.Take()
	if string(packets) != "4a\x1e4b" {
		t.Errorf("took %q", packets)
	}
	if packets = o.Take(); packets != nil {
		t.Errorf("took %q twice", packets)
	}
}

func TestCloseAnswersThePollThatWaits(t *testing.T) {
	t.Parallel()
	for reason, want := range map[contract.Reason]string{
		contract.ReasonDisconnected: "41\x1e41/stream,", contract.ReasonDraining: "1", contract.ReasonProtocolError: "1",
		contract.ReasonClosed: "6", contract.ReasonHeartbeatTimeout: "",
	} {
		o, c := outlet(), poll()
		o.Poll(c)
		o.Close(reason)
		if answer := <-c; string(answer) != want || o.Left() != nil {
			t.Errorf("%s: the poll was answered with %q", reason, answer)
		}
		if o.Bye() != (reason == contract.ReasonDisconnected) {
			t.Errorf("%s: the next poll is told wrongly of the end", reason)
		}
	}
}

func TestCloseKeepsTheLastPacketsForAClientThatTakesThem(t *testing.T) {
	t.Parallel()
	for reason, want := range map[contract.Reason]string{
		contract.ReasonDisconnected: "4a\x1e41\x1e41/stream,", contract.ReasonDraining: "4a",
		contract.ReasonSlowConsumer: "", contract.ReasonHeartbeatTimeout: "", contract.ReasonRateLimited: "",
	} {
		o := outlet()
		send(t, o, "4a\x1e", "")
		o.Close(reason)
		if packets := o.Left(); string(packets) != want {
			t.Errorf("%s: %q are kept", reason, packets)
		}
		if o.Left() != nil {
			t.Errorf("%s: they are given twice", reason)
		}
	}
}
