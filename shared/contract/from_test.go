package contract

import "testing"

func TestWhoBroughtAMessageInIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]From{
		"":                        {},
		"a1 192.0.2.1":            {API: "a1", Address: "192.0.2.1"},
		"a1 2001:db8::1 0af76519": {API: "a1", Address: "2001:db8::1", Trace: "0af76519"},
	} {
		if got := ParseFrom(value); got != want || value != "" && got.String() != value {
			t.Errorf("%q is %+v, written %q", value, got, got)
		}
	}
}
