package contract

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

const object = `{"message":"\n","catchup":false}`

// longList is a list of users that is too large for a header.
func longList(of string) string {
	var users []string
	for n := range 1000 {
		users = append(users, fmt.Sprintf("%s %060d", of, n))
	}
	return JoinTokens(users)
}

func TestListsOfUsersStandInHeaders(t *testing.T) {
	t.Parallel()
	for _, list := range []struct{ pm, exclude string }{{"", ""}, {"a,b", ""}, {"", "c"}, {"a,b", "c"}} {
		h := map[string][]string{}
		if body := SetAudience(h, []byte(object), list.pm, list.exclude); string(body) != object {
			t.Errorf("%v: the body is %s", list, body)
		}
		want := map[string][]string{}
		if list.pm != "" {
			want["Cs-Pm"] = []string{list.pm}
		}
		if list.exclude != "" {
			want["Cs-Exclude"] = []string{list.exclude}
		}
		if fmt.Sprint(h) != fmt.Sprint(want) {
			t.Errorf("%v: the header is %v", list, h)
		}
		if body := OpenAudience(h, []byte(object)); string(body) != object || fmt.Sprint(h) != fmt.Sprint(want) {
			t.Errorf("%v: opened it is %s with %v", list, body, h)
		}
	}
	if body := OpenAudience(nil, []byte(object)); string(body) != object {
		t.Errorf("without a header: %s", body)
	}
}

func TestListsTooLargeForAHeaderStandBehindTheObject(t *testing.T) {
	t.Parallel()
	pm, exclude := longList("pm"), longList("not")
	for _, list := range []struct{ pm, exclude string }{{pm, ""}, {"", exclude}, {pm, exclude}} {
		h := map[string][]string{HeaderMore: {"1"}}
		body := SetAudience(h, []byte(object), list.pm, list.exclude)
		// What crosses: yesterday's gateways find a user that nobody is.
		want := map[string][]string{HeaderMore: {"1"}, "Cs-Pm": {"=="}, "Cs-Audience": {fmt.Sprint(len(object))}}
		if fmt.Sprint(h) != fmt.Sprint(want) || string(body) != object+list.pm+"\n"+list.exclude+"\n" {
			t.Fatalf("the header is %.200v, the body %.200s", h, body)
		}
		for range 2 { // the second time there is nothing to do
			if body = OpenAudience(h, body); string(body) != object {
				t.Errorf("opened it is %.200s", body)
			}
			if got := (struct{ pm, exclude string }{first(h["Cs-Pm"]), first(h["Cs-Exclude"])}); got != list {
				t.Errorf("the lists are %.200v", got)
			}
		}
		if _, left := h["Cs-Audience"]; left || len(h) > 3 {
			t.Errorf("the header is %v", maps.Keys(h))
		}
	}
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func TestABodyThatIsNotAsItsHeaderSaysIsForNobody(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"", "x", "-1", "9999", "1", fmt.Sprint(len(object)), fmt.Sprint(len(object) + 2)} {
		for _, tail := range []string{"", "a", "a\nb", "a\nb\nc", "\n"} {
			h := map[string][]string{HeaderPM: {nobody}, HeaderAudience: {size}}
			if body := OpenAudience(h, []byte(object+tail)); string(body) != object+tail || h[HeaderPM][0] != nobody {
				t.Errorf("size %s, tail %q: for %q", size, tail, h[HeaderPM])
			}
		}
	}
}

func TestNobodyIsNoUsersToken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "=", "==", "===", strings.Repeat("=", 512), strings.Repeat("x", 5000), "\x00"} {
		if EncodeToken(name) == nobody {
			t.Errorf("it is that of %q", name)
		}
	}
}

func FuzzOpenAudience(f *testing.F) {
	f.Add("6", []byte(`{"a":1}a,b`+"\nc\n"))
	f.Add("7", []byte(`{"a":1}a,b`+"\n\n"))
	f.Fuzz(func(t *testing.T, size string, body []byte) {
		h := map[string][]string{HeaderPM: {nobody}, HeaderAudience: {size}}
		got := OpenAudience(h, body)
		if len(got) > len(body) || string(got) != string(body[:len(got)]) {
			t.Fatalf("%q became %q", body, got)
		}
		if _, closed := h[HeaderAudience]; closed && (h[HeaderPM][0] != nobody || len(got) != len(body)) {
			t.Fatalf("half opened: %q with %v", got, h)
		}
	})
}
