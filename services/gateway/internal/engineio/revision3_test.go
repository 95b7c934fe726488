package engineio

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// write writes a packet as the golden file has it.
func write(p Packet) string {
	if p.Binary {
		return "binary " + strconv.Quote(string(p.Data))
	}
	return string(AppendText(nil, p))
}

func TestPayloadsOfStockClientsAreReadAsTheyWereMeant(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/revision3.golden")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		body, err := strconv.Unquote(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		packets, err := DecodePayload3([]byte(body), 10)
		if err != nil || len(packets) != len(fields)-2 {
			t.Fatalf("%s: %d packets, %v", line, len(packets), err)
		}
		for i, p := range packets {
			want := fields[2+i]
			if text, err := strconv.Unquote(want); err == nil {
				want = text
			}
			if got := write(p); got != want {
				t.Errorf("%s: got %s, want %s", fields[0], got, want)
			}
		}
	}
}

func TestALengthCountsCharactersAsJavaScriptDoes(t *testing.T) {
	t.Parallel()
	packets, err := DecodePayload3([]byte("4:4ü😀1:2"), 2)
	if err != nil || len(packets) != 2 || string(packets[0].Data) != "ü😀" || packets[1].Type != Ping {
		t.Errorf("got %+v, %v", packets, err)
	}
}

func TestBadPayloadsOfRevision3AreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]error{
		"": ErrEmptyPacket, "0:": ErrEmptyPacket, "abc": ErrBadLength, ":2": ErrBadLength, "2:2": ErrBadLength, "1:22": ErrBadLength,
		"-1:2": ErrBadLength, "+1:2": ErrBadLength, "99999999999:2": ErrBadLength, "1:9": ErrUnknownType, "2:4😀": ErrBadLength,
		"2:4\xff": ErrNotUTF8, "1:21:21:2": ErrTooManyPackets, "3:b2A": ErrUnknownType, "1:b": ErrUnknownType, "3:b4!": ErrBadBase64,
	} {
		if packets, err := DecodePayload3([]byte(body), 2); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %v", body, packets, err, want)
		}
	}
}

func TestAPayloadOfBytesHoldsTextAndBinary(t *testing.T) {
	t.Parallel()
	packets, err := DecodeBinaryPayload3([]byte("\x00\x05\xff4text\x01\x01\x00\xff\x04123456789\x00\x01\xff2"), 3)
	if err != nil || len(packets) != 3 || write(packets[0]) != "4text" || write(packets[1]) != `binary "123456789"` || write(packets[2]) != "2" {
		t.Errorf("got %+v, %v", packets, err)
	}
	for _, body := range []string{"", "\x00", "\x00\xff", "\x02\x01\xff2", "\x00\x0a\xff2", "\x00\x02\xff2", "\x01\x00\xff", "\x01\x01\xff\x02", "\x00" + strings.Repeat("\x00", 20) + "\x01\xff2"} {
		if packets, err := DecodeBinaryPayload3([]byte(body), 3); err == nil {
			t.Errorf("%q: %+v", body, packets)
		}
	}
}

func TestARecordIsASCIIBehindItsLength(t *testing.T) {
	t.Parallel()
	payload := AppendRecord(AppendRecord(nil, []byte(`42["ü😀"]`)), []byte("6"))
	if got := string(payload); got != `24:42["\u00fc\ud83d\ude00"]1:6` {
		t.Errorf("got %s", got)
	}
	if packets := SplitRecords(payload); len(packets) != 2 || string(packets[1]) != "6" {
		t.Errorf("split into %q", packets)
	}
}

func TestAScriptHandsThePayloadToThePage(t *testing.T) {
	t.Parallel()
	if got := string(AppendScript(nil, "7", []byte("9:4[\"\\n</\x01\"]"))); got != `___eio[7]("9:4[\"\\n\u003c/\u0001\"]");` {
		t.Errorf("got %s", got)
	}
	for j, want := range map[string]bool{"0": true, "1234567890": true, "": false, "12345678901": false, "0](alert(1))//": false, "-1": false} {
		if IsIndex(j) != want {
			t.Errorf("%q: %t", j, !want)
		}
	}
}

func TestLineEndsInAFormAreAsTheyWere(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{`a\nb`: "a\nb", `a\\nb`: `a\nb`, `a\\\nb`: `a\\nb`, `\n`: "\n", `ab`: "ab", ``: ""} {
		if got := string(UnescapeForm([]byte(form))); got != want {
			t.Errorf("%s: got %q, want %q", form, got, want)
		}
	}
}

func FuzzDecodePayload3(f *testing.F) {
	for _, body := range []string{"4:4ü😀1:2", "6:b4AQID", "1:", "2:4😀", "9999999999:", "\x00\x05\xff4text", "\x01\x01\xff\x04"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const most = 8
		for _, decode := range []func([]byte, int) ([]Packet, error){DecodePayload3, DecodeBinaryPayload3} {
			packets, err := decode(body, most)
			if err != nil {
				continue
			}
			if len(packets) == 0 || len(packets) > most {
				t.Fatalf("%q: %d packets", body, len(packets))
			}
			var payload []byte
			for _, p := range packets {
				checkPacket(t, p)
				if !p.Binary {
					payload = AppendRecord(payload, AppendText(nil, p))
				}
			}
			if bytes.ContainsFunc(payload, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Errorf("%q is no ASCII", payload)
			}
			if len(payload) == 0 {
				continue
			}
			_, err = DecodePayload3(payload, most)
			if _, binary := DecodeBinaryPayload3(AppendBinaryPayload3(nil, payload), most); err != nil || binary != nil {
				t.Errorf("%q became %q, %v, %v", body, payload, err, binary)
			}
		}
		UnescapeForm(body)
		AppendScript(nil, "0", body)
	})
}
