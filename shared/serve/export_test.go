package serve

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/settings"
)

// Bound has a server bound the bodies that it waits for, as the servers of Ports do, if so many files may be open. The
// number of those that had to go is given by the bound that they met.
func Bound(server *Server, s settings.Settings, files int) (evicted func() map[string]float64) {
	server.bodies = newBodies(s, func() int { return files })
	registry := prometheus.NewRegistry()
	registry.MustRegister(server.bodies.evicted)
	return func() map[string]float64 {
		counts := map[string]float64{}
		families, _ := registry.Gather() // one counter, which can be gathered
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if n := m.GetCounter().GetValue(); n > 0 {
					counts[m.GetLabel()[0].GetValue()] = n
				}
			}
		}
		return counts
	}
}
