package contract_test

import (
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestAUUIDInAnyUsualFormIsWrittenCanonically(t *testing.T) {
	t.Parallel()
	const canonical = "a0000000-0000-4000-8000-00000000000b"
	for _, form := range []string{
		canonical,
		"A0000000-0000-4000-8000-00000000000B",
		"a000000000004000800000000000000b",
		"{a0000000-0000-4000-8000-00000000000b}",
		"urn:uuid:A0000000-0000-4000-8000-00000000000b",
	} {
		if got := contract.CanonicalID(form); got != canonical {
			t.Errorf("CanonicalID(%q) = %q", form, got)
		}
	}
}

func TestAnyOtherIDStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "abc", "ABC", "a0000000-0000-4000-8000-00000000000", "g000000000004000800000000000000b", "{x}", "ü" + "a000000000004000800000000000000"} {
		if got := contract.CanonicalID(id); got != id {
			t.Errorf("CanonicalID(%q) = %q", id, got)
		}
	}
}
