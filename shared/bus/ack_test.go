package bus

import (
	"errors"
	"testing"
)

// A stream with replicas says otherwise than one without that somebody else came first, and a cluster with domains puts
// more into an acknowledgement.
func TestAcknowledgementsOfEveryKindOfStreamAreRead(t *testing.T) {
	t.Parallel()
	b := newBucket(nil, "cs-users", nil)
	for text, want := range map[string]uint64{
		`{"stream":"KV_cs-users","seq":42}`:                  42,
		`{"stream":"KV_cs-users","domain":"hub","seq":7}`:    7,
		`{"stream":"KV_cs-users", "seq": 7}`:                 7,
		`{"stream":"KV_cs-users","seq":9,"duplicate":false}`: 9,
	} {
		if got, err := b.stored([]byte(text)); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, code := range []string{"10071", "10164"} {
		text := `{"error":{"code":400,"err_code":` + code + `,"description":"wrong last sequence"},"stream":"KV_cs-users","seq":0}`
		if _, err := b.stored([]byte(text)); !errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", code, err)
		}
	}
	for _, text := range []string{``, `{}`, `{"stream":"KV_cs-users","seq":}`, `{"error":{"code":503,"err_code":10077}}`} {
		if _, err := b.stored([]byte(text)); err == nil || errors.Is(err, ErrConflict) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
