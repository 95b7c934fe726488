package serve

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
)

// bodies are those that a process waits for. Each holds a connection, which is a file, for as long as a client likes
// within the time that a body has; so few clients that trickle could take all files, and the process out of service.
//
// All bodies together may have half of the files that the process may open, and those of one address half of that, or
// less if it is configured. When there are more, the one that has been waited for longest has to go. So whoever sends a
// request whole is never refused, how many others trickle, from the same address too: its body comes sooner than it
// could become the oldest. It is safe for use by many goroutines.
type bodies struct {
	// set at construction
	perAddress int // 0 sets no limit
	files      func() int
	transport  edge.Transport
	evicted    *prometheus.CounterVec // by bound

	mu        sync.Mutex
	all       *list.List                  // of *waitingBody, the oldest first; guarded by mu
	addresses map[netip.Prefix]*list.List // the same by address; none is empty; guarded by mu
}

// The bounds that a body may meet, as metrics name them.
const (
	boundAddress = "address"
	boundProcess = "process"
)

// waitingBody is a body that has not come whole. Its fields are guarded by the mutex of bodies.
type waitingBody struct {
	from          netip.Prefix
	evict         func(why *contract.Fault) // does not wait
	all, ofOrigin *list.Element             // nil when it is not waited for any more
}

// files says how many the process may have open, 0 if that is not known. It may change at any time.
func newBodies(s settings.Settings, files func() int) *bodies {
	b := &bodies{
		perAddress: s.Limits.MaxBodiesPerAddress, files: files, transport: edge.NewTransport(s.Access),
		evicted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "channelstream_bodies_evicted_total",
			Help: "Requests that were ended before their body had come, because the process waited for too many: of one address, or in all.",
		}, []string{"bound"}),
		all: list.New(), addresses: map[netip.Prefix]*list.List{},
	}
	for _, bound := range []string{boundAddress, boundProcess} { // there from the start, so that the first is seen as an increase
		b.evicted.WithLabelValues(bound)
	}
	return b
}

// enter adds the body of a request. evict is called when it has to go, once at most and not after it was taken away by leave.
func (s *bodies) enter(r *http.Request, evict func(why *contract.Fault)) *waitingBody {
	if s == nil {
		return nil
	}
	b := &waitingBody{from: edge.Network(s.transport.Caller(r)), evict: evict}
	inAll, ofOne := s.bounds()
	s.mu.Lock()
	defer s.mu.Unlock()
	origin := s.addresses[b.from]
	if origin == nil {
		origin = list.New()
		s.addresses[b.from] = origin
	}
	b.all, b.ofOrigin = s.all.PushBack(b), origin.PushBack(b)
	for origin.Len() > ofOne {
		s.end(origin.Front(), boundAddress, &contract.Fault{Code: contract.CodeTooMany, Message: "Too many requests from this address have not sent their bodies; send the body with the request."})
	}
	for s.all.Len() > inAll {
		s.end(s.all.Front(), boundProcess, contract.Unavailable("Too many requests have not sent their bodies; try again."))
	}
	return b
}

// bounds are how many bodies may wait in all, and of one address.
func (s *bodies) bounds() (inAll, ofOne int) {
	const unbounded = int(^uint(0) >> 1)
	inAll, ofOne = unbounded, unbounded
	if files := s.files(); files > 0 {
		inAll, ofOne = max(files/2, 1), max(files/4, 1)
	}
	if s.perAddress == 0 {
		return inAll, inAll
	}
	return inAll, min(ofOne, s.perAddress)
}

// end has a body go. The mutex is held.
func (s *bodies) end(e *list.Element, bound string, why *contract.Fault) {
	b := e.Value.(*waitingBody)
	s.remove(b)
	s.evicted.WithLabelValues(bound).Inc()
	b.evict(why)
}

// leave takes a body away that has come, or will not.
func (s *bodies) leave(b *waitingBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(b)
}

// remove does nothing the second time. The mutex is held.
func (s *bodies) remove(b *waitingBody) {
	if b.all == nil {
		return
	}
	origin := s.addresses[b.from]
	s.all.Remove(b.all)
	origin.Remove(b.ofOrigin)
	if origin.Len() == 0 {
		delete(s.addresses, b.from)
	}
	b.all, b.ofOrigin = nil, nil
}
