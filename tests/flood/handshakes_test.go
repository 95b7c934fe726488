package flood

import (
	"strings"
	"testing"
	"time"
)

// halfHandshakes is a thousand connections whose requests do not come to an end.
const halfHandshakes = 1000

// slowly is how a server may end them: it gives them up, with or without a word.
var slowly = []string{endCut, "HTTP 400", "HTTP 408"}

func TestConnectionsThatSayNothing(t *testing.T) {
	s := newServer(t)
	r := withstand(t, s, attack{
		order:  order{Program: "hang", Many: halfHandshakes},
		memory: fewMegabytes, least: halfHandshakes / 10,
		ends: slowly,
	})
	if r.Answers > 0 {
		t.Errorf("%d connections that said nothing were answered", r.Answers)
	}
}

func TestHandshakesOfAByteASecond(t *testing.T) {
	s := newServer(t)
	withstand(t, s, attack{
		order: order{
			Program: "hang", Many: halfHandshakes, First: []byte("GET /ws?conn_id="), Chunk: []byte("x"), Every: time.Second,
		},
		memory: fewMegabytes, least: halfHandshakes / 10,
		ends: slowly,
	})
}

func TestHeadersWithoutAnEnd(t *testing.T) {
	s := newServer(t)
	const lines = 500
	r := withstand(t, s, attack{
		order: order{
			Program: "pour", Many: 8, Again: true, First: []byte("GET /ws?conn_id=x HTTP/1.1\r\nHost: flood\r\n"),
			Chunk: []byte(strings.Repeat("X-More: and more and more\r\n", lines)), Units: lines,
		},
		memory: fewMegabytes, least: lines,
		ends: []string{endCut, "HTTP 431"},
	})
	if r.Ends["HTTP 431"]+r.Ends[endCut] == 0 {
		t.Error("a request whose headers do not end was not ended")
	}
}
