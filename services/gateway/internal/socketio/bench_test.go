package socketio

import (
	"encoding/json"
	"testing"
)

var (
	join = []byte(`2/stream,7["join",["news","chat","a rather long channel name"]]`)
	list = json.RawMessage(`[{"uuid":"0b6a","type":"message","user":"ann","channel":"news","message":{"text":"hi"}}]`)
)

// Not parallel: AllocsPerRun counts what the whole process allocates.
func TestEncodersDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for name, encode := range map[string]func(){
		"connect":       func() { AppendConnect(dst, "/stream", "vVgJPV7BJC7d66Z9AAAA", "6DA_pTR-6AFEO-3PAAAB") },
		"connect error": func() { AppendConnectError(dst, "/stream", "Not \"authorized\"\x00\xff", list) },
		"disconnect":    func() { AppendDisconnect(dst, "/stream") },
		"event":         func() { AppendEvent(dst, "/stream", "message", list, list) },
		"ack":           func() { AppendAck(dst, "/stream", MaxID, list, list) },
	} {
		if n := testing.AllocsPerRun(100, encode); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestDecodeAllocatesTheNamespaceAlone(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { _, _ = Decode(join) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Decode(join)
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	p, err := Decode(join)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = DecodeEvent(p.Data)
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendEvent(dst, "/stream", "message", list)
	}
}

func BenchmarkAppendAck(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendAck(dst, "/stream", 7, list)
	}
}

func BenchmarkAppendConnect(b *testing.B) {
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		AppendConnect(dst, "/stream", "vVgJPV7BJC7d66Z9AAAA", "6DA_pTR-6AFEO-3PAAAB")
	}
}
