package record

import (
	"fmt"
	"testing"
)

// What a connection gets when its socket opens: what was posted since /connect.
func tellOfCatchUp(t *testing.T, s *stage) {
	for name, tell := range map[string]func(*testing.T, *story){
		"messages":              tellOfMissedMessages,
		"edits and deletions":   tellOfMissedEdits,
		"limits":                tellOfLimits,
		"channels without logs": tellOfFleetingMessages,
		"17 later and earlier":  tellOfLaterSubscriptions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tell(t, s.story())
		})
	}
}

// opens opens the socket of a user, who gets these frames and no other.
func (s *story) opens(t *testing.T, name, user string, channels []string, want ...string) {
	t.Helper()
	s.open(t, user, user, channels...)
	t.Run(name, func(t *testing.T) { s.compare(t, frames{user: want}) })
}

// late is a message as a client gets it that was not there.
func late(given string) string { return with(sent(`{"catchup": true}`), given) }

func posting(name, messages string) exchange {
	return exchange{name: name, request: `POST /message [` + messages + `]`, answer: done}
}

// In the record the messages of channels, by name, come before the private ones. Here all come as they were posted, which
// is the order of their offsets.
func tellOfMissedMessages(t *testing.T, s *story) {
	s.register(t, "k1", "kx", "ky")
	s.tell(t, []exchange{
		posting("messages", `{"user": "s", "channel": "ky", "message": {"n": 0}}, {"user": "s", "channel": "kx", "message": {"n": 1}, "extra": 1},
			{"user": "s", "pm_users": ["k1"], "message": {"n": "pm"}}, {"user": "s", "channel": "kx", "message": {"n": 2}}`),
		posting("messages for others", `{"user": "s", "channel": "kx", "message": "excl", "exclude_users": ["k1"]},
			{"user": "s", "channel": "kx", "message": "pm", "pm_users": ["k2"]}, {"user": "s", "pm_users": ["k1", "k2"], "message": "both", "exclude_users": ["k1"]},
			{"user": "s", "channel": "k-elsewhere", "message": "elsewhere"}, {"user": "s", "pm_users": ["k2"], "message": "pm"}`),
		posting("messages for k1, one without history", `{"user": "s", "channel": "kx", "message": {"n": 3}, "pm_users": ["k1"], "exclude_users": ["k2"]},
			{"user": "s", "channel": "kx", "message": {"n": 4}, "no_history": true}`),
	})
	s.opens(t, "the socket opens", "k1", []string{"kx", "ky"},
		late(`{"channel": "ky", "message": {"n": 0}}`),
		late(`{"channel": "kx", "message": {"n": 1}, "extra": 1}`),
		late(`{"message": {"n": "pm"}}`),
		late(`{"channel": "kx", "message": {"n": 2}}`),
		late(`{"channel": "kx", "message": {"n": 3}}`),
		late(`{"channel": "kx", "message": {"n": 4}}`))
	s.opens(t, "second socket for the same conn_id: nothing more to catch up", "k1", []string{"kx", "ky"})
	s.tell(t, []exchange{{name: "what is posted now is no catch-up", request: `POST /message [{"user": "s", "channel": "kx", "message": 5}]`,
		answer: done, frames: frames{"k1": {sent(`{"channel": "kx", "message": 5}`)}}}})
}

func tellOfMissedEdits(t *testing.T, s *story) {
	const edited, removed, earlier = `"uuid": "e0000000-0000-4000-8000-000000000001"`, `"uuid": "e0000000-0000-4000-8000-000000000002"`,
		`"uuid": "e0000000-0000-4000-8000-000000000003"`
	s.tell(t, []exchange{posting("before the connection", `{`+earlier+`, "user": "s", "channel": "kz", "message": {"n": 0}}`)})
	s.register(t, "k3", "kz")
	s.tell(t, []exchange{
		posting("two messages", `{`+edited+`, "user": "s", "channel": "kz", "message": {"n": 1}}, {`+removed+`, "user": "s", "channel": "kz", "message": {"n": 2}}`),
		{name: "edit", request: `PATCH /message [{` + edited + `, "channel": "kz", "message": {"n": "edited"}}, {` + earlier + `, "channel": "kz", "message": 1}]`,
			answer: ok(`[{"edited": "<time edit>", "…": 0}, {"…": 0}]`)},
		{name: "delete", request: `DELETE /message [{` + removed + `, "channel": "kz"}]`, answer: done},
	})
	s.opens(t, "the stored frame is altered/removed, and the edit/delete event itself is a catch-up frame too", "k3", []string{"kz"},
		late(`{`+edited+`, "channel": "kz", "message": {"n": "edited"}, "edited": "<time edit>"}`),
		`{`+edited+`, "channel": "kz", "message": {"n": "edited"}, "edited": "<time edit>", "type": "message:edit", "catchup": true}`,
		`{`+earlier+`, "channel": "kz", "message": 1, "edited": "<time>", "type": "message:edit", "catchup": true}`,
		`{`+removed+`, "channel": "kz", "type": "message:delete", "catchup": true}`)
}

func tellOfLimits(t *testing.T, s *story) {
	const channel, private = 105, 55
	s.register(t, "k4", "kl")
	var contents, want []string
	var messages []map[string]any
	for n := range channel {
		contents = append(contents, fmt.Sprint(n))
		if n >= channel-100 {
			want = append(want, late(fmt.Sprintf(`{"channel": "kl", "message": %d}`, n)))
		}
	}
	for n := range private {
		messages = append(messages, map[string]any{"user": "s", "pm_users": []string{"k4"}, "message": n})
		if n >= private-50 {
			want = append(want, late(fmt.Sprintf(`{"message": %d}`, n)))
		}
	}
	s.tell(t, []exchange{
		postAll("many messages", "kl", contents...),
		{name: "many private ones", request: `POST /message ` + encode(messages), answer: done},
	})
	s.opens(t, "last 100 of a channel, last 50 of the private ones", "k4", []string{"kl"}, want...)
}

func tellOfFleetingMessages(t *testing.T, s *story) {
	s.tell(t, []exchange{configured("kf", `{"store_frames": false, "store_history": true}`)})
	s.register(t, "k5", "kf")
	s.tell(t, []exchange{
		posting("a message", `{"user": "s", "channel": "kf", "message": "missed"}`),
		shown("history has it", "kf", saying(`"missed"`)),
	})
	s.opens(t, "store_frames false: nothing to catch up", "k5", []string{"kf"})
	s.tell(t, []exchange{{name: "but what comes is heard", request: `POST /message [{"user": "s", "channel": "kf", "message": "heard"}]`,
		answer: done, frames: frames{"k5": {sent(`{"channel": "kf", "message": "heard"}`)}}}})
}

func tellOfLaterSubscriptions(t *testing.T, s *story) {
	s.register(t, "pmoff")
	s.tell(t, []exchange{
		{name: "pmoff goes", request: `POST /disconnect {"conn_id": "pmoff"}`, answer: ok(`true`)},
		posting("a PM to a known user who has no live connection", `{"user": "s", "pm_users": ["pmoff"], "message": 1}`),
	})
	s.register(t, "pmoff")
	s.opens(t, "is not delivered at the next /connect", "pmoff", nil)
	s.register(t, "cu2")
	s.tell(t, []exchange{
		posting("a message before cu2 subscribes", `{"user": "s", "channel": "cuA", "message": {"n": "before subscribe"}}`),
		{name: "cu2 subscribes", request: `POST /subscribe {"conn_id": "cu2", "channels": ["cuA"]}`, answer: done},
	})
	s.opens(t, "channel catch-up reaches a connection that subscribed after the message", "cu2", []string{"cuA"},
		late(`{"channel": "cuA", "message": {"n": "before subscribe"}}`))
}
