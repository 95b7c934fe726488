package request

import (
	"strings"
	"testing"
	"time"
)

const item = `{"channel":"news","user":"alice","message":{"text":"0123456789 0123456789 0123456789 0123456789","n":[1,2,3]},"kind":"note"}`

// BenchmarkMessages reads, checks and encodes; bytes are those of the body.
func BenchmarkMessages(b *testing.B) {
	for name, body := range map[string]string{
		"one":      item,
		"thousand": "[" + strings.TrimSuffix(strings.Repeat(item+",", 1000), ",") + "]",
		"64KiB":    `{"channel":"news","user":"alice","message":"` + strings.Repeat("x", 64<<10) + `"}`,
	} {
		b.Run(name, func(b *testing.B) {
			now := time.Now()
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Messages([]byte(body), limits, 1<<20, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAMessageCostsFewAllocations keeps the hot path from growing unseen.
func TestAMessageCostsFewAllocations(t *testing.T) {
	body, now := []byte(item), time.Now()
	const most = 12
	if got := testing.AllocsPerRun(100, func() { _, _ = Messages(body, limits, 1<<20, now) }); got > most {
		t.Errorf("%v allocations, want at most %d", got, most)
	}
}
