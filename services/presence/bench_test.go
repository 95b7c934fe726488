package presence

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// One connect and one attach, each user new, by way of NATS.
func BenchmarkConnectAndAttach(b *testing.B) {
	h := newSystem(b)
	c := patient()
	c.LeaseTTL = time.Minute // the gateway does not renew
	h.start(c)
	var next atomic.Int64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := strconv.FormatInt(next.Add(1), 10)
			if _, err := ask[contract.ConnectAnswer](h, contract.VerbConnect, contract.ConnectRequest{
				ConnID: id, User: "user" + id, Channels: []string{"channel" + id},
			}); err != nil {
				b.Error(err)
			}
			if _, err := h.tryAttach(contract.AttachRequest{
				ConnID: id, Gateway: "g1", Session: id, Transport: "websocket",
			}); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
}
