package generator

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var exact []time.Duration
	for range 100000 {
		d := time.Duration(random.ExpFloat64() * float64(5*time.Millisecond))
		h.record(d)
		exact = append(exact, d)
	}
	slices.Sort(exact)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		got, want := h.quantile(q), exact[int(q*float64(len(exact)))]
		if off := float64(got-want) / float64(want); off < -0.001 || off > 0.02 {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if got, want := h.quantile(1), exact[len(exact)-1]; got != want {
		t.Errorf("largest: got %v, want %v", got, want)
	}
}

func TestBucketsAreContiguous(t *testing.T) {
	t.Parallel()
	for i := range buckets - 1 {
		if top := upperBound(i); bucketOf(top) != i || bucketOf(top+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which goes to %d, the next to %d", i, top, bucketOf(top), bucketOf(top+1))
		}
	}
}

func TestHistogramTakesAnyDuration(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.quantile(0.99); got != 0 {
		t.Errorf("empty: got %v", got)
	}
	h.record(-time.Second)
	h.record(1<<63 - 1)
	if h.total != 2 || h.quantile(0) != 0 || h.quantile(1) != 1<<63-1 {
		t.Errorf("total %d, quantiles %v and %v", h.total, h.quantile(0), h.quantile(1))
	}
}

func TestHistogramsAdd(t *testing.T) {
	t.Parallel()
	var a, b histogram
	a.record(time.Millisecond)
	b.record(time.Second)
	a.add(&b)
	if a.total != 2 || a.largest != time.Second || a.quantile(0.9) != time.Second {
		t.Errorf("total %d, largest %v, p90 %v", a.total, a.largest, a.quantile(0.9))
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h histogram
	if n := testing.AllocsPerRun(100, func() { h.record(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
