package feed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/bus"
)

// told is one thing that happens to a cursor, as Run does it, and what the cursor answers.
type told func(*cursor) (answer string)

func begin(base, tail uint64) told {
	return func(c *cursor) string { c.begin(base, tail); return "" }
}

// live is a live copy, before which the subject's last message had another sequence.
func live(sequence, before uint64) told {
	return func(c *cursor) string {
		switch c.next(sequence, before) {
		case handOn:
			c.handedOn(sequence)
			return "hand on"
		case hold:
			c.hold(&bus.Msg{})
			return "hold"
		case fillHole:
			c.hold(&bus.Msg{})
			c.fill()
			return fmt.Sprint("fill ", before)
		case passOver:
		}
		return "pass over"
	}
}

// read is a message that a hole is filled with, filled the end of it.
func read(sequence uint64) told { return func(c *cursor) string { c.handedOn(sequence); return "" } }

func filled15(c *cursor) string { return fmt.Sprint(len(c.filled(15)), " held") }

// tail is what a look at the log's tails found, suspected what comes a moment later.
func tail(sequence uint64) told {
	return func(c *cursor) string { return fmt.Sprint("suspicious ", c.compare(sequence)) }
}

func suspected(c *cursor) string {
	if goal, hole := c.suspected(); hole {
		return fmt.Sprint("hole ", goal)
	}
	return "no hole"
}

func nudged(sequence uint64) told {
	return func(c *cursor) string { return fmt.Sprint("lacks it ", c.lacks(sequence)) }
}

func TestTheTransitionsOfACursor(t *testing.T) {
	t.Parallel()
	for about, story := range map[string]struct {
		told []told
		want string // the answers, how far it has come, and the newest message that it knows of
	}{
		"nothing yet":                        {nil, "at 0 newest 0"},
		"it begins in the middle":            {[]told{begin(10, 7)}, "at 10 newest 7"},
		"a channel without messages":         {[]told{begin(10, 0)}, "at 10 newest 0"},
		"one after the other":                {[]told{begin(10, 7), live(12, 7), live(15, 12)}, "hand on, hand on, at 15 newest 15"},
		"a copy that comes twice":            {[]told{begin(10, 7), live(12, 7), live(12, 7)}, "hand on, pass over, at 12 newest 12"},
		"what lies before the beginning":     {[]told{begin(10, 7), live(7, 3)}, "pass over, at 10 newest 7"},
		"before the beginning is no hole":    {[]told{live(12, 11), begin(12, 12), live(13, 12)}, "hand on, hand on, at 13 newest 13"},
		"copies were quicker than the base":  {[]told{live(12, 7), begin(10, 7), live(13, 12)}, "hand on, hand on, at 13 newest 13"},
		"the base was quicker than a copy":   {[]told{live(12, 7), begin(20, 18), live(18, 12), live(21, 18)}, "hand on, pass over, hand on, at 21 newest 21"},
		"a hole":                             {[]told{begin(10, 7), live(20, 15)}, "fill 15, at 10 newest 7"},
		"what comes behind a hole waits":     {[]told{begin(10, 7), live(20, 15), live(21, 20), live(21, 20)}, "fill 15, hold, hold, at 10 newest 7"},
		"a hole is filled":                   {[]told{begin(10, 7), live(20, 15), read(13), read(15), filled15, live(20, 15)}, "fill 15, 1 held, hand on, at 20 newest 20"},
		"a late copy of what filled it":      {[]told{begin(10, 7), live(20, 15), live(15, 13), read(15), filled15, live(15, 13)}, "fill 15, hold, 2 held, pass over, at 15 newest 15"},
		"what the log has not got is gone":   {[]told{begin(10, 7), live(20, 15), filled15, live(20, 15)}, "fill 15, 1 held, hand on, at 20 newest 20"},
		"more was read than was missing":     {[]told{begin(10, 7), live(20, 15), read(15), read(20), filled15, live(20, 15)}, "fill 15, 1 held, pass over, at 20 newest 20"},
		"a hole behind a hole":               {[]told{begin(10, 7), live(20, 15), live(30, 25), filled15, live(20, 15), live(30, 25)}, "fill 15, hold, 2 held, hand on, fill 25, at 20 newest 20"},
		"the tail has come":                  {[]told{begin(10, 7), live(12, 7), tail(12)}, "hand on, suspicious false, at 12 newest 12"},
		"the tail lies before the beginning": {[]told{begin(10, 7), tail(7)}, "suspicious false, at 10 newest 7"},
		"the last message is lost":           {[]told{begin(10, 7), tail(12), suspected}, "suspicious true, hole 12, at 10 newest 7"},
		"it was on its way only":             {[]told{begin(10, 7), tail(12), live(12, 7), suspected}, "suspicious true, hand on, no hole, at 12 newest 12"},
		"a hole that is being filled":        {[]told{begin(10, 7), tail(20), live(20, 15), suspected}, "suspicious true, fill 15, no hole, at 10 newest 7"},
		"a nudge":                            {[]told{begin(10, 7), nudged(12), live(12, 7), nudged(12)}, "lacks it true, hand on, lacks it false, at 12 newest 12"},
		"a nudge in a hole":                  {[]told{begin(10, 7), live(20, 15), nudged(15)}, "fill 15, lacks it false, at 10 newest 7"},
	} {
		var c cursor
		var got []string
		for _, happens := range story.told {
			if answer := happens(&c); answer != "" {
				got = append(got, answer)
			}
		}
		got = append(got, fmt.Sprintf("at %d newest %d", c.reached(), c.newest()))
		if answers := strings.Join(got, ", "); answers != story.want {
			t.Errorf("%s:\n got %s\nwant %s", about, answers, story.want)
		}
	}
}

func TestACursorHoldsOnlySoMany(t *testing.T) {
	t.Parallel()
	c := cursor{}
	c.begin(10, 7)
	c.fill()
	for range 2 * maxHeld {
		c.hold(&bus.Msg{})
	}
	if held := len(c.filled(15)); held != maxHeld {
		t.Errorf("%d are held", held)
	}
}
