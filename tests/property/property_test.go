// Package property runs random stories against a real system and compares what every client sees in the end with a model
// of a few lines.
package property

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/tests/harness"
)

var (
	runs = flag.Int("runs", defaultRuns, "random stories to run")
	seed = flag.Uint64("seed", 0, "seed of the first story; 0 takes the time")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	channels  = 2
	viewers   = 2
	steps     = 14
	atOnce    = 16 // stories told at the same time
	gateways  = 3
	suspended = time.Minute
)

// Whatever is posted, edited and removed while clients drop and come back to any gateway, each sees what the model says,
// nothing twice and all in order.
func TestEveryClientSeesWhatTheModelSays(t *testing.T) {
	t.Parallel()
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) //nolint:gosec // after 1970
	}
	system := harness.Start(t, harness.InProcess{}, harness.Size{APIs: 1, Presences: 1, Gateways: gateways})
	// The oldest message of the log is never removed, or who comes back behind it would be told that it missed something.
	if _, err := system.APIs[0].API().Publish(t.Context(), client.Message{User: "app", Channel: "anchor", Message: 0}); err != nil {
		t.Fatal(err)
	}
	var next, failed atomic.Int64
	var tellers sync.WaitGroup
	for range atOnce {
		tellers.Go(func() {
			for n := next.Add(1); int(n) <= *runs && failed.Load() < 3; n = next.Add(1) {
				s := newStory(t, system, first+uint64(n)) //nolint:gosec // positive
				if fault := s.tell(); fault != "" {
					failed.Add(1)
					t.Errorf("story %d (-seed %d): %s\n%s", n, first+uint64(n)-1, fault, strings.Join(s.told, "\n")) //nolint:gosec // positive
				}
			}
		})
	}
	tellers.Wait()
	t.Logf("%d stories told, from seed %d", min(int(next.Load()), *runs), first)
}

// story is one random run, with channels, users and clients of its own.
type story struct {
	t      *testing.T
	system *harness.Cluster
	random *rand.Rand
	name   string
	told   []string

	posted  []*message // in the order in which they were acknowledged
	viewers []*viewer
}

// message is what the model knows of one.
type message struct {
	uuid    string
	channel string
	only    string // user it is private to, within the channel
	not     string // user who is left out
	text    string
	removed bool
}

// viewer is a client and its user.
type viewer struct {
	*harness.Viewer
	user string
}

func newStory(t *testing.T, system *harness.Cluster, seed uint64) *story {
	return &story{
		t: t, system: system, random: rand.New(rand.NewPCG(seed, 4)), //nolint:gosec // repeatable on purpose
		name: fmt.Sprintf("%d-%d", seed, time.Now().UnixNano()),
	}
}

func (s *story) note(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf(format, args...))
}

func (s *story) channel(n int) string { return fmt.Sprintf("%s %d", s.name, n) }

func (s *story) api() *client.Client { return s.system.APIs[0].API() }

// tell runs the story and says what went wrong.
func (s *story) tell() string {
	ctx, cancel := context.WithTimeout(s.t.Context(), suspended)
	defer cancel()
	if err := s.begin(ctx); err != nil {
		return err.Error()
	}
	defer func() {
		for _, v := range s.viewers {
			v.Drop()
		}
	}()
	for range steps {
		if err := s.step(ctx); err != nil {
			return err.Error()
		}
	}
	return s.end(ctx)
}

func (s *story) begin(ctx context.Context) error {
	for i := range viewers {
		v := &viewer{user: fmt.Sprintf("user %d of %s", i, s.name)}
		connect := client.Connect{User: v.user}
		for c := range channels {
			connect.Channels = append(connect.Channels, s.channel(c))
		}
		connection, err := s.api().Connect(ctx, connect)
		if err != nil {
			return err
		}
		v.Viewer = harness.NewViewer(s.t, connection.ConnID)
		s.viewers = append(s.viewers, v)
		if s.random.IntN(2) == 0 {
			s.come(v)
		}
	}
	return nil
}

func (s *story) come(v *viewer) {
	at := s.random.IntN(gateways)
	s.note("%s comes to gateway %d with offset %d: %v", v.user, at, v.Offset(), v.Come(s.system.Gateways[at]))
}

// step does one thing.
func (s *story) step(ctx context.Context) error {
	switch n := s.random.IntN(20); {
	case n < 9 || len(s.posted) == 0:
		return s.post(ctx)
	case n < 12:
		return s.edit(ctx)
	case n < 14:
		return s.remove(ctx)
	case n < 17:
		v := s.viewers[s.random.IntN(viewers)]
		s.note("%s drops", v.user)
		v.Drop()
		return nil
	}
	s.come(s.viewers[s.random.IntN(viewers)])
	return nil
}

// post posts a list of one to three messages, some of them private or with somebody left out.
func (s *story) post(ctx context.Context) error {
	var list []client.Message
	var made []*message
	for range 1 + s.random.IntN(3) {
		m := &message{channel: s.channel(s.random.IntN(channels)), text: fmt.Sprint("text ", len(s.posted)+len(made))}
		post := client.Message{User: "app", Channel: m.channel, Message: m.text}
		switch who := s.viewers[s.random.IntN(viewers)].user; s.random.IntN(8) {
		case 0:
			m.only, post.PMUsers = who, []string{who}
		case 1:
			m.not, post.ExcludeUsers = who, []string{who}
		}
		list, made = append(list, post), append(made, m)
	}
	published, err := s.api().Publish(ctx, list...)
	if err != nil {
		return err
	}
	for i, m := range made {
		m.uuid = published[i].UUID
		s.note("posted %s %q to %s, only %q, not %q", m.uuid, m.text, m.channel, m.only, m.not)
	}
	s.posted = append(s.posted, made...)
	return nil
}

func (s *story) edit(ctx context.Context) error {
	m := s.posted[s.random.IntN(len(s.posted))]
	if m.removed {
		return nil
	}
	m.text += "'"
	s.note("edits %s to %q", m.uuid, m.text)
	_, err := s.api().EditMessages(ctx, client.Edit{UUID: m.uuid, Channel: m.channel, Message: m.text})
	return err
}

func (s *story) remove(ctx context.Context) error {
	m := s.posted[s.random.IntN(len(s.posted))]
	m.removed = true
	s.note("removes %s", m.uuid)
	return s.api().DeleteMessages(ctx, client.Deletion{UUID: m.uuid, Channel: m.channel})
}

// end brings everybody back, and compares.
func (s *story) end(ctx context.Context) string {
	const last = "the end"
	for _, v := range s.viewers {
		if !v.Here() {
			s.come(v)
		}
	}
	for c := range channels {
		if _, err := s.api().Publish(ctx, client.Message{User: "app", Channel: s.channel(c), Message: last}); err != nil {
			return err.Error()
		}
	}
	for _, v := range s.viewers {
		for c := range channels {
			channel := s.channel(c)
			v.Await(channel, last, s.system.Gateways...)
			if got, want := v.View(channel), append(s.model(v.user, channel), last); !slices.Equal(got, want) {
				return fmt.Sprintf("%s sees %q of %s, want %q; %s", v.user, got, channel, want, v.Faults())
			}
		}
		if faults := v.Faults(); faults != "" {
			return v.user + ": " + faults
		}
	}
	return ""
}

// model is what a user sees of a channel.
func (s *story) model(user, channel string) []string {
	var texts []string
	for _, m := range s.posted {
		if m.channel == channel && !m.removed && m.not != user && (m.only == "" || m.only == user) {
			texts = append(texts, m.text)
		}
	}
	return texts
}
