package compat

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

var talkative = strings.Repeat("the same again, ", 280)

// dialDeflate opens /ws and offers compression; it says whether the server agreed.
func dialDeflate(t *testing.T, system *harness.System, connID string) (*websocket.Conn, bool) {
	t.Helper()
	dialer := websocket.Dialer{EnableCompression: true}
	ws, response, err := dialer.DialContext(t.Context(), socketURL(system, connID), nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { ws.Close() }) //nolint:errcheck // the test is over
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ws, strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
}

func TestAClientThatOffersCompressionGetsItWhereTheOperatorAllowsIt(t *testing.T) {
	t.Parallel()
	for _, allowed := range []string{"true", "false"} {
		t.Run("allowed="+allowed, func(t *testing.T) {
			t.Parallel()
			system := harness.AllInOne(t, "CHANNELSTREAM_COMPRESSION="+allowed)
			a, err := system.Client.Connect(t.Context(), client.Connect{User: "a", Channels: []string{"c"}})
			if err != nil {
				t.Fatal(err)
			}
			squeezed, agreed := dialDeflate(t, system, a.ConnID)
			if agreed != (allowed == "true") {
				t.Errorf("the server agreed: %v", agreed)
			}
			asItIs, _ := connected(t, system, "b", "c") // on the same channel, without an offer
			publish(t, system, client.Message{Channel: "c", User: "u", Message: talkative}, client.Message{Channel: "c", User: "u", Message: "x"})
			for _, ws := range []*websocket.Conn{squeezed, asItIs} {
				if got := contents(t, ws, 2); got[0] != talkative || got[1] != "x" {
					t.Errorf("got %d bytes, then %s", len(got[0]), got[1])
				}
			}
		})
	}
}

// A kilobyte that unpacks to a megabyte is a way to fill a server's memory.
func TestACompressedBombEndsTheSessionThatSentIt(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_COMPRESSION=true", "CHANNELSTREAM_MAX_FRAME=4KiB")
	a, err := system.Client.Connect(t.Context(), client.Connect{User: "a", Channels: []string{"c"}})
	if err != nil {
		t.Fatal(err)
	}
	ws, agreed := dialDeflate(t, system, a.ConnID)
	if !agreed {
		t.Fatal("the server did not agree to compression")
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte{'x'}, 1<<20)); err != nil || w.Flush() != nil {
		t.Fatal("could not pack")
	}
	if packed.Len() > 4000 {
		t.Fatalf("the bomb has %d bytes", packed.Len())
	}
	message := packed.Bytes()[:packed.Len()-4] // RFC 7692 section 7.2.1
	frame := append([]byte{0xC1, 0x80 | 126, byte(len(message) >> 8), byte(len(message)), 0, 0, 0, 0}, message...)
	if _, err := ws.NetConn().Write(frame); err != nil {
		t.Fatal(err)
	}
	_, _, err = ws.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("the session ended with %v", err)
	}
}
