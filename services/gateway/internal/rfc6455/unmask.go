package rfc6455

import (
	"encoding/binary"
	"math/bits"
)

// unmask takes the mask off p in place (RFC 6455 section 5.3), and gives the key for what follows p.
func unmask(key uint32, p []byte) uint32 {
	wide := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(wide >> (8 * i))
	}
	return bits.RotateLeft32(key, -8*len(p))
}
