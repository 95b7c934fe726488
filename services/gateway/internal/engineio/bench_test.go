package engineio

import (
	"testing"
	"time"
)

var (
	event     = Packet{Type: Message, Data: []byte(`2/stream,["message",[{"uuid":"0","message":{"text":"hi"}}]]`)}
	blob      = Packet{Type: Message, Binary: true, Data: make([]byte, 256)}
	handshake = Handshake{SID: "rmhoAIxhZOjnnYZYAAAA", Upgrades: []string{"websocket"}, PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1 << 20}
)

// Not parallel: AllocsPerRun counts what the whole process allocates.
func TestEncodersDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for name, encode := range map[string]func(){
		"text":    func() { AppendText(dst, event) },
		"base64":  func() { AppendText(dst, blob) },
		"payload": func() { AppendPayload(dst, event, blob, event) },
		"open":    func() { AppendOpen(dst, handshake) },
		"refusal": func() { UnknownSession.AppendJSON(dst) },
	} {
		if n := testing.AllocsPerRun(100, encode); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDecodeTextDoesNotAllocate(t *testing.T) {
	frame := AppendText(nil, event)
	if n := testing.AllocsPerRun(100, func() { _, _ = DecodeText(frame) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecodeText(b *testing.B) {
	frame := AppendText(nil, event)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = DecodeText(frame)
	}
}

func BenchmarkDecodePayload(b *testing.B) {
	body := AppendPayload(nil, event, blob, event)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = DecodePayload(body, 16)
	}
}

func BenchmarkAppendPayload(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendPayload(dst, event, blob, event)
	}
}

func BenchmarkAppendOpen(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendOpen(dst, handshake)
	}
}
