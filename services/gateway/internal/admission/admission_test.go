package admission_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/channelstream/channelstream/services/gateway/internal/admission"
)

var (
	now   = time.Unix(1_700_000_000, 0)
	alice = netip.MustParseAddr("203.0.113.7")
	bob   = netip.MustParseAddr("203.0.113.8")
)

func admit(t *testing.T, d *admission.Desk, from netip.Addr, at time.Time, want error) *admission.Ticket {
	t.Helper()
	ticket, err := d.Admit(from, at)
	if !errors.Is(err, want) {
		t.Fatalf("%v: %v, want %v", from, err, want)
	}
	return ticket
}

func TestAFullGatewayTakesTheNextWhenOneHasGone(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{Sessions: 2})
	one := admit(t, d, alice, now, nil)
	admit(t, d, bob, now, nil)
	admit(t, d, bob, now, admission.Full)
	one.Return()
	one.Return() // counts once
	admit(t, d, bob, now, nil)
	admit(t, d, alice, now, admission.Full)
}

func TestOneAddressDoesNotTakeThePlacesOfOthers(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{PerAddress: 1})
	one := admit(t, d, alice, now, nil)
	admit(t, d, alice, now, admission.Address)
	admit(t, d, bob, now, nil)
	one.Return()
	admit(t, d, alice, now, nil)
}

func TestAnIPv6NetworkIsOneAddress(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{PerAddress: 1})
	admit(t, d, netip.MustParseAddr("2001:db8::1"), now, nil)
	admit(t, d, netip.MustParseAddr("2001:db8::ffff:1"), now, admission.Address)
	admit(t, d, netip.MustParseAddr("2001:db8:0:1::1"), now, nil)
}

func TestAUserHasSoManySessions(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{PerUser: 1})
	one, two := admit(t, d, alice, now, nil), admit(t, d, bob, now, nil)
	if err := errors.Join(one.Name("alice"), one.Name("alice")); err != nil {
		t.Error(err)
	}
	if err := two.Name("alice"); !errors.Is(err, admission.User) {
		t.Errorf("a second session: %v", err)
	}
	one.Return()
	if err := two.Name("alice"); err != nil {
		t.Errorf("when the first has gone: %v", err)
	}
}

func TestAnAddressOpensSoManyASecond(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{PerSecond: 2})
	for range 20 { // ten seconds' worth at once
		admit(t, d, alice, now, nil).Return()
	}
	admit(t, d, alice, now, admission.Rate)
	admit(t, d, bob, now, nil)
	admit(t, d, alice, now.Add(500*time.Millisecond), nil)
	admit(t, d, alice, now.Add(600*time.Millisecond), admission.Rate)
	admit(t, d, alice, now.Add(time.Second), nil)
}

func TestNothingIsKeptOfThoseWhoHaveGone(t *testing.T) {
	t.Parallel()
	d := admission.New(admission.Limits{PerSecond: 1})
	for n := range 1000 {
		admit(t, d, netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", n/256, n%256)), now, nil).Return()
	}
	stays := admit(t, d, alice, now, nil)
	admit(t, d, bob, now.Add(time.Minute), nil)
	if n := d.Addresses(); n != 2 {
		t.Errorf("%d addresses are known, want 2", n)
	}
	stays.Return()
}

func TestAMeterIsOfOneSecond(t *testing.T) {
	t.Parallel()
	var m admission.Meter
	for n := range 5 {
		if over := m.Exceeds(1, 3, now); over != (n >= 3) {
			t.Errorf("%d in one second: %t", n+1, over)
		}
	}
	if m.Exceeds(1, 3, now.Add(time.Second)) {
		t.Error("the next second begins where the last one ended")
	}
	if m.Exceeds(1, 0, now) {
		t.Error("0 is a limit")
	}
}
