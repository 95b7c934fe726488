package engineio

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestAppendOpen(t *testing.T) {
	t.Parallel()
	h := Handshake{
		SID:          "rmhoAIxhZOjnnYZYAAAA",
		Upgrades:     []string{"websocket"},
		PingInterval: 25 * time.Second,
		PingTimeout:  20 * time.Second,
		MaxPayload:   1_000_000,
	}
	// Recorded from engine.io 6.6.
	const polling = `0{"sid":"rmhoAIxhZOjnnYZYAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if got := string(AppendOpen(nil, h)); got != polling {
		t.Errorf("got  %s\nwant %s", got, polling)
	}
	h.Upgrades, h.PingTimeout = nil, 1500*time.Microsecond
	const websocket = `0{"sid":"rmhoAIxhZOjnnYZYAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":1,"maxPayload":1000000}`
	if got := string(AppendOpen(nil, h)); got != websocket {
		t.Errorf("got  %s\nwant %s", got, websocket)
	}
	h.Upgrades = []string{"websocket", "webtransport"}
	if got := AppendOpen(nil, h)[1:]; !json.Valid(got) {
		t.Errorf("not JSON: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for r, want := range []struct {
		status int
		body   string
	}{
		{400, `{"code":0,"message":"Transport unknown"}`},
		{400, `{"code":1,"message":"Session ID unknown"}`},
		{400, `{"code":2,"message":"Bad handshake method"}`},
		{400, `{"code":3,"message":"Bad request"}`},
		{403, `{"code":4,"message":"Forbidden"}`},
		{400, `{"code":5,"message":"Unsupported protocol version"}`},
		{400, `{"code":3,"message":"Bad request"}`}, // not of the set
	} {
		if got := string(Refusal(r).AppendJSON(nil)); got != want.body || Refusal(r).Status() != want.status {
			t.Errorf("refusal %d: got %d %s, want %d %s", r, Refusal(r).Status(), got, want.status, want.body)
		}
	}
	var refusal Refusal
	if err := fmt.Errorf("open session: %w", UnknownSession); !errors.As(err, &refusal) || refusal != UnknownSession {
		t.Errorf("refusal in %v is %v", err, refusal)
	}
}
