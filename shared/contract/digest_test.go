package contract_test

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestADigestTellsWhichPartsDiffer(t *testing.T) {
	t.Parallel()
	var one, two contract.Digest
	for i := range 1000 {
		id := fmt.Sprint("connection-", i)
		one.Add(id, "session", uint64(i))
		other := fmt.Sprint("connection-", 999-i) // in another order
		two.Add(other, "session", uint64(999-i))
	}
	if parts := one.Differs(two); parts != 0 {
		t.Fatalf("the same sessions differ in %b", parts)
	}
	for what, change := range map[string]func(*contract.Digest){
		"a newer revision": func(d *contract.Digest) { d.Remove("connection-5", "session", 5); d.Add("connection-5", "session", 6) },
		"another session":  func(d *contract.Digest) { d.Remove("connection-5", "session", 5); d.Add("connection-5", "sessio", 5) },
		"one less":         func(d *contract.Digest) { d.Remove("connection-5", "session", 5) },
		"twice":            func(d *contract.Digest) { d.Add("connection-5", "session", 5) },
		"words moved":      func(d *contract.Digest) { d.Remove("connection-5", "session", 5); d.Add("connection-5s", "ession", 5) },
	} {
		changed := two
		change(&changed)
		if parts := one.Differs(changed); !parts.Has("connection-5") && what != "words moved" || parts == 0 {
			t.Errorf("%s: parts %b", what, parts)
		}
	}
}

func TestSessionsAreSpreadOverAllParts(t *testing.T) {
	t.Parallel()
	var count [contract.DigestParts]int
	for i := range 32_000 {
		count[contract.DigestPart(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))]++
	}
	for part, n := range count {
		if n < 800 || n > 1200 {
			t.Errorf("part %d has %d of 32,000", part, n)
		}
	}
	if bits.OnesCount32(uint32(contract.AllParts)) != contract.DigestParts {
		t.Errorf("%d parts are all", bits.OnesCount32(uint32(contract.AllParts)))
	}
}
