package socketio

import (
	"strings"
	"testing"
)

// As the stock parser's encoder, notepack.io, writes the same packets, but for the form of the longer string.
func TestARefusalInMessagePack(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, c := range []struct{ ns, message, want string }{
		{"/", "no", "\x83\xa4type\x04\xa3nsp\xa1/\xa4data\x81\xa7message\xa2no"},
		{"/stream", long, "\x83\xa4type\x04\xa3nsp\xa7/stream\xa4data\x81\xa7message\xda\x01\x2c" + long},
	} {
		if got := string(AppendMsgpackError(nil, c.ns, c.message)); got != c.want {
			t.Errorf("got %q", got)
		}
	}
}
