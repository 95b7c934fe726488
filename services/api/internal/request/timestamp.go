package request

import (
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// maxTimestamp is longer than any time needs to be.
const maxTimestamp = 48

// times are the accepted forms after 'T' stands between date and time. Fractions of a second may follow each second.
// Offsets are +07, +0700 and +07:00.
var times = [...]string{
	"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07",
	"2006-01-02T15:04", "2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04Z07",
}

// timestamp reads a time and gives it as clients get it: with the zone that it was given, or in UTC without one.
func (r *reader) timestamp(at string, raw []byte) string {
	if raw[0] != '"' {
		r.refuse(at, raw, sayNoTime)
		return ""
	}
	given := r.text(at, raw, maxTimestamp)
	if len(given) > 10 && (given[10] == ' ' || given[10] == 't') {
		given = given[:10] + "T" + given[11:]
	}
	for _, form := range times {
		moment, err := time.Parse(form, given)
		if err != nil || strings.Contains(given, ",") {
			continue
		}
		if !ordinary(moment) {
			continue
		}
		if strings.Contains(form, "Z07") {
			return moment.Format(contract.ZonedLayout)
		}
		return moment.Format(contract.TimestampLayout)
	}
	r.add(at, sayNoTime)
	return ""
}

// ordinary says whether every reader takes a time: the year has four digits, there and in UTC, and the zone is less than a
// day away (RFC 3339 section 5.6).
func ordinary(moment time.Time) bool {
	const day = 24 * 60 * 60
	_, offset := moment.Zone()
	there, utc := moment.Year(), moment.UTC().Year()
	return min(there, utc) >= 1 && max(there, utc) <= 9999 && offset > -day && offset < day
}
