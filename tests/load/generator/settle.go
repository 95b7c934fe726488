package generator

import "golang.org/x/sys/unix"

// balance closes the books once the readers have ended: latencies, deliveries, and the faults of every socket.
func (r *run) balance() {
	all := &r.latency
	all.add(&r.pollers.tally.latency)
	r.result.Deliveries += r.pollers.tally.inside
	for _, reader := range r.readers {
		all.add(&reader.latency)
		r.result.Deliveries += reader.inside
	}
	r.result.P50, r.result.P99, r.result.Max = all.quantile(0.5), all.quantile(0.99), all.largest
	r.result.Checks = r.board.fresh.Load()
	orders := make(map[uint32]uint64) // by channel
	for i := range r.board.sockets {
		if s := r.board.sockets[i].Load(); s != nil {
			r.balanceSocket(s, orders)
			_ = unix.Close(s.fd) // of a client that polls there is none
		}
	}
	for _, s := range r.stopped {
		if s != nil {
			_ = unix.Close(s.fd)
		}
	}
}

func (r *run) balanceSocket(s *socket, orders map[uint32]uint64) {
	channel := s.ledger.channel
	faults := s.ledger.close(func(lane uint32) uint32 { return r.publisher.sent[lane][channel] })
	if s.closed {
		if r.result.Closed++; r.result.Reason == "" {
			r.result.Reason = s.reason
		}
	}
	if first, known := orders[channel]; !known {
		orders[channel] = s.ledger.order
	} else if first != s.ledger.order {
		faults.Disagreed++
	}
	r.result.Faults.add(faults)
}
