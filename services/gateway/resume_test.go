package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/gatewaytest"
	"github.com/channelstream/channelstream/shared/contract"
)

// said is a message as the api stores it; got, late and live are as clients get it.
func said(n int) string { return fmt.Sprintf(`{"n":%d,"catchup":false}`, n) }

func live(n int, offset uint64) string {
	return fmt.Sprintf(`{"n":%d,"catchup":false,"offset":%d}`, n, offset)
}

func late(n int, offset uint64) string {
	return fmt.Sprintf(`{"n":%d,"catchup":true,"offset":%d}`, n, offset)
}

func TestAPlainSocketGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news", "sport")
	s := g.Plain("c1")
	first := g.Store("news", said(1))
	s.Want("[" + live(1, first) + "]")
	s.Drop()
	two, three, four := g.Store("news", said(2)), g.StoreToUser("alice", said(3)), g.Store("sport", said(4))
	g.Store("other", said(5))
	s = g.Dial(fmt.Sprintf("/ws?conn_id=c1&since=%d", first))
	s.Want("[" + late(2, two) + "," + late(3, three) + "," + late(4, four) + "]")
	six := g.Store("news", said(6))
	s.Want("[" + live(6, six) + "]")
	s.WantNothing()
}

func TestWhatTheLogNoLongerHasIsCalledMissedAndWhatItHasComes(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	first := g.Store("news", said(1))
	for _, since := range []uint64{0, 17, first - 2} {
		s := g.Dial(fmt.Sprintf("/ws?conn_id=c1&since=%d", since))
		s.Want(fmt.Sprintf(`[{"type":"missed","channel":null,"since":%d}]`, since))
		s.Want(fmt.Sprintf(`[{"type":"offset","offset":%d}]`, first-1))
		s.Want("[" + late(1, first) + "]")
		s.WantNothing()
	}
	for _, since := range []uint64{first + 1000, 1 << 63} { // of a log that is lost
		s := g.Dial(fmt.Sprintf("/ws?conn_id=c1&since=%d", since))
		s.Want(fmt.Sprintf(`[{"type":"missed","channel":null,"since":%d}]`, since))
		s.Want(`[{"type":"offset","offset":`)
		two := g.Store("news", said(2))
		s.Want("[" + live(2, two) + "]")
		s.WantNothing()
	}
}

func TestAnOffsetThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	for _, since := range []string{"x", "-1", "1.5", "18446744073709551616", "1e3"} {
		g.Dial("/ws?conn_id=c1&since="+since).WantClose(1002, "protocol_error")
	}
	if g.Presence.Holds("c1") {
		t.Error("a refused client holds the connection")
	}
}

func TestWhatCameBetweenConnectAndOpenComesFirst(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news", "sport")
	before := g.Store("news", said(0))
	g.Presence.CatchUp("c1", before)
	one, two := g.Store("sport", said(1)), g.StoreToUser("alice", said(2))
	only := g.Store("news", said(3), contract.HeaderPM, "alice,bob")
	g.Store("news", said(4), contract.HeaderPM, "bob")
	g.Store("news", said(5), contract.HeaderExclude, "alice")
	s := g.Plain("c1")
	s.Want("[" + late(1, one) + "," + late(2, two) + "," + late(3, only) + "]")
	s.WantNothing()
	s.Drop()
	gatewaytest.Eventually(t, "the socket is gone", func() bool { return !g.Presence.Holds("c1") })
	six := g.Store("news", said(6))
	s = g.Plain("c1") // it does not say where it stopped: the gateway knows
	s.Want("[" + late(6, six) + "]")
	s.WantNothing()
}

func TestCatchUpGivesTheNewestHundredOfAChannelAndFiftyPrivateOnes(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news", "sport")
	g.Presence.CatchUp("c1", g.Store("news", said(0)))
	for n := range 150 {
		g.Store("news", said(1000+n))
		g.StoreToUser("alice", said(2000+n))
	}
	g.Store("sport", said(3000))
	s := g.Plain("c1")
	got := s.Next()
	for text, want := range map[string]int{`{"n":10`: 50, `{"n":11`: 50, `{"n":20`: 0, `{"n":21`: 50, `{"n":3`: 1} {
		if n := strings.Count(got, text); n != want {
			t.Errorf("%d messages begin with %s, want %d", n, text, want)
		}
	}
	s.WantNothing()
}

const uuid1, uuid2 = "09d65887-4e12-46d1-96d1-e8441645235b", "7a8f9510-5764-42d4-ae94-136c37cc19d4"

func TestEditsAndDeletionsReachThoseWhoCatchUp(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", said(0)))
	one := g.StoreAs(uuid1, "news", `{"message":1,"edited":null,"catchup":false}`)
	g.StoreAs(uuid2, "news", `{"message":"secret","edited":null,"catchup":false}`)
	g.Store("news", `{"message":"secret too"}`, contract.HeaderEdit, uuid2)
	edit := g.Store("news", `{"message":2,"edited":"now"}`, contract.HeaderEdit, uuid1)
	gone := g.Store("news", `{"type":"message:delete"}`, contract.HeaderDelete, uuid2)
	s := g.Plain("c1")
	s.Want(fmt.Sprintf(`[{"message":2,"edited":"now","catchup":true,"offset":%d},`+
		`{"message":2,"edited":"now","catchup":true,"offset":%d},{"type":"message:delete","catchup":true,"offset":%d}]`, one, edit, gone))
	again := g.Store("news", `{"message":3}`, contract.HeaderEdit, uuid1)
	s.Want(fmt.Sprintf(`[{"message":3,"offset":%d}]`, again)) // live, an edit has no catchup key
}

func TestAClientThatReadsSlowlyGetsAllThatItMissed(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64KiB", "CHANNELSTREAM_MAX_MESSAGE=32KiB")
	g.Presence.Register("c1", "alice", "news")
	since := g.Store("news", said(0))
	pad := strings.Repeat("x", 20_000)
	const many = 200 // four megabytes, much more than may wait for a client
	for n := range many {
		g.Store("news", fmt.Sprintf(`{"n":%d,"pad":%q,"catchup":false}`, n, pad))
	}
	s := g.Dial(fmt.Sprintf("/ws?conn_id=c1&since=%d", since))
	g.Store("news", said(many))
	next := 0
	for next <= many {
		for _, part := range strings.Split(s.Next(), `{"n":`)[1:] {
			if want := fmt.Sprint(next, ","); !strings.HasPrefix(part, want) {
				t.Fatalf("got %.10s, want %s", part, want)
			}
			next++
		}
	}
	g.Store("news", said(many+1))
	s.Want(fmt.Sprintf(`[{"n":%d,"catchup":false`, many+1))
}

func TestAClientThatIsTakenOutOfAChannelWhileItCatchesUpGetsNoMoreOfIt(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_BACKLOG_BYTES=64KiB", "CHANNELSTREAM_MAX_MESSAGE=32KiB")
	g.Presence.Register("c1", "alice", "a", "b")
	since := g.Store("a", said(0))
	pad := strings.Repeat("x", 20_000)
	for range 200 {
		g.Store("a", fmt.Sprintf(`{"in":"a","pad":%q,"catchup":false}`, pad))
	}
	s := g.Dial(fmt.Sprintf("/ws?conn_id=c1&since=%d", since))
	if answer := g.Presence.Move("c1", "b"); !answer.Held {
		t.Fatal("the gateway says it does not hold the session")
	}
	g.Store("a", `{"in":"a","late":1,"catchup":false}`)
	last := g.Store("b", said(1))
	for {
		got := s.Next()
		if strings.Contains(got, `"late":1`) {
			t.Fatal("it got a message of a channel that it was taken out of")
		}
		if strings.Contains(got, `{"n":1,`) {
			break
		}
	}
	g.Store("a", said(2))
	three := g.Store("b", said(3))
	s.Want("[" + live(3, three) + "]")
	if three <= last {
		t.Error("the log goes backwards")
	}
}

func TestAClientThatKeepsOffsetsIsToldOfThemWhenItGetsNothing(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t, "CHANNELSTREAM_HEARTBEAT_INTERVAL=100ms")
	g.Presence.Register("c1", "alice", "news")
	g.Presence.Register("c2", "bob", "news")
	s, silent := g.Dial("/ws?conn_id=c1&since="), g.Plain("c2")
	other := g.Store("other", said(1)) // nobody here is in that channel
	for want := fmt.Sprintf(`[{"type":"offset","offset":%d}]`, other); ; {
		if got := s.Next(); got == want {
			break
		} else if !strings.HasPrefix(got, `[{"type":"offset","offset":`) {
			t.Fatalf("got %s", got)
		}
	}
	two := g.Store("news", said(2))
	silent.Want("[" + live(2, two) + "]")
}

// A page that is reloaded has forgotten its offset, and gives an empty one again.
func TestAPlainSocketWithAnEmptySinceGoesOnWhereItWasLeft(t *testing.T) {
	t.Parallel()
	g := gatewaytest.Start(t)
	g.Presence.Register("c1", "alice", "news")
	g.Presence.CatchUp("c1", g.Store("news", said(0))) // as /connect does
	one := g.Store("news", said(1))
	s := g.Dial("/ws?conn_id=c1&since=")
	s.Want(`[{"type":"offset","offset":`)
	s.Want("[" + late(1, one) + "]")
	two := g.Store("news", said(2))
	s.Want("[" + live(2, two) + "]")
	s.Drop()
	gatewaytest.Eventually(t, "the socket is gone", func() bool { return !g.Presence.Holds("c1") })
	three := g.Store("news", said(3))
	s = g.Dial("/ws?conn_id=c1&since=")
	s.Want(fmt.Sprintf(`[{"type":"offset","offset":%d}]`, two))
	s.Want("[" + late(3, three) + "]")
	s.WantNothing()
}
