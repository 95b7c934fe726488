package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

// bindings are the values that named placeholders stand for, by placeholder.
type bindings map[string]any

// match compares JSON with what is wanted of it and says where they differ. The order of keys does not count. In place of
// a value that nobody can know stands what it is: "<uuid>", "<time>", "<number>", "<sentence>", "<sentences>". With a
// name, as in "<uuid first>", it is the same value wherever it stands. The key or item "…" allows others.
func match(want string, got []byte, known bindings) []string {
	wanted, err := decode([]byte(want))
	if err != nil {
		return []string{fmt.Sprintf("the wanted JSON %s: %v", want, err)}
	}
	value, err := decode(got)
	if err != nil {
		return []string{fmt.Sprintf("%s is no JSON: %v", got, err)}
	}
	m := matcher{known: known}
	m.value("", wanted, value)
	return m.differences
}

func decode(p []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

const others = "…"

type matcher struct {
	known       bindings
	differences []string
}

func (m *matcher) differ(at string, want, got any) {
	m.differences = append(m.differences, fmt.Sprintf("at %q: want %s, got %s", at, encode(want), encode(got)))
}

func (m *matcher) value(at string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		if object, is := got.(map[string]any); is {
			m.object(at, want, object)
			return
		}
		m.differ(at, want, got)
	case []any:
		if list, is := got.([]any); is {
			m.list(at, want, list)
			return
		}
		m.differ(at, want, got)
	case string:
		if strings.HasPrefix(want, "<") {
			m.placeholder(at, want, got)
		} else if want != got {
			m.differ(at, want, got)
		}
	default: // null, a boolean or a number
		if want != got {
			m.differ(at, want, got)
		}
	}
}

func (m *matcher) object(at string, want, got map[string]any) {
	_, open := want[others]
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if key == others {
			continue
		}
		value, found := got[key]
		if !found {
			m.differences = append(m.differences, fmt.Sprintf("at %q: %q is missing", at, key))
			continue
		}
		m.value(at+"."+key, want[key], value)
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, wanted := want[key]; !wanted && !open {
			m.differences = append(m.differences, fmt.Sprintf("at %q: there is also %q: %s", at, key, encode(got[key])))
		}
	}
}

// list wants the items in order, and nothing else but where others may be.
func (m *matcher) list(at string, want, got []any) {
	open := slices.Contains(want, any(others))
	want = slices.DeleteFunc(slices.Clone(want), func(item any) bool { return item == others })
	if !open && len(want) != len(got) {
		m.differ(at, want, got)
		return
	}
	next := 0
	for i, item := range want {
		if open {
			for next < len(got) && !m.fits(item, got[next]) {
				next++
			}
		}
		if next == len(got) {
			m.differ(fmt.Sprintf("%s.%d", at, i), item, got)
			return
		}
		m.value(fmt.Sprintf("%s.%d", at, i), item, got[next])
		next++
	}
}

func (m *matcher) fits(want, got any) bool {
	try := matcher{known: maps.Clone(m.known)}
	try.value("", want, got)
	return len(try.differences) == 0
}

func (m *matcher) placeholder(at, want string, got any) {
	kind, name, _ := strings.Cut(strings.Trim(want, "<>"), " ")
	if !is(kind, got) {
		m.differ(at, want, got)
		return
	}
	if name == "" {
		return
	}
	if before, bound := m.known[want]; bound && before != got {
		m.differences = append(m.differences, fmt.Sprintf("at %q: %s was %v, got %v", at, want, before, got))
	}
	m.known[want] = got
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// is says whether a value is of a kind. A time has all six digits of its microseconds.
func is(kind string, value any) bool {
	text, _ := value.(string)
	switch kind {
	case "uuid":
		return uuid.MatchString(text)
	case "time":
		moment, err := time.Parse(contract.TimestampLayout, text)
		return err == nil && moment.Format(contract.TimestampLayout) == text
	case "number":
		_, is := value.(json.Number)
		return is
	case "sentence":
		return strings.HasSuffix(text, ".")
	case "sentences":
		list, is := value.([]any)
		return is && len(list) > 0 && !slices.ContainsFunc(list, func(item any) bool {
			text, is := item.(string)
			return !is || !strings.HasSuffix(text, ".")
		})
	}
	return false
}

func TestMatchSaysWhereJSONDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`{"a": 1, "b": [null, "x"]}`, `{"b":[null,"x"],"a":1}`, true},
		{`{"a": 1}`, `{"a":1,"b":2}`, false},
		{`{"a": 1, "…": 0}`, `{"a":1,"b":2}`, true},
		{`{"a": null}`, `{}`, false},
		{`[1, 2]`, `[1,2,3]`, false},
		{`[1, 2]`, `[2,1]`, false},
		{`["…", 2, 4]`, `[1,2,3,4]`, true},
		{`["…", 4, 2]`, `[1,2,3,4]`, false},
		{`[]`, `{}`, false},
		{`"<uuid>"`, `"7b7edea3-024c-460c-8a45-177ccbe374d9"`, true},
		{`"<uuid>"`, `"7B7EDEA3-024C-460C-8A45-177CCBE374D9"`, false},
		{`"<time>"`, `"2026-11-22T20:22:42.964056"`, true},
		{`"<time>"`, `"2026-11-22T20:22:42.964056Z"`, false},
		{`["<time a>", "<time a>"]`, `["2026-11-22T20:22:42.964056","2026-11-22T20:22:42.964057"]`, false},
		{`["<time a>", "<time b>"]`, `["2026-11-22T20:22:42.964056","2026-11-22T20:22:42.964057"]`, true},
		{`"<sentences>"`, `["This is wrong."]`, true},
		{`"<sentences>"`, `[]`, false},
		{`"<number>"`, `"1"`, false},
		{`{"a": [}`, `{}`, false},
		{`{}`, `no JSON`, false},
	} {
		if differences := match(c.want, []byte(c.got), bindings{}); (len(differences) == 0) != c.same {
			t.Errorf("%s and %s: %q", c.want, c.got, differences)
		}
	}
}
