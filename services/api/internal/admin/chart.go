package admin

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The box that a chart is drawn in; its page stretches it.
const (
	chartWidth  = 300
	chartHeight = 60
	chartFoot   = chartHeight - 4 // where 0 is
	chartHead   = 6               // where the highest value is
)

// point is a value at a moment.
type point struct {
	at    time.Time
	value float64
}

// Chart is a line of the last minutes as SVG has it, and what it says in words.
type Chart struct {
	Name, Line, Area string // Line and Area: the path of an SVG; "" while there are too few points
	Now, Words       string
	Span             string // that it shows
}

// newChart draws points, oldest first, up to now.
func newChart(name, unit string, points []point, now time.Time) Chart {
	c := Chart{Name: name, Now: "–"}
	if len(points) == 0 {
		c.Words = name + ": nothing is known yet."
		return c
	}
	least, most := math.Inf(1), 0.0
	for _, p := range points {
		least, most = min(least, p.value), max(most, p.value)
	}
	last := points[len(points)-1].value
	span := min(max(now.Sub(points[0].at), leastSpan), window)
	c.Now, c.Span = short(last)+unit, spanned(span)
	c.Words = fmt.Sprintf("%s in the last %s: %s now, at least %s, at most %s.", name, c.Span, c.Now, short(least), short(most))
	if len(points) < 2 {
		return c
	}
	var line strings.Builder
	for i, p := range points {
		verb := byte('L')
		if i == 0 {
			verb = 'M'
		}
		line.WriteByte(verb)
		line.WriteString(coordinate(across(now.Sub(p.at), span)))
		line.WriteByte(' ')
		line.WriteString(coordinate(chartFoot - (chartFoot-chartHead)*p.value/max(most, 1)))
	}
	c.Line = line.String()
	c.Area = fmt.Sprintf("%sL%s %dL%s %dZ", c.Line, coordinate(across(now.Sub(points[len(points)-1].at), span)), chartFoot,
		coordinate(across(now.Sub(points[0].at), span)), chartFoot)
	return c
}

// leastSpan is what a chart shows at least, from left to right. It grows with what is known, up to window.
const leastSpan = 30 * time.Second

// across is where something of that age is, from left to right.
func across(age, span time.Duration) float64 {
	return chartWidth * min(max(1-float64(age)/float64(span), 0), 1)
}

// spanned writes a time for people.
func spanned(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Minutes()))
}

func coordinate(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// short writes a number for people: two digits that count where it is small, and none behind the point otherwise.
func short(v float64) string {
	switch {
	case v > 0 && v < 10 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return grouped(uint64(math.Round(max(v, 0))))
	}
}

// grouped writes 1234567 as 1,234,567.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// smooth is over how many samples a rate is taken: processes tell what they have done every two seconds, and samples are
// taken every five, so that of two of them one may hold three tellings and the next one two.
const smooth = 3

// rates are how much a counter grew in a second. One that falls was that of a process which is gone.
func rates(samples []sample, counter func(sample) uint64) []point {
	var points []point
	for i := 1; i < len(samples); i++ {
		from, to := samples[max(i-smooth, 0)], samples[i]
		seconds := to.at.Sub(from.at).Seconds()
		if seconds <= 0 {
			continue
		}
		grown := 0.0
		if counter(to) > counter(from) {
			grown = float64(counter(to) - counter(from))
		}
		points = append(points, point{to.at, grown / seconds})
	}
	return points
}

// levels are values as they were.
func levels(samples []sample, level func(sample) int) []point {
	points := make([]point, len(samples))
	for i, s := range samples {
		points[i] = point{s.at, float64(level(s))}
	}
	return points
}
