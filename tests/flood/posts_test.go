package flood

import "testing"

// posts is a flood of Engine.IO POSTs with as many packets as one may hold, while nobody polls.
func posts(s *server, packet string, hello ...string) attack {
	const many = 1000
	return attack{
		order: order{
			Program: "post", Many: 3, Hello: hello, Chunk: payload(many, packet), Units: many,
		},
		memory: fewMegabytes, least: many,
		ends: []string{"HTTP 400"},
	}
}

func TestPostsOfManyEventsWhileNobodyPolls(t *testing.T) {
	s := newServer(t)
	hello := `40/stream,{"username":"` + mallory + `","sig":"` + s.app.UserSignature(mallory) + `"}`
	withstand(t, s, posts(s, `42/stream,7["x"]`, hello))
}

func TestPostsOfManyHeartbeatsBeforeAnyCredentials(t *testing.T) {
	s := newServer(t)
	withstand(t, s, posts(s, "3"))
}
