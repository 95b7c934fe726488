package socketio09

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var packets = []struct {
	wire string
	want Packet
}{
	{"0::", Packet{Type: Disconnect, ID: NoID}},
	{"0::/stream", Packet{Type: Disconnect, ID: NoID, Endpoint: "/stream"}},
	{"1::", Packet{Type: Connect, ID: NoID}},
	{"1::/stream?username=a&sig=b", Packet{Type: Connect, ID: NoID, Endpoint: "/stream", Query: "username=a&sig=b"}},
	{"1::/stream:?username=a&sig=b:c", Packet{Type: Connect, ID: NoID, Endpoint: "/stream", Query: "username=a&sig=b:c", Data: []byte("?username=a&sig=b:c")}},
	{"2::", Packet{Type: Heartbeat, ID: NoID}},
	{"2:::", Packet{Type: Heartbeat, ID: NoID}},
	{"3:1::hello: you", Packet{Type: Message, ID: 1, Data: []byte("hello: you")}},
	{`4:1::{"a":"b"}`, Packet{Type: JSON, ID: 1, Data: []byte(`{"a":"b"}`)}},
	{`5:7+:/stream:{"name":"x"}`, Packet{Type: Event, ID: 7, Endpoint: "/stream", Data: []byte(`{"name":"x"}`)}},
	{`5:+::{"name":"x"}`, Packet{Type: Event, ID: NoID, Data: []byte(`{"name":"x"}`)}},
	{"6:::4", Packet{Type: Ack, ID: NoID, Data: []byte("4")}},
	{`6:::4+["A","B"]`, Packet{Type: Ack, ID: NoID, Data: []byte(`4+["A","B"]`)}},
	{"7:::1+0", Packet{Type: Error, ID: NoID, Data: []byte("1+0")}},
	{"8::", Packet{Type: Noop, ID: NoID}},
}

func TestPacketsOfTheSpecificationAreRead(t *testing.T) {
	t.Parallel()
	for _, tt := range packets {
		if got, err := Decode([]byte(tt.wire)); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.wire, got, err, tt.want)
		}
	}
}

func TestWhatIsNoPacketIsRefused(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]error{
		"": ErrPacket, "5": ErrPacket, "5:": ErrPacket, ":::": ErrPacket, "1:/stream": ErrPacket,
		"9::": ErrUnknownType, "55::": ErrUnknownType, "x::": ErrUnknownType,
		"5:x:": ErrID, "5:-1:": ErrID, "5:1++:": ErrID, "5:9007199254740992:": ErrID, "5:00000000000000001:": ErrID,
		"1::/a\x01":                             ErrEndpoint,
		"1::/" + strings.Repeat("a", 256):       ErrEndpoint,
		"1::/a?" + strings.Repeat("a", 8<<10+1): ErrEndpoint,
		"1::/a:?a=\n":                           ErrEndpoint,
		"3:::\xff":                              ErrNotUTF8,
	} {
		if _, err := Decode([]byte(wire)); !errors.Is(err, want) {
			t.Errorf("%.20q: got %v, want %v", wire, err, want)
		}
	}
}

func TestAnEventIsAListWithItsNameFirst(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"name":"join","args":[["a","b"]]}`:    `["join",["a","b"]]`,
		`{"args":[1, {"x":"]"}],"name":"join"}`: `["join",1, {"x":"]"}]`,
		`{"name":"bare"}`:                       `["bare"]`,
		`{"name":"bare","args":[ ]}`:            `["bare"]`,
		`{"name":"bare","args":null}`:           `["bare"]`,
	} {
		if got, err := DecodeEvent([]byte(data)); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", data, got, err, want)
		}
	}
	for _, data := range []string{``, `[]`, `{}`, `{"name":7}`, `{"name":null}`, `{"name":"x","args":{}}`, `{"name":"x","args":"]"}`, `{"name":"x"`} {
		if got, err := DecodeEvent([]byte(data)); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: got %s, %v", data, got, err)
		}
	}
}

func TestWhatAServerSaysIsAsTheStockServerWritesIt(t *testing.T) {
	t.Parallel()
	list := json.RawMessage(`["a"]`)
	for want, got := range map[string][]byte{
		"1::":                        AppendConnect(nil, ""),
		"1::/stream":                 AppendConnect(nil, "/stream"),
		"0::":                        AppendDisconnect(nil, ""),
		"2::":                        AppendHeartbeat(nil),
		"8::":                        AppendNoop(nil),
		"7:::1+0":                    AppendReconnect(nil),
		"7::/stream:2+No":            AppendUnauthorized(nil, "/stream", "No"),
		"6::/stream:7":               AppendAck(nil, "/stream", 7),
		`6:::7+[["a"],["a"]]`:        AppendAck(nil, "", 7, list, list),
		`5:::{"name":"x","args":[]}`: AppendEvent(nil, "", "x"),
		`5::/stream:{"name":"join","args":[["a"],["a"]]}`: AppendEvent(nil, "/stream", "join", list, list),
		`s:46:1:websocket,xhr-polling`: AppendHandshake(nil, Handshake{
			SID: "s", HeartbeatTimeout: 45*time.Second + 1, CloseTimeout: 100 * time.Millisecond, Transports: []string{"websocket", "xhr-polling"},
		}),
		`io.j[12]("\"\u2028\n");`:            AppendScript(nil, "12", []byte("\"\u2028\n")),
		`io.j[0](new Error("why \"not\""));`: AppendErrorScript(nil, "0", `why "not"`),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAScriptCallsNothingButANumberedFunction(t *testing.T) {
	t.Parallel()
	for index, want := range map[string]bool{"0": true, "12": true, "999999999": true, "": false, "-1": false, "1e3": false, "0](alert(1)": false, "1234567890": false} {
		if IsIndex(index) != want {
			t.Errorf("%q: %v", index, !want)
		}
	}
}

// golden is what the stock client 0.9.17 sent to testdata/capture.cjs.
func golden(t testing.TB) []sent {
	t.Helper()
	text, err := os.ReadFile("testdata/client.golden")
	if err != nil {
		t.Fatal(err)
	}
	var all []sent
	for line := range bytes.Lines(text) {
		var s sent
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

type sent struct{ Transport, What, Text string }

// payload gives the packets that a client sent at once.
func (s sent) payload() ([]byte, bool) {
	switch {
	case s.What == "post" && s.Transport == "jsonp-polling":
		payload, err := DecodeForm([]byte(s.Text))
		return payload, err == nil
	case s.What == "post", s.What == "frame":
		return []byte(s.Text), true
	}
	return nil, false
}

func TestTheStockClientIsUnderstoodByEveryTransport(t *testing.T) {
	t.Parallel()
	want := []Packet{
		{Type: Connect, ID: NoID, Endpoint: "/stream"},
		{Type: Event, ID: NoID, Endpoint: "/stream", Data: []byte(`{"name":"join","args":[["pub_chan","emoji 🎉","quoted \"\\"]]}`)},
		{Type: Event, ID: 1, Endpoint: "/stream", Data: []byte(`{"name":"leave","args":["pub_chan"]}`)},
		{Type: Message, ID: 2, Endpoint: "/stream", Data: []byte("text: ü 🎉")},
		{Type: JSON, ID: NoID, Endpoint: "/stream", Data: []byte("{\"a\":[\"\ufffd\"]}")},
		{Type: Event, ID: NoID, Endpoint: "/stream", Data: []byte(`{"name":"bare"}`)},
		{Type: Heartbeat, ID: NoID},
		{Type: Ack, ID: NoID, Endpoint: "/stream", Data: []byte(`7+[1,"🎉"]`)},
		{Type: Disconnect, ID: NoID, Endpoint: "/stream"},
		{Type: Disconnect, ID: NoID},
	}
	got := map[string][]Packet{}
	for _, s := range golden(t) {
		payload, ok := s.payload()
		if !ok {
			continue
		}
		packets, err := DecodePayload(payload, 10)
		if err != nil {
			t.Errorf("%s %q: %v", s.Transport, s.Text, err)
		}
		got[s.Transport] = append(got[s.Transport], packets...)
	}
	for _, transport := range []string{"websocket", "xhr-polling", "jsonp-polling"} {
		if !reflect.DeepEqual(got[transport], want) {
			t.Errorf("%s: got %+v", transport, got[transport])
		}
	}
}

func TestSeveralPacketsAreFramedAsTheStockClientDoesIt(t *testing.T) {
	t.Parallel()
	several := 0
	for _, s := range golden(t) {
		payload, _ := s.payload()
		var framed []byte
		for rest := payload; bytes.HasPrefix(rest, []byte(mark)); several++ {
			packet, after, err := cut(rest)
			if err != nil {
				t.Fatal(err)
			}
			framed, rest = AppendFramed(framed, packet), after
		}
		if len(framed) > 0 && !bytes.Equal(framed, payload) {
			t.Errorf("got %q, want %q", framed, payload)
		}
	}
	if several < 8 {
		t.Errorf("%d packets were framed: the client sent none together", several)
	}
}

func TestOnePacketAloneStandsWithoutItsLength(t *testing.T) {
	t.Parallel()
	one := AppendFramed(nil, []byte("3:::🎉"))
	if got := string(Payload(one)); got != "3:::🎉" {
		t.Errorf("got %q", got)
	}
	two := AppendFramed(one, []byte("8::"))
	if got := string(Payload(two)); got != "\ufffd6\ufffd3:::🎉\ufffd3\ufffd8::" {
		t.Errorf("got %q", got)
	}
	if got := Payload(nil); len(got) > 0 {
		t.Errorf("got %q of nothing", got)
	}
}

func TestAPayloadWhoseLengthsDoNotFitIsRefusedWhole(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"\ufffd3\ufffd8::x":                ErrLength, // something behind the last packet
		"\ufffd4\ufffd8::":                 ErrLength,
		"\ufffd99999999999999999\ufffd8::": ErrLength,
		"\ufffd-3\ufffd8::":                ErrLength,
		"\ufffd\ufffd8::":                  ErrLength,
		"\ufffd3":                          ErrLength,
		"\ufffd5\ufffd3:::🎉":               ErrLength, // in the middle of a surrogate pair
		"\ufffd0\ufffd":                    ErrPacket,
		"":                                 ErrPacket,
		"\ufffd3\ufffd8::\ufffd3\ufffd9::": ErrUnknownType,
		"\ufffd3\ufffd8::\ufffd3\ufffd8::\ufffd3\ufffd8::": ErrTooManyPackets,
	} {
		if _, err := DecodePayload([]byte(body), 2); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", body, err, want)
		}
	}
}

func TestAFormWithoutAJSONStringIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "d=", "d=8::", "d=null", "d=7", "d=%7B%7D", "e=%228%3A%3A%22", "%zz"} {
		if got, err := DecodeForm([]byte(body)); !errors.Is(err, ErrForm) {
			t.Errorf("%q: got %q, %v", body, got, err)
		}
	}
}
