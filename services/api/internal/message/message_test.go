package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestCompactIsWhatEncodingJSONMakes(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`1`, ` [ 1 , "a b" , {"c\" d" : "\\" , "e":"\\\" \\\\"} ] `, `"\\\\"`, "{\n\t\"a\" :\r\ntrue}", `""`, `["","" , "\""]`, `{"ü 🙂": " "}`,
	} {
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(raw)); err != nil {
			t.Fatal(err)
		}
		if got := string(appendCompact(nil, []byte(raw))); got != want.String() {
			t.Errorf("%s became %s, want %s", raw, got, want.String())
		}
	}
}

func TestEscapesCostLinearTime(t *testing.T) {
	t.Parallel()
	for _, escape := range []string{`\n`, `\"`, `\\`} {
		raw := []byte(`"` + strings.Repeat(escape, 4<<20) + `"`)
		began := time.Now()
		if got := appendCompact(make([]byte, 0, len(raw)), raw); !bytes.Equal(got, raw) {
			t.Errorf("%s: the string changed", escape)
		}
		if took := time.Since(began); took > 10*time.Second { // quadratic: hours
			t.Errorf("%s: took %v", escape, took)
		}
	}
}

func TestStringsAreEscaped(t *testing.T) {
	t.Parallel()
	const text = "a\"b\\c\n\x00\x7fü🙂\u2028</script>"
	var back string
	if err := json.Unmarshal(appendString(nil, text), &back); err != nil || back != text {
		t.Errorf("%q became %q (%v)", text, back, err)
	}
}

func FuzzCompact(f *testing.F) {
	f.Add([]byte(`{"a" : ["\\", "\"", 1 ]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want bytes.Buffer
		if json.Compact(&want, raw) != nil {
			return
		}
		if got := appendCompact(nil, raw); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q became %q, want %q", raw, got, want.Bytes())
		}
	})
}
