package socketio

import (
	"encoding/json"
	"testing"
)

func TestEncoders(t *testing.T) {
	t.Parallel()
	dst := []byte("4")
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"connect", AppendConnect(dst, "/", "wZX3oN0bSVIhsaknAAAI", ""), `40{"sid":"wZX3oN0bSVIhsaknAAAI"}`},
		{"connect with pid", AppendConnect(dst, "/stream", "vVgJPV7BJC7d66Z9AAAA", "6DA_pTR-6AFEO-3PAAAB"),
			`40/stream,{"sid":"vVgJPV7BJC7d66Z9AAAA","pid":"6DA_pTR-6AFEO-3PAAAB"}`},
		{"connect, a sid of any letters", AppendConnect(dst, "", `é"\`, ""), `40{"sid":"é\"\\"}`},
		{"connect error", AppendConnectError(dst, "/stream2", "Invalid namespace", nil), `44/stream2,{"message":"Invalid namespace"}`},
		{"connect error with data", AppendConnectError(dst, "/stream", "Not authorized", json.RawMessage(`{"code":7}`)),
			`44/stream,{"message":"Not authorized","data":{"code":7}}`},
		{"connect error, any message", AppendConnectError(dst, "/", "a\"b\\c\n\x1e\x00\xff<&>", nil),
			`44{"message":"a\"b\\c\u000a\u001e\u0000` + "\ufffd" + `<&>"}`},
		{"disconnect", AppendDisconnect(dst, "/"), `41`},
		{"disconnect from a namespace", AppendDisconnect(dst, "/stream"), `41/stream,`},
		{"event", AppendEvent(dst, "/", "foo"), `42["foo"]`},
		{"event in a namespace", AppendEvent(dst, "/stream", "message", raw(`[{"a":1}]`, `"Q85u5ML"`)...),
			`42/stream,["message",[{"a":1}],"Q85u5ML"]`},
		{"ack", AppendAck(dst, "/", 12), `4312[]`},
		{"ack in a namespace", AppendAck(dst, "/stream", 0, raw(`["a","é"]`)...), `43/stream,0[["a","é"]]`},
		{"ack with two arguments", AppendAck(dst, "/stream", MaxID, raw("1", "null")...), `43/stream,9007199254740991[1,null]`},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestEventHeadStartsAWholeEvent(t *testing.T) {
	t.Parallel()
	for _, ns := range []string{"/", "/stream"} {
		list := `[{"type":"message"}]`
		got := string(EventHead(ns)) + `message",` + list + "]"
		if want := string(AppendEvent(nil, ns, "message", json.RawMessage(list))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string(EventHead("/stream")); got != `2/stream,["` {
		t.Errorf("got %s", got)
	}
}

func TestStringsAreReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "é😀\u2028\u2029", "\x00\x01\x1e\x1f\x7f", `"\/`, "</script>", "\t\r\n\b\f"} {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q became %q, %v", s, back, err)
		}
	}
}
