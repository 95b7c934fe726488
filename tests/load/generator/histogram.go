package generator

import (
	"math/bits"
	"time"
)

// A histogram counts durations in fixed buckets: 64 to each power of two of nanoseconds, so that a quantile is at most
// 1.6 % off, up to 18 minutes. Recording costs one addition and never allocates.
type histogram struct {
	counts  [buckets]uint64
	total   uint64
	largest time.Duration
}

const (
	subBuckets = 64
	subBits    = 6
	maxBits    = 40
	buckets    = (maxBits - subBits + 1) * subBuckets
)

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
	h.largest = max(h.largest, d)
}

func (h *histogram) add(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.largest = max(h.largest, other.largest)
}

// quantile returns the duration that the share q (0 to 1) of what was recorded does not exceed; 0 when nothing was.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.total)), uint64(0)
	for i, n := range h.counts {
		if seen += n; seen > rank {
			return min(upperBound(i), h.largest)
		}
	}
	return h.largest
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return min((shift+1)*subBuckets+int(v>>shift)-subBuckets, buckets-1)
}

// upperBound is the largest duration that bucketOf puts into bucket i.
func upperBound(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(i)
	}
	shift := i/subBuckets - 1
	return time.Duration((i%subBuckets+subBuckets+1)<<shift - 1)
}
