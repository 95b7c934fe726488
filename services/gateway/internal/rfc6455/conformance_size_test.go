package rfc6455_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/services/gateway/internal/rfc6455"
)

// chunks are the pieces of p, of n bytes each but the last.
func chunks(p string, n int) (all []string) {
	for c := range slices.Chunk([]byte(p), n) {
		all = append(all, string(c))
	}
	return all
}

// limits is section 9, with 64 KiB for the most where the suite has 16 MiB. What the suite sends in chops (9.5 and 9.6)
// is one message in pieces, as all are fed here.
func limits(testing.TB) (cases []conformance) {
	for j, kind := range []rfc6455.Kind{rfc6455.Text, rfc6455.Binary} {
		for i, size := range []int{256, 1 << 10, 4 << 10, 16 << 10, 32 << 10, limit} {
			payload := strings.Repeat("*", size)
			cases = append(cases, conformance{
				number: fmt.Sprintf("9.%d.%d", j+1, i+1), sends: sent(fin|byte(kind), payload), gives: one(kind, payload),
			})
		}
		payload := strings.Repeat("0123456789abcde\n", limit/16)
		for i, size := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, limit} {
			cases = append(cases, conformance{
				number: fmt.Sprintf("9.%d.%d", j+3, i+1), sends: inFragments(byte(kind), chunks(payload, size)...), gives: one(kind, payload),
			})
		}
		for i, size := range []int{0, 16, 64, 256, 1024} {
			c := conformance{number: fmt.Sprintf("9.%d.%d", j+7, i+1)}
			for range 20 {
				c.sends = append(c.sends, sent(fin|byte(kind), payload[:size])...)
				c.gives = append(c.gives, one(kind, payload[:size])...)
			}
			cases = append(cases, c)
		}
		cases = append(cases,
			conformance{number: fmt.Sprintf("9.%d one byte more", j+1), sends: withLength(fin|byte(kind), limit+1, "*"), refused: 1009},
			conformance{
				number: fmt.Sprintf("9.%d one byte more", j+3), refused: 1009,
				sends: inFragments(byte(kind), append(chunks(payload, limit/4), "*")...),
			})
	}
	return cases
}

// compression is sections 12 and 13 for the one way of permessage-deflate that is negotiated, without context takeover:
// messages of growing size, whole and in fragments of 256 bytes. The suite's largest is above the limit here.
func compression(t testing.TB) (cases []conformance) {
	for j, kind := range []rfc6455.Kind{rfc6455.Text, rfc6455.Binary} {
		for i, size := range []int{16, 64, 256, 1 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10, limit, 2 * limit} {
			c := conformance{number: fmt.Sprintf("12.%d.%d", j+1, i+1), deflate: true}
			var frames [][]byte
			for n := range 3 {
				payload := prose(size, uint64(n))
				small := deflated(t, payload)
				if n == 1 {
					frames = append(frames, inFragments(rsv1|byte(kind), chunks(string(small), 256)...))
				} else {
					frames = append(frames, sent(fin|rsv1|byte(kind), small))
				}
				c.gives = append(c.gives, one(kind, payload)...)
			}
			c.sends = join(frames...)
			if size > limit {
				c.gives, c.refused = nil, 1009
			}
			cases = append(cases, c)
		}
	}
	plain := join(sent(fin|text, "as it is"), sent(fin|rsv1|text, deflated(t, "deflated")), sent(fin|text, "as it is"))
	return append(cases, conformance{number: "13.2", deflate: true, sends: plain, gives: slices.Concat(
		one(rfc6455.Text, "as it is"), one(rfc6455.Text, "deflated"), one(rfc6455.Text, "as it is"))})
}

// prose is size bytes of words that compress about as well as text does.
func prose(size int, seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 1))
	words := strings.Fields("a channel has subscribers and every one of them is told what is said in it, once and in order ß €")
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString(words[random.IntN(len(words))])
		b.WriteByte(' ')
	}
	whole := strings.ToValidUTF8(b.String()[:size], "")
	return whole + strings.Repeat(".", size-len(whole))
}
