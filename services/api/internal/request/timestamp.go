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

// timestamp reads a time and gives it as clients get it; without an offset it is in UTC.
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
		if moment = moment.UTC(); moment.Year() >= 1 && moment.Year() <= 9999 {
			return moment.Format(contract.TimestampLayout)
		}
	}
	r.add(at, sayNoTime)
	return ""
}
