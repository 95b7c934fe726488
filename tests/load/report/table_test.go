package report

import (
	"math"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{
		0: "0", 0.65: "0.650", 5.304: "5.30", 63.27: "63.3", 999.6: "1,000", 15800: "15,800", 1_903_456: "1,900,000",
		0.0123: "0.0123", -1234: "-1,230", 100: "100", 0.45: "0.450",
	} {
		if got := Number(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := Median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("odd: got %v", got)
	}
	if got := Median([]float64{4, 1, 2, 9}); got != 3 {
		t.Errorf("even: got %v", got)
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("none: a number")
	}
}

func TestTableShowsRatiosToTheReferences(t *testing.T) {
	t.Parallel()
	table := Table{Contestants: []string{"floor", "ours", "broken"}, References: []Reference{{"floor", "F"}, {"absent", "A"}}}
	table.Add("fan-out", "deliveries/s", map[string]float64{"floor": 2000, "ours": 1500})
	table.Add("fan-out", "lost", map[string]float64{"floor": 0, "ours": 0})
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `| work    | figure       | floor | ours            | broken |
| ------- | ------------ | ----- | --------------- | ------ |
| fan-out | deliveries/s | 2,000 | 1,500 · 0.750 F | –      |
|         | lost         | 0     | 0               | –      |
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}
