package generator

import (
	"slices"
	"testing"
)

// Messages go to the channels of one kind of clients, one after the other, and then to those of the next.
func TestMessagesGoToTheChannelsOfOneKindOfClients(t *testing.T) {
	t.Parallel()
	w := Work{Kind: Compare, Channels: 6, Payload: MinPayload, PerRequest: 1, InFlight: 1}
	p := newPublisher(nil, w, &board{lanes: make([]lane, w.lanes())}, 2)
	var got draft
	for _, kind := range []uint32{0, 0, 0, 0, 1, 1, 1} {
		p.kind.Store(kind)
		p.append(&got, 0)
	}
	if want := []uint32{0, 2, 4, 0, 3, 5, 1}; !slices.Equal(got.channels, want) {
		t.Errorf("got %v, want %v", got.channels, want)
	}
}
