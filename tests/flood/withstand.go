package flood

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Times of one attack.
const (
	settling = 500 * time.Millisecond // after the bystander came in
	calm     = time.Second
	siege    = 2500 * time.Millisecond
)

// What an attack may do to a bystander: double its latency, be it that of the same server in calm, or that which another
// server's bystander has at the same time. The other one shares the machine with the attack, and knows nothing of it: what
// makes its messages late is that the machine is busy.
//
// The allowance is for what the other server does not feel: a message passes through some ten goroutines, which in a server
// that works all the time wait for each other's turns, of which a fair server makes half a millisecond.
const (
	slowdown  = 2
	allowance = 5 * time.Millisecond
)

// attack is what is done to a server, and what must be seen.
type attack struct {
	order
	lasts  time.Duration // 0: as long as others
	memory int64         // bytes that the server may hold more than before, at most
	least  int64         // units that the attacker sends at least: fewer are no attack
	ends   []string      // how its connections and requests may end, beside what explains lists
}

// Memory that an attack may take: some of Go's garbage is there in any case.
const fewMegabytes = 64 << 20

// A machine that others keep so busy that messages take this long, where nobody is attacked, can not tell what an attack does.
// It is waited for some times over, and an attack is tried again.
const (
	noise    = 100 * time.Millisecond
	patience = 10 // measurements in calm
	tries    = 2  // attacks
)

// withstand attacks a server and checks what every attack must leave as it is.
func withstand(t *testing.T, s *server, a attack) report {
	t.Helper()
	a.Address = strings.TrimPrefix(s.URL(), "http://")
	b, other := newBystander(t, s), newBystander(t, newServer(t))
	b.measure(settling, nil)
	inCalm := b.awaitCalm()
	before := s.holdings()
	o := assault(t, s, b, other, inCalm, a)
	for range tries - 1 {
		if o.quick && o.Sent >= a.least || o.grown > a.memory {
			break
		}
		other.awaitCalm()
		o = assault(t, s, b, other, inCalm, a)
	}
	o.judge(t, s, a)
	s.awaitRecovery(before)
	b.verify()
	other.verify()
	return o.report
}

// awaitCalm gives how late messages come once nothing but the bystanders is to be done, or what comes nearest to that.
func (b *bystander) awaitCalm() (late time.Duration) {
	for range patience {
		if late = b.measure(calm, nil); late < noise {
			break
		}
	}
	return late
}

// outcome is what was seen of one attack.
type outcome struct {
	report
	quick bool  // a bystander was served well
	grown int64 // bytes that the server held more
}

// assault attacks once.
func assault(t *testing.T, s *server, b, other *bystander, inCalm time.Duration, a attack) (o outcome) {
	t.Helper()
	memory := s.watchMemory()
	attacker := newAttacker(t, a.order)
	attacked, elsewhere := measureBoth(b, other, cmp.Or(a.lasts, siege), memory.full)
	o.report = attacker.stop()
	memory.close()
	limit := slowdown*max(inCalm, elsewhere) + allowance
	o.quick, o.grown = attacked <= limit, memory.grown()
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	t.Logf("a message takes %v in calm, %v under attack (%v are allowed) and %v elsewhere; memory %s and %s more; the attacker sent %d, got %d, ended %v",
		round(inCalm), round(attacked), round(limit), round(elsewhere), megabytes(memory.before), megabytes(o.grown), o.Sent, o.Answers, o.Ends)
	return o
}

// judge says what is wrong.
func (o outcome) judge(t *testing.T, s *server, a attack) {
	t.Helper()
	if !o.quick {
		t.Error("the attack makes a bystander's messages late")
	}
	if o.grown > a.memory {
		t.Errorf("the server held %s more under attack, %s are allowed", megabytes(o.grown), megabytes(a.memory))
	}
	if o.Sent < a.least {
		t.Errorf("the attacker sent %d, fewer than %d are no attack", o.Sent, a.least)
	}
	for end, many := range o.Ends {
		if !slices.Contains(a.ends, end) && !s.explains(end, many) {
			t.Errorf("%d connections of the attacker ended with %q, which is no reason that the server has counted as often", many, end)
		}
	}
}

// measureBoth measures two bystanders at the same time.
func measureBoth(b, other *bystander, length time.Duration, stop <-chan struct{}) (here, elsewhere time.Duration) {
	var measuring sync.WaitGroup
	measuring.Go(func() { elsewhere = other.measure(length, stop) })
	here = b.measure(length, stop)
	measuring.Wait()
	return here, elsewhere
}

var closeFrame = regexp.MustCompile(`^1\d\d\d ([a-z_]+)$`)

// explains says whether a connection may end like that in any attack: it is still open, it was refused for a while, or it
// was ended for a reason of the closed set, under which the server has counted it.
func (s *server) explains(end string, many int) bool {
	s.t.Helper()
	switch frame := closeFrame.FindStringSubmatch(end); {
	case end == endHeld, end == "HTTP 429", end == "HTTP 503":
		return true
	case end == endCut: // a client that does not read is not told why
		return s.closed("slow_consumer")+s.closed("heartbeat_timeout") >= many
	case frame != nil:
		return s.closed(frame[1]) >= many
	}
	return false
}
