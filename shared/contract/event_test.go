package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const announced = `{"user":"bob","state":{"a":"$1+1"},"status":1}`

func opened(value, body string) (told []string) {
	for _, e := range OpenEvents(value, []byte(body)) {
		told = append(told, fmt.Sprintf("%s(%s)", e.Name, bytes.Join(e.Args, nil)))
	}
	return told
}

// What gateways of other versions write and read: it only ever grows.
func TestEventsAreToldWithValuesOfTheBody(t *testing.T) {
	t.Parallel()
	user, state, status := EventValue(8, 5), EventValue(22, 12), EventValue(44, 1)
	if user != "$8+5" {
		t.Errorf("a value is %s", user)
	}
	value := JoinEvents(`user_connect,{"user":`+user+`,"status":`+status+`,"state":`+state+`}`, "presence_join,"+user+`,["a"]`, "n,1")
	want := []string{`user_connect({"user":"bob","status":1,"state":{"a":"$1+1"}})`, `presence_join("bob",["a"])`, `n(1)`}
	if got := opened(value, announced); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
	e := OpenEvents(value, []byte(announced))[0]
	if e.Size() != len(`{"user":"bob","status":1,"state":{"a":"$1+1"}}`) {
		t.Errorf("its arguments take %d bytes", e.Size())
	}
}

func TestEventsThatAreNotAsTheyShouldBeAreNone(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "e", ",1", "E,1", `a",1`, strings.Repeat("e", maxEventName+1) + ",1", "e,$", "e,$1", "e,$1+", "e,$+1", "e,$-1+1", "e,$1+-1", "e,$1-1",
		"e,$0+47", "e,$47+0", "e,$46+1", "e,$9223372036854775807+9223372036854775807", "e,$99999999999999999999+1", "e,1 ", " e,1", "e,1  e,2",
		"e,1 e,$", "e,", "e,$46+0", strings.TrimSuffix(strings.Repeat("e,1 ", maxEvents+1), " "), "e," + strings.Repeat("$0+1", maxPieces),
	} {
		if got := opened(value, announced); got != nil {
			t.Errorf("%.50q became %q", value, got)
		}
	}
	if got := opened("e,$46+0$0+46", announced); len(got) != 1 || got[0] != "e("+announced+")" {
		t.Errorf("all of a body is %q", got)
	}
}

func FuzzOpenEvents(f *testing.F) {
	f.Add(`user_connect,{"user":$8+5} presence_join,$8+5,["a"]`, []byte(announced))
	f.Add("e,$0+46$46+0", []byte(announced))
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		events := OpenEvents(value, body)
		if len(events) > maxEvents {
			t.Fatalf("%d events", len(events))
		}
		for _, e := range events {
			if !isEventName(e.Name) || len(e.Args) > 2*maxPieces || e.Size() > len(value)+len(e.Args)*len(body) {
				t.Errorf("%q: %s with %d pieces of %d bytes", value, e.Name, len(e.Args), e.Size())
			}
		}
	})
}
