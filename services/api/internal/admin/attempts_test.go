package admin

import (
	"net/netip"
	"testing"
	"time"
)

func network(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
}

func TestWhoGuessesHasToWait(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a := newAttempts(func() time.Time { return now })
	for i := range mostAttempts {
		if wait := a.begin(network(1)); wait != 0 {
			t.Fatalf("attempt %d waits %v", i+1, wait)
		}
	}
	if wait := a.begin(network(1)); wait != attemptEvery {
		t.Errorf("one too many waits %v", wait)
	}
	if a.begin(network(2)) != 0 {
		t.Error("another address waits too")
	}
	if now = now.Add(attemptEvery - time.Second); a.begin(network(1)) != time.Second {
		t.Error("the wait does not end")
	}
	if now = now.Add(time.Second); a.begin(network(1)) != 0 || a.begin(network(1)) == 0 {
		t.Error("after a pause there is not one more")
	}
	if a.succeeded(network(1)); a.begin(network(1)) != 0 {
		t.Error("who knows the secret waits")
	}
}

// Addresses are cheap to whoever has an IPv6 network; the memory of them is bounded.
func TestTheMemoryOfAttemptsIsBounded(t *testing.T) {
	t.Parallel()
	a := newAttempts(time.Now)
	for n := range 2 * mostAttempters {
		a.begin(network(n))
	}
	if len(a.from) > mostAttempters {
		t.Errorf("%d addresses are remembered", len(a.from))
	}
}
