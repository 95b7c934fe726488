package fold_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/fold"
)

func wantEdit(t *testing.T, original, edit, want string) {
	t.Helper()
	before := strings.Clone(original)
	text := []byte(original)
	got, err := fold.Edit(text, []byte(edit))
	if err != nil || string(got) != want {
		t.Errorf("%s edited by %s is\n%s, %v\nwant\n%s", original, edit, got, err, want)
	}
	if string(text) != before {
		t.Errorf("the original became %s", text)
	}
}

const original = `{"uuid":"u","type":"message","user":"s","channel":"c","message":{"text":"old"},` +
	`"timestamp":"t0","edited":null,"extra":1,"catchup":false}`

func TestAnEditReplacesWhatItHasAndNothingElse(t *testing.T) {
	t.Parallel()
	wantEdit(t, original, `{"message":{"text":"new"},"edited":"t1","uuid":"u","channel":"c","foreign":7,"type":"message:edit"}`,
		`{"uuid":"u","type":"message","user":"s","channel":"c","message":{"text":"new"},"timestamp":"t0","edited":"t1","extra":1,"catchup":false}`)
	wantEdit(t, original, `{"user":"e","message":null,"timestamp":"t2","edited":"t1"}`,
		`{"uuid":"u","type":"message","user":"e","channel":"c","message":null,"timestamp":"t2","edited":"t1","extra":1,"catchup":false}`)
	wantEdit(t, original, `{}`, original)
}

func TestAKeyThatIsMissingIsPutInBeforeTheEnd(t *testing.T) {
	t.Parallel()
	wantEdit(t, `{"a":1,"catchup":false}`, `{"edited":"t","user":"u"}`, `{"a":1,"user":"u","edited":"t","catchup":false}`)
	wantEdit(t, `{"catchup":false}`, `{"user":"u"}`, `{"user":"u","catchup":false}`)
	wantEdit(t, `{}`, `{"edited":"t","user":"u"}`, `{"user":"u","edited":"t"}`)
	wantEdit(t, `{"user":"a"}`, `{"user":"b","message":[1]}`, `{"message":[1],"user":"b"}`)
}

func TestAnEditedLiveMessageEndsInTheLiveMark(t *testing.T) {
	t.Parallel()
	for _, text := range []string{original, `{"a":1,"catchup":false}`, `{"message":"}","catchup":false}`} {
		got, err := fold.Edit([]byte(text), []byte(`{"user":"x","message":",\"catchup\":false}","timestamp":"t","edited":"e"}`))
		if err != nil || !bytes.HasSuffix(got, []byte(contract.LiveMark)) {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestKeysOfNestedObjectsAreNotEdited(t *testing.T) {
	t.Parallel()
	wantEdit(t, `{"own":{"user":"n","message":[{"user":"m"}]},"user":"s","message":{"message":1,"user":2},"z":0}`,
		`{"own":{"user":"no","edited":"no"},"user":"e","deep":[{"message":"no"}]}`,
		`{"own":{"user":"n","message":[{"user":"m"}]},"user":"e","message":{"message":1,"user":2},"z":0}`)
}

func TestEscapedKeysAreTheKeysTheyMean(t *testing.T) {
	t.Parallel()
	wantEdit(t, `{"\u0075ser":"s","us\"er":1,"z":"\\"}`, `{"us\u0065r":"e","us\"er":2}`, `{"\u0075ser":"e","us\"er":1,"z":"\\"}`)
	wantEdit(t, `{"User":"s","z":1}`, `{"USER":"e"}`, `{"User":"s","z":1}`)
}

func TestStringsThatLookLikeStructureAreStrings(t *testing.T) {
	t.Parallel()
	wantEdit(t, `{"a":"}{\",\"user\":\"x\\","user":"\\\"","z":"]"}`, `{"a":"\"user\":1","user":"{\\"}`,
		`{"a":"}{\",\"user\":\"x\\","user":"{\\","z":"]"}`)
}

func TestOfEqualKeysAllAreReplacedByTheLast(t *testing.T) {
	t.Parallel()
	wantEdit(t, `{"user":"a","user":"b","z":1}`, `{"user":"c","user":"d"}`, `{"user":"d","user":"d","z":1}`)
}

func TestNumbersAndSpaceStayAsWritten(t *testing.T) {
	t.Parallel()
	const huge = `123456789012345678901234567890.10e+0400`
	wantEdit(t, ` { "n" : `+huge+` , "message" : 1.50 , "z" : -0 } `, `{ "message" : `+huge+` }`,
		` { "n" : `+huge+` , "message" : `+huge+` , "z" : -0 } `)
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	bomb := strings.Repeat(`{"a":`, 20_000) + `1` + strings.Repeat(`}`, 20_000)
	for _, text := range []string{``, ` `, `null`, `[]`, `"{}"`, `5`, `{`, `{"a":1`, `{"a":1}}`, `{"a":1}{"b":2}`, `{a:1}`, `{"a":1,}`, `{"user":"`, bomb} {
		if got, err := fold.Edit([]byte(text), []byte(`{"user":"x"}`)); !errors.Is(err, fold.ErrNoObject) {
			t.Errorf("the message %.20q became %.20q, %v", text, got, err)
		}
		if got, err := fold.Edit([]byte(`{"user":"x"}`), []byte(text)); !errors.Is(err, fold.ErrNoObject) {
			t.Errorf("by %.20q it became %.20q, %v", text, got, err)
		}
		if _, err := fold.FieldsOf([]byte(text)); !errors.Is(err, fold.ErrNoObject) {
			t.Errorf("%.20q has fields: %v", text, err)
		}
	}
}

func TestFieldsAreThoseThatAnEditReplaces(t *testing.T) {
	t.Parallel()
	of := func(edit string) fold.Fields {
		fields, err := fold.FieldsOf([]byte(edit))
		if err != nil {
			t.Fatal(err)
		}
		return fields
	}
	all := of(`{"user":"a","message":null,"timestamp":"t","edited":"e"}`)
	for _, one := range []string{`{"user":1}`, `{"message":null}`, `{"timestamp":""}`, `{"edited":1}`} {
		if fields := of(one); fields == 0 || all&fields != fields || all == fields {
			t.Errorf("%s has %b of %b", one, fields, all)
		}
	}
	if fields := of(`{"User":1,"own":{"user":1},"uuid":"u"}`); fields != 0 {
		t.Errorf("others have %b", fields)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte(original), []byte(`{"user":"e","message":{"message":[{}]},"edited":"t"}`))
	f.Add([]byte(` { "\u0075ser" : [ 1 , "}" ] } `), []byte(`{"user":1e400,"user":{}}`))
	f.Add([]byte(`{}`), []byte(`{"a":{"user":1},"timestamp":"\\"}`))
	f.Fuzz(func(t *testing.T, original, edit []byte) {
		before, change := bytes.Clone(original), bytes.Clone(edit)
		got, err := fold.Edit(original, edit)
		if !bytes.Equal(original, before) || !bytes.Equal(edit, change) {
			t.Fatal("an argument was changed")
		}
		var had, by, has map[string]json.RawMessage
		bad := json.Unmarshal(original, &had) != nil || had == nil || json.Unmarshal(edit, &by) != nil || by == nil
		if bad != (err != nil) {
			t.Fatalf("%q by %q: %v", original, edit, err)
		}
		if err != nil {
			return
		}
		if err := json.Unmarshal(got, &has); err != nil {
			t.Fatalf("%q by %q became %q: %v", original, edit, got, err)
		}
		for _, key := range []string{"user", "message", "timestamp", "edited"} {
			if value, edited := by[key]; edited {
				had[key] = value
			}
		}
		if len(has) != len(had) {
			t.Fatalf("%q by %q became %q", original, edit, got)
		}
		for key, value := range had {
			if !bytes.Equal(has[key], value) {
				t.Fatalf("%q by %q became %q: %q is %q", original, edit, got, key, has[key])
			}
		}
	})
}
