package rfc6455_test

import (
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// Empty fragments lead to nothing, but they are work: who limits what a client sends counts them.
func TestEveryFrameIsCountedOnceInWhicheverPiecesItComes(t *testing.T) {
	t.Parallel()
	said := join(sent(text, "a"), sent(more, ""), sent(more, ""), sent(fin|ping, "p"), sent(fin|more, ""))
	for size := 1; size <= len(said); size++ {
		r := rfc6455.NewReader(100, false)
		frames := 0
		for rest := append([]byte(nil), said...); len(rest) > 0; {
			piece := rest[:min(size, len(rest))]
			_, used, _, err := r.Next(piece)
			if err != nil {
				t.Fatal(err)
			}
			frames, rest = frames+r.Frames(), rest[used:]
		}
		if frames != 5 {
			t.Errorf("5 frames in pieces of %d bytes are counted as %d", size, frames)
		}
	}
}
