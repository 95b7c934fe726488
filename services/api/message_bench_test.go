package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func BenchmarkMessage(b *testing.B) {
	item := `{"channel":"news","user":"alice","message":{"text":"` + strings.Repeat("x", 200) + `"}}`
	for _, n := range []int{1, 100, 1000} {
		body := item
		if n > 1 {
			body = "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
		}
		b.Run(fmt.Sprintf("messages=%d", n), func(b *testing.B) {
			s := start(b)
			b.ReportAllocs()
			b.SetParallelism(32) // requests at once, as behind a load balancer: they share flushes
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if w := s.post("/message", body); w.Code != http.StatusOK {
						b.Error(w.Body)
					}
				}
			})
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
