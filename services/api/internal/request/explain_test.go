package request

import (
	"net/url"
	"strings"
	"testing"
)

const aUUID = "09d65887-4e12-46d1-96d1-e8441645235b"

func TestExplainReadsABodyAndAQueryAlike(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Explain{
		`{"message":"` + aUUID + `","conn_id":"c1"}`:                                {UUID: aUUID, ConnID: "c1"},
		`{"message":"` + strings.ToUpper(aUUID) + `","user":"ä","channel":"a b&c"}`: {UUID: aUUID, User: "ä", Channel: "a b&c"},
		`{"message":"1782398812160001","username":"alice"}`:                         {Offset: 1782398812160001, User: "alice"},
		`{"message":12,"conn_id":"c1"}`:                                             {Offset: 12, ConnID: "c1"},
	} {
		got, err := ReadExplain([]byte(body), url.Values{"user": {"not read"}}, limits)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	query, err := url.ParseQuery("message=" + aUUID + "&user=%C3%A4%22&channel=a+b%26c&secret=x")
	if err != nil {
		t.Fatal(err)
	}
	want := Explain{UUID: aUUID, User: `ä"`, Channel: "a b&c"}
	if got, err := ReadExplain(nil, query, limits); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestExplainNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, paths := range map[string][]string{
		`{}`:                                                       {"message", "conn_id"},
		`{"message":"x","conn_id":"c"}`:                            {"message"},
		`{"message":0,"conn_id":"c"}`:                              {"message"},
		`{"message":-1,"conn_id":"c"}`:                             {"message"},
		`{"message":1.5,"conn_id":"c"}`:                            {"message"},
		`{"message":null,"conn_id":"c"}`:                           {"message"},
		`{"message":[1],"conn_id":"c"}`:                            {"message"},
		`{"message":1e400,"conn_id":"c"}`:                          {"message"},
		`{"message":18446744073709551616,"conn_id":"c"}`:           {"message"},
		`{"message":1,"conn_id":"c","user":"u"}`:                   {"user"},
		`{"message":1,"conn_id":"","channel":"","x":1}`:            {"conn_id", "channel", "x"},
		`{"message":1,"user":"` + strings.Repeat("u", 513) + `"}`:  {"user"},
		`{"message":1,"user":7}`:                                   {"user"},
		`{"message":1,"user":"a","username":"b"}`:                  {"username"},
		`{"message":1,"user":"a","channel":"a\u0000b"}`:            {"channel"},
		`{"message":"` + strings.Repeat("1", 50) + `","user":"a"}`: {"message"},
	} {
		_, err := ReadExplain([]byte(body), nil, limits)
		wantPaths(t, err, paths...)
	}
	_, err := ReadExplain(nil, url.Values{"message": {"1"}, "conn_id": {"c"}, "nope": {"1"}}, limits)
	wantPaths(t, err, "nope")
	_, err = ReadExplain(nil, url.Values{"message": {"1", "2"}, "conn_id": {"a\xff"}}, limits)
	wantPaths(t, err, "message", "conn_id")
}

func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"message":1,"conn_id":"x"}`), "")
	f.Add([]byte(`{"message":"`+aUUID+`","user":"x","channel":"y"}`), "")
	f.Add([]byte(``), "message=1&conn_id=x")
	f.Fuzz(func(t *testing.T, body []byte, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		request, err := ReadExplain(body, values, limits)
		if strings.TrimSpace(string(body)) == "" {
			body = []byte("{}")
		}
		if !judged(t, body, err) {
			return
		}
		good(t, request.ConnID+request.User, limits.User)
		if (request.UUID == "") == (request.Offset == 0) {
			t.Fatalf("accepted %+v", request)
		}
	})
}
