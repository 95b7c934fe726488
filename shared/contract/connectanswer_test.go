package contract

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestAConnectAnswerIsCutAndNotDecoded(t *testing.T) {
	t.Parallel()
	full := golden()["connect_answer"].(ConnectAnswer)
	for _, head := range []ConnectAnswer{
		{}, {History: true}, {Seen: Seen{Revision: 7}}, {Seen: Seen{Settings: 1 << 60}},
		{Seen: Seen{Revision: 1, Settings: 20}, History: true},
	} {
		answer := full
		answer.Seen, answer.History = head.Seen, head.History
		written, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		got, body, ok := CutConnectAnswer(written)
		if !ok || !reflect.DeepEqual(got, head) {
			t.Errorf("%v, %+v, want %+v", ok, got, head)
		}
		var back ConnectAnswer
		answer.Seen, answer.History = Seen{}, false
		if err := json.Unmarshal(body, &back); err != nil || !reflect.DeepEqual(back, answer) {
			t.Errorf("%v: %s", err, body)
		}
	}
}

// What another version writes otherwise is decoded; it is not cut where it can not be.
func TestAConnectAnswerOfAnotherFormIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `{`, `{}`, `null`, `{"revision":}`, `{"revision":7`, `{"revision":x,"conn_id":"c"}`, `{"user":"a","conn_id":"c"}`,
		` {"conn_id":"c"}`, `{"revision": 7,"conn_id":"c"}`, `{"tomorrow":1,"conn_id":"c"}`, `{"revision":1.5,"conn_id":"c"}`,
	} {
		answer := []byte(text)
		if _, _, ok := CutConnectAnswer(answer); ok || string(answer) != text {
			t.Errorf("%s became %s", text, answer)
		}
	}
}
