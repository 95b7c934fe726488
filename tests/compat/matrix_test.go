package compat

import (
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/channelstream/channelstream/shared/netfault"
)

// testCase is a column of the table.
type testCase struct {
	name    string
	play    func(*cell)
	length  time.Duration // how long it takes at least
	silent  bool          // the network fails without a word
	refused bool          // the client is refused
	away    string        // what is away in an outage that all cells of the case are played in
}

// thePage is the case of the page of the seed's README.
const thePage = "seed's page"

// drawnOut is a drop that is longer than it takes the gateway to notice it.
const drawnOut = 3 * time.Second

func cases() []testCase {
	const brief, short, long = 100 * time.Millisecond, drawnOut, 20 * time.Second
	const noticed, soon = 500 * time.Millisecond, 50 * time.Millisecond
	reset, silence := (*netfault.Road).Refuse, (*netfault.Road).Silence
	return []testCase{
		{name: thePage, play: thePageOfTheSeed},
		{name: "join", play: join},
		{name: "leave", play: leave},
		{name: "public", play: public},
		{name: "private", play: private},
		{name: "private in channel", play: privateInChannel},
		{name: "presence", play: presence},
		{name: "refusal", play: refusal, refused: true},
		{name: "fresh credentials", play: freshCredentials, refused: true},
		{name: "reset 0.1 s", play: drop(reset, brief, soon), length: brief},
		{name: "reset 3 s", play: drop(reset, short, noticed), length: short},
		{name: "reset 20 s", play: drop(reset, long, noticed), length: long},
		{name: "silence 0.1 s", play: drop(silence, brief, 0), length: brief, silent: true},
		{name: "silence 3 s", play: drop(silence, short, 0), length: short, silent: true},
		{name: "silence 20 s", play: drop(silence, long, 0), length: long, silent: true},
		{name: "three drops", play: threeDrops, length: brief},
		{name: "reload", play: reload},
		{name: "disconnect", play: disconnect, length: brief},
		{name: "presence away 12 s", play: throughAnOutage, away: "presence"},
		{name: "NATS away 12 s", play: throughAnOutage, away: "NATS"},
	}
}

// The flags of the suite.
var (
	extent = flag.String("compat", "some", "play all cells, or some: a quarter")
	update = flag.Bool("compat.update", false, "write the table of all cells to docs/clients.md")
	only   = flag.String("compat.only", "", "play cells whose name has a match for this expression")
	atOnce = flag.Int("compat.at-once", 16, "how many cells are played at the same time")
	logs   = flag.Bool("compat.logs", false, "show the logs of the services when a cell fails")
)

// plan gives all cells of the table.
func plan() (cells []*cell) {
	for _, k := range kinds() {
		for _, c := range cases() {
			for _, r := range roads() {
				cell := &cell{kind: k, road: r, play: c}
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

// playAll plays cells, the long ones first, and at the same time such of different clients: pages of one library share a process.
func playAll(cells []*cell) {
	rand.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
	slices.SortStableFunc(cells, func(a, b *cell) int { return int(b.play.length - a.play.length) })
	var playing sync.WaitGroup
	places := make(chan struct{}, *atOnce)
	for _, c := range cells {
		places <- struct{}{}
		playing.Go(func() {
			c.run()
			<-places
		})
	}
	playing.Wait()
}

// playThroughOutage plays cells all at once, and has something away in the midst of it.
func playThroughOutage(s *stage, away string, cells []*cell) {
	if len(cells) == 0 {
		return
	}
	var ready, playing sync.WaitGroup
	o := &outage{begun: make(chan struct{}), over: make(chan struct{}), ready: ready.Done}
	ready.Add(len(cells))
	for _, c := range cells {
		c.outage = o
		playing.Go(c.run)
	}
	ready.Wait()
	stop, start := s.Presences[0].Stop, s.Presences[0].Start
	if away == "NATS" {
		stop, start = s.NATS.Stop, s.NATS.Start
	}
	stop()
	close(o.begun)
	<-time.After(outageLength)
	start()
	s.AwaitReady()
	close(o.over)
	playing.Wait()
}
