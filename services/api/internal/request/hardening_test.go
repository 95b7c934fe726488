package request

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
)

func post(body string) error {
	_, err := Messages([]byte(body), limits, 1<<20, time.Now())
	return err
}

func TestDeepNestingIsMalformedNotAStackOverflow(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		strings.Repeat("[", 4<<20), strings.Repeat(`{"a":`, 1<<20), strings.Repeat("[", 201) + strings.Repeat("]", 201),
		`{"user":"a","channel":"c","message":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
	} {
		faultOf(t, post(body), contract.CodeMalformed)
	}
	if err := post(`{"user":"a","channel":"c","message":` + strings.Repeat("[", 199) + strings.Repeat("]", 199) + `}`); err != nil {
		t.Errorf("199 levels: %v", err)
	}
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `{bad`, `{"user":"a"} x`, `{"user":"a"}{}`, `{"user":"a",}`, `[1,]`, `{"user" "a"}`, `{'user':'a'}`, "\ufeff{}",
		`{"user":"a`, `{"user":"\x"}`, `{"user":"\u12"}`, "{\"user\":\"a\nb\"}", `01`, `-`, `1.`, `1e`, `.5`, `+1`, `NaN`, `tru`, `nul`, "[1 2]", "{,}", "[,]",
	} {
		faultOf(t, post(body), contract.CodeMalformed)
		_, err := Connect([]byte(body), limits)
		faultOf(t, err, contract.CodeMalformed)
	}
}

func TestDuplicateKeysAreMalformed(t *testing.T) {
	t.Parallel()
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	for _, body := range []string{
		`{"user":"a","user":"b","channel":"c"}`, `{"user":"a","\u0075ser":"b","channel":"c"}`,
		`[{"user":"a","channel":"c","channel":"d"}]`,
		`{"user":"a","channel":"c",` + strings.Join(many, ",") + `,"k99":2}`,
	} {
		faultOf(t, post(body), contract.CodeMalformed)
	}
	if err := post(`{"user":"a","channel":"c",` + strings.Join(many, ",") + `}`); err != nil {
		t.Errorf("a hundred keys: %v", err)
	}
	_, err := Connect([]byte(`{"user":"a","channel_configs":{"c":{"store_history":true,"store_history":false}}}`), limits)
	faultOf(t, err, contract.CodeMalformed)
	_, err = Connect([]byte(`{"user":"a","user_state":{"k":1,"k":2}}`), limits)
	faultOf(t, err, contract.CodeMalformed)
}

func TestKeysThatDifferInCaseAreNotTheSame(t *testing.T) {
	t.Parallel()
	_, err := Connect([]byte(`{"User":"a","user":"b"}`), limits)
	wantPaths(t, err, "User")
}

func TestInvalidUTF8IsMalformed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"} {
		faultOf(t, post(`{"user":"a","channel":"c","message":"`+bad+`"}`), contract.CodeMalformed)
	}
}

func TestHugeNumbersPassThroughAMessageDigitByDigit(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("9", 400) + "e9999"
	list, err := Messages([]byte(`{"user":"a","channel":"c","message":`+huge+`}`), limits, 0, time.Now())
	if err != nil || !strings.Contains(string(list[0].Object), `"message":`+huge+`,`) {
		t.Errorf("%v", err)
	}
}

func TestAMessageCanNotBreakOutOfItsObject(t *testing.T) {
	t.Parallel()
	list, err := Messages([]byte(`{"user":"a\",\"type\":\"presence","channel":"c\"}]\\","message":"\"}",
		"k\"}" : "\u2028" , "\u0022,\"uuid":1}`), limits, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(list[0].Object, &object); err != nil {
		t.Fatalf("%v: %s", err, list[0].Object)
	}
	if object["type"] != "message" || object["user"] != `a","type":"presence` || object["channel"] != `c"}]\` || len(object) != 10 {
		t.Errorf("clients got %s", list[0].Object)
	}
}

func TestTheFrameIsOneLine(t *testing.T) {
	t.Parallel()
	list, err := Messages([]byte("{\"user\":\"a\",\"channel\":\"c\",\"message\":{\r\n\t\"a b\" :\n [ 1 ,\n\"\\\\\\\" x\" ] },\r\n\"k\":\n{ }\n}\n"), limits, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if object := string(list[0].Object); strings.ContainsAny(object, "\r\n\t") || !strings.Contains(object, `"message":{"a b":[1,"\\\" x"]}`) {
		t.Errorf("clients got %q", object)
	}
}

func TestAThousandAndOneMessagesAreRefused(t *testing.T) {
	t.Parallel()
	body := "[" + strings.TrimSuffix(strings.Repeat(`{"user":"a","channel":"c"},`, 1001), ",") + "]"
	wantPaths(t, post(body), "_schema")
}

func TestPMUsersHaveALimit(t *testing.T) {
	t.Parallel()
	users := "[" + strings.TrimSuffix(strings.Repeat(`"u",`, 1001), ",") + "]"
	wantPaths(t, post(`{"user":"a","pm_users":`+users+`,"exclude_users":`+users+`}`), "pm_users", "exclude_users")
}

func TestPMUsersThatDoNotFitIntoHeadersAreRefused(t *testing.T) {
	t.Parallel()
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf(`"%s%d"`, strings.Repeat("ü", 250), i)
	}
	wantPaths(t, post(`{"user":"a","channel":"c","pm_users":[`+strings.Join(names, ",")+`]}`), "pm_users")
}

func TestFaultsHaveALimit(t *testing.T) {
	t.Parallel()
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	_, err := Connect([]byte("{"+strings.Join(keys, ",")+"}"), limits)
	if n := len(faultOf(t, err, contract.CodeInvalid).Fields); n > maxFaults+2 {
		t.Errorf("%d faults", n)
	}
}

func TestHeaderInjectionThroughNamesIsImpossible(t *testing.T) {
	t.Parallel()
	wantPaths(t, post(`{"user":"a","channel":"c","pm_users":["x\r\nNats-Msg-Id: 1"]}`), "pm_users.0")
	list, err := Messages([]byte(`{"user":"a","channel":"c","pm_users":["a,b","c: d"],"exclude_users":["*"]}`), limits, 0, time.Now())
	if err != nil || list[0].PM != "a=2Cb,c=3A=20d" || list[0].Except != "=2A" {
		t.Errorf("headers %q and %q (%v)", list[0].PM, list[0].Except, err)
	}
}
