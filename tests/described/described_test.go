package described

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/services/api/description"
	"github.com/channelstream/channelstream/services/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func served(t *testing.T) Documents {
	t.Helper()
	documents, err := Served()
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

func tree(t *testing.T, d *description.Document) map[string]any {
	t.Helper()
	tree, err := written(d)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// The api's own paths are held against its router where that is; those of other services here.
func TestThePathsOfClientsAreThoseOfTheGateway(t *testing.T) {
	t.Parallel()
	all, _ := tree(t, description.OpenAPI())["paths"].(map[string]any)
	var described []string
	for path, item := range all {
		if tags, _ := at(item, "get", "tags").([]any); len(tags) == 1 && tags[0] == "clients" {
			described = append(described, path)
		}
	}
	slices.Sort(described)
	if want := slices.Sorted(slices.Values(gateway.Endpoints())); !slices.Equal(described, want) {
		t.Errorf("described are %q, the gateway has %q", described, want)
	}
}

// exchange is a request that the api takes, and its answer; answer may change both.
func exchange(method, path, sent string, status int, got string, headers ...string) Exchange {
	u, _ := url.Parse("http://127.0.0.1" + path)
	e := Exchange{
		Method: method, URL: u, Header: http.Header{"X-Channelstream-Secret": {"signed"}}, Sent: []byte(sent),
		Status: status, Answer: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Got: []byte(got),
	}
	for i := 0; i+1 < len(headers); i += 2 {
		e.Answer.Set(headers[i], headers[i+1])
	}
	return e
}

const (
	aStatus      = `{"user":"alice","status":2,"state":{"color":"red"}}`
	aFault       = `{"error":"No.","code":"invalid","errors":{"user":["This field is required."]}}`
	unavailable  = `{"error":"Later.","code":"unavailable"}`
	anAskedFor   = `{"user":"alice","status":2}`
	aPostedOne   = `[{"uuid":"6f1c2a7e-0b5d-4d0a-9f57-3a1f3b1c2d4e","timestamp":"2026-01-02T03:04:05.000000","user":"s","channel":"c","pm_users":[],"exclude_users":[],"no_history":false,"message":null,"edited":null,"own":1}]`
	aListOfAll   = `[{"uuid":"6f1c2a7e-0b5d-4d0a-9f57-3a1f3b1c2d4e","type":"message","user":"s","channel":"c","message":1,"timestamp":"2026-01-02T03:04:05.000000","edited":null,"catchup":false,"own":1}]`
	aListOfEdits = `[{"uuid":"6f1c2a7e-0b5d-4d0a-9f57-3a1f3b1c2d4e","type":"message:edit","channel":"c","edited":"2026-01-02T03:04:05.000000"}]`
)

func TestAnExchangeAsDescribedIsNoFault(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]Exchange{
		"an answer":                         exchange("POST", "/user_status", anAskedFor, 200, aStatus),
		"a status in a string":              exchange("POST", "/user_status", `{"username":"alice","status":"2"}`, 200, aStatus),
		"a fault of a bad request":          exchange("POST", "/user_status", `{"state":1}`, 422, aFault),
		"a fault of a good one":             exchange("POST", "/user_status", anAskedFor, 422, aFault),
		"nobody is there":                   exchange("POST", "/user_status", anAskedFor, 503, unavailable, "Retry-After", "1"),
		"keys of the app's own":             exchange("POST", "/message", `{"user":"s","channel":"c","own":1}`, 200, aPostedOne),
		"no such path":                      exchange("GET", "/elsewhere", "", 404, `{"error":"No.","code":"not_found"}`),
		"no such method":                    exchange("GET", "/message", "", 405, `{"error":"No.","code":"method_not_allowed"}`, "Allow", "POST"),
		"a signature is looked at first":    exchange("BREW", "/message", "", 403, `{"error":"No.","code":"forbidden"}`),
		"whether there was a connection":    exchange("GET", "/disconnect?conn_id=a", "", 200, `true`),
		"the head of an answer":             exchange("HEAD", "/disconnect?conn_id=a", "", 200, ""),
		"a list of objects for a client":    exchange("GET", "/listen?conn_id=a&since=", "", 200, aListOfAll, "Cache-Control", "no-store"),
		"a socket":                          exchange("GET", "/ws?conn_id=a", "", 101, ""),
		"a page for people":                 exchange("GET", "/demo/", "", 200, "<html>", "Content-Type", "text/html"),
		"Socket.IO has words of its own":    exchange("GET", "/socket.io/?EIO=4", "", 200, "0{}", "Content-Type", "text/plain"),
		"health":                            exchange("GET", "/readyz", "", 503, `{"status":"failing","checks":{"nats":"failing"}}`),
		"all the ways to say that it is so": exchange("POST", "/channel_config", `{"c":{"store_history":"Yes","notify_state":1,"history_size":"5"}}`, 200, `{"channels":{},"users":[]}`),
		"an edit without what stays":        exchange("PATCH", "/message", `{"uuid":"6F1C2A7E0B5D4D0A9F573A1F3B1C2D4E","pm_users":["a"]}`, 200, `[]`),
		"a name that only says something":   exchange("POST", "/message", `{"user":"/s","pm_users":["a"]}`, 200, `[]`),
		"a connection named in the query":   exchange("POST", "/subscribe?conn_id=a", `{"channels":["c"]}`, 200, `{"channels":["c"],"channels_info":{"channels":{},"users":[]},"subscribed_to":["c"],"in_force":false}`),
		"a user in place of the connection": exchange("POST", "/subscribe", `{"user":"a","channels":["c"]}`, 200, `{"channels":["c"]}`),
		"who asks for all needs no body":    exchange("POST", "/info", "", 401, `{"error":"No.","code":"bad_signature"}`),
		"messages that may be posted again": exchange("POST", "/message", `[{"user":"s","channel":"c"}]`, 503, `{"error":"Later.","code":"unavailable","uuids":["6f1c2a7e-0b5d-4d0a-9f57-3a1f3b1c2d4e"]}`, "Retry-After", "1"),
	} {
		if err := served(t).HTTP.Check(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// This is the checker itself: what a server that changes would answer, or a request that it would begin to take.
func TestAnExchangeThatIsNotAsDescribedIsAFault(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]Exchange{
		"a new field of an answer":             exchange("POST", "/user_status", anAskedFor, 200, `{"user":"alice","status":2,"state":{},"since":1}`),
		"a field that is gone":                 exchange("POST", "/user_status", anAskedFor, 200, `{"user":"alice","status":2}`),
		"another type":                         exchange("POST", "/user_status", anAskedFor, 200, `{"user":"alice","status":"2","state":{}}`),
		"another answer":                       exchange("POST", "/user_status", anAskedFor, 200, `[]`),
		"no JSON":                              exchange("POST", "/user_status", anAskedFor, 200, `ok`),
		"another kind":                         exchange("POST", "/user_status", anAskedFor, 200, `ok`, "Content-Type", "text/plain"),
		"a new status":                         exchange("POST", "/user_status", anAskedFor, 201, aStatus),
		"a status of another path":             exchange("POST", "/user_status", anAskedFor, 409, `{"error":"No.","code":"conflict"}`),
		"the code of another status":           exchange("POST", "/user_status", anAskedFor, 422, unavailable),
		"a code that nobody knows":             exchange("POST", "/user_status", anAskedFor, 422, `{"error":"No.","code":"wrong","errors":{"a":["b"]}}`),
		"a 422 that names no field":            exchange("POST", "/user_status", anAskedFor, 422, `{"error":"No.","code":"invalid"}`),
		"a 503 that does not say when":         exchange("POST", "/user_status", anAskedFor, 503, unavailable),
		"a request with a field too many":      exchange("POST", "/user_status", `{"user":"alice","status":2,"since":1}`, 200, aStatus),
		"a request with a field too few":       exchange("POST", "/user_status", `{"user":"alice"}`, 200, aStatus),
		"a request of another type":            exchange("POST", "/user_status", `{"user":1,"status":2}`, 200, aStatus),
		"a user named as a path":               exchange("POST", "/user_status", `{"user":"/message","status":2}`, 200, aStatus),
		"a name that is too long":              exchange("POST", "/user_status", `{"user":"`+strings.Repeat("a", 513)+`","status":2}`, 200, aStatus),
		"a list that is too long":              exchange("POST", "/subscribe", `{"user":"a","channels":["a"`+strings.Repeat(`,"a"`, 1000)+`]}`, 200, `{"channels":[]}`),
		"a message for nobody":                 exchange("POST", "/message", `{"user":"s","channel":null,"pm_users":[]}`, 200, aPostedOne),
		"a message with a key of the server's": exchange("POST", "/message", `{"user":"s","channel":"c","offset":1}`, 200, aPostedOne),
		"a posted message without its uuid":    exchange("POST", "/message", `{"user":"s","channel":"c"}`, 200, `[{"channel":"c"}]`),
		"no signature":                         unsigned(exchange("POST", "/user_status", anAskedFor, 200, aStatus)),
		"a path that is not described":         exchange("POST", "/new", `{}`, 200, `{}`),
		"a method that is not described":       exchange("PUT", "/message", `{}`, 200, `{}`),
		"a 404 that is no error of ours":       exchange("POST", "/new", `{}`, 404, `Not found`),
		"a poll that anybody may keep":         exchange("GET", "/listen?conn_id=a", "", 200, aListOfAll),
		"an offset that is none":               exchange("GET", "/listen?conn_id=a&since=x", "", 200, aListOfAll, "Cache-Control", "no-store"),
	} {
		if served(t).HTTP.Check(e) == nil {
			t.Errorf("%s is no fault", name)
		}
	}
}

func unsigned(e Exchange) Exchange {
	e.Header = http.Header{}
	return e
}

// And this is a document that changes, while the server stays.
func TestAChangeOfTheDocumentIsAFault(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(tree map[string]any){
		"a field is left out": func(tree map[string]any) {
			delete(at(tree, "components", "schemas", "UserStatus", "properties").(map[string]any), "state")
		},
		"a field is added": func(tree map[string]any) {
			status := at(tree, "components", "schemas", "UserStatus").(map[string]any)
			status["required"] = append(status["required"].([]any), "since")
		},
		"a limit is smaller": func(tree map[string]any) {
			at(tree, "components", "schemas", "Account").(map[string]any)["maxLength"] = json.Number("4")
		},
		"a path is left out": func(tree map[string]any) { delete(tree["paths"].(map[string]any), "/user_status") },
		"a status is left out": func(tree map[string]any) {
			delete(at(tree, "paths", "/user_status", "post", "responses").(map[string]any), "200")
		},
	} {
		changed := tree(t, description.OpenAPI())
		changed["paths"] = map[string]any{"/user_status": at(changed, "paths", "/user_status")} // to read all takes a while
		change(changed)
		h, err := NewHTTP(changed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if h.Check(exchange("POST", "/user_status", anAskedFor, 200, aStatus)) == nil {
			t.Errorf("%s, and nobody notices", name)
		}
	}
}

func TestTheDocumentIsOneOfOpenAPI(t *testing.T) {
	t.Parallel()
	if err := served(t).HTTP.Validate(); err != nil {
		t.Error(err)
	}
	changed := tree(t, description.OpenAPI())
	delete(at(changed, "info").(map[string]any), "version")
	changed["paths"] = map[string]any{}
	h, err := NewHTTP(changed)
	if err == nil {
		err = h.Validate()
	}
	if err == nil {
		t.Error("a document without a version is taken for one")
	}
}

func TestFramesAsDescribedAreNoFault(t *testing.T) {
	t.Parallel()
	f := served(t).Frames
	for _, list := range []string{`[]`, aListOfAll, aListOfEdits, `[{"type":"offset","offset":7}]`, `[{"type":"missed","channel":null,"since":7}]`} {
		if err := f.List([]byte(list)); err != nil {
			t.Error(err)
		}
	}
	for _, packet := range []string{
		`0{"sid":"x"}`, `2`, `40/stream,{"sid":"a","pid":"b"}`, `44/stream,{"message":"No."}`, `42["join",["a"]]`, `43/stream,1[["a"]]`,
		`42/stream,["message",` + aListOfAll + `,"7"]`, `42/stream,["user_connect",{"user":"a","status":1,"state":{}},"7.1"]`,
		`42/stream,["presence_join","a",["c"],[{"user":"a","state":{"n":1}}],"7"]`, `42/stream,["presence_leave","a",["c"]]`,
		`42/stream,["user_disconnect",{"user":"a","status":1,"state":null},"7"]`, `42/stream,["offset","7"]`,
	} {
		if err := f.Packet(packet); err != nil {
			t.Error(err)
		}
	}
	for name, data := range map[string]string{"message": aListOfAll, "offset": "7", "close": `"draining"`} {
		if err := f.StreamEvent(name, data); err != nil {
			t.Error(err)
		}
	}
}

func TestFramesThatAreNotAsDescribedAreFaults(t *testing.T) {
	t.Parallel()
	f := served(t).Frames
	for _, list := range []string{
		`{}`, `[1]`, `[{"type":"news"}]`, `[{}]`, `no JSON`, `[{"type":"offset"}]`, `[{"type":"missed","channel":"c","since":7}]`,
		strings.Replace(aListOfAll, `"catchup":false`, `"catchup":0`, 1), strings.Replace(aListOfAll, `"user":"s",`, ``, 1),
		strings.Replace(aListOfEdits, "05.000000", "05", 1), `[{"type":"offset","offset":7,"since":1}]`,
	} {
		if f.List([]byte(list)) == nil {
			t.Errorf("%s is no fault", list)
		}
	}
	for _, packet := range []string{
		`42/stream,["news",1]`, `42/stream,["message",[]]`, `42/stream,["message",` + aListOfAll + `,7]`, `42/stream,{}`, `42["join","a"]`,
		`40/stream,{}`, `44/stream,{"message":1}`, `42/stream,["user_connect",{"user":"a"}]`, `42/stream,["presence_join","a",["c","d"]]`,
	} {
		if f.Packet(packet) == nil {
			t.Errorf("%s is no fault", packet)
		}
	}
	for name, data := range map[string]string{"message": `{}`, "offset": `"7"`, "close": `"gone"`, "news": `1`} {
		if f.StreamEvent(name, data) == nil {
			t.Errorf("%s with %s is no fault", name, data)
		}
	}
}

// What very many of a kind cost is bounded, and of those some are still judged.
func TestOfVeryManyOnlySomeAreJudged(t *testing.T) {
	t.Parallel()
	var o often
	judged := 0
	for range 10 * mostOfAKind {
		if o.isDue("a kind") {
			judged++
		}
	}
	if want := mostOfAKind + 9*mostOfAKind/thenOneOf; judged != want || !o.isDue("another kind") {
		t.Errorf("%d were judged, want %d", judged, want)
	}
}

// examples of a content, and of a message.
func examples(content any) (all []any) {
	one, shown := content.(map[string]any)["example"]
	if shown {
		all = append(all, one)
	}
	named, _ := at(content, "examples").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, at(named[name], "value"))
	}
	return all
}

func text(t *testing.T, value any) string {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatTheDocumentShowsIsAsItDescribes(t *testing.T) {
	t.Parallel()
	document := tree(t, description.OpenAPI())
	shown := 0
	paths, _ := document["paths"].(map[string]any)
	for path, item := range paths {
		operations, _ := item.(map[string]any)
		for method, operation := range operations {
			query := ""
			if strings.HasPrefix(path, "/ws") || strings.HasPrefix(path, "/sse") || strings.HasPrefix(path, "/listen") {
				query = "?conn_id=a"
			}
			if path == "/admin/explain" && method == "get" {
				query = "?message=7&user=alice"
			}
			bodies := []any{nil}
			if content := at(operation, "requestBody", "content", "application/json"); content != nil {
				bodies = examples(content)
			}
			answers, _ := at(operation, "responses").(map[string]any)
			for status, answer := range answers {
				if reference, is := at(answer, "$ref").(string); is {
					answer = lookUp(document, strings.TrimPrefix(reference, "#"))
				}
				content := at(answer, "content", "application/json")
				if content == nil {
					continue
				}
				for _, body := range bodies {
					for _, example := range examples(content) {
						sent := ""
						if body != nil {
							sent = text(t, body)
						}
						var code int
						fmt.Sscan(status, &code) //nolint:errcheck // a status that is none fails below
						e := exchange(strings.ToUpper(method), path+query, sent, code, text(t, example), "Retry-After", "1",
							"Cache-Control", "no-store", "Accept-Encoding", "identity", "Upgrade", "websocket")
						if err := served(t).HTTP.Check(e); err != nil {
							t.Error(err)
						}
						shown++
					}
				}
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d examples were found", shown)
	}
}

func TestWhatTheDocumentOfFramesShowsIsAsItDescribes(t *testing.T) {
	t.Parallel()
	document := tree(t, description.AsyncAPI())
	f := served(t).Frames
	messages, _ := at(document, "components", "messages").(map[string]any)
	for name, message := range messages {
		shown, _ := at(message, "examples").([]any)
		if len(shown) == 0 {
			t.Errorf("%s shows nothing", name)
		}
		for _, one := range shown {
			payload := text(t, at(one, "payload"))
			var err error
			switch name {
			case "list", "streamedList":
				err = f.List([]byte(payload))
			case "streamedOffset":
				err = f.StreamEvent("offset", payload)
			case "streamedClose":
				err = f.StreamEvent("close", payload)
			case "connect":
				err = f.Packet(packetConnect + payload)
			case "connect_error":
				err = f.Packet(packetRefusal + payload)
			case "join", "leave": // of the client
			default:
				err = f.Packet(packetEvent + payload)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// The Go client has all that is described, and nothing else.
func TestTheGoClientKnowsEveryField(t *testing.T) {
	t.Parallel()
	document := tree(t, description.OpenAPI())
	for schema, c := range map[string]struct {
		of  any
		not []string // what the client has no field for, as it would say the same twice, or nothing
	}{
		"Connect":                {client.Connect{}, []string{"username"}},
		"Connection":             {client.Connection{}, []string{"username"}},
		"Subscribe":              {client.Subscribe{}, []string{"username"}},
		"SubscribedConnection":   {client.Subscribed{}, nil},
		"Unsubscribe":            {client.Unsubscribe{}, []string{"username"}},
		"UnsubscribedConnection": {client.Unsubscribed{}, nil},
		"ChannelConfig":          {client.ChannelConfig{}, nil},
		"InfoOptions":            {client.InfoOptions{}, nil},
		"ChannelsInfo":           {client.ChannelsInfo{}, nil},
		"ChannelInfo":            {client.Channel{}, nil},
		"ChannelSettings":        {client.ChannelSettings{}, nil},
		"UserInfo":               {client.User{}, nil},
		"Info":                   {client.Info{}, nil},
		"Message":                {client.Message{}, []string{"username", "edited"}},
		"PostedMessage":          {client.Published{}, []string{"edited"}},
		"Edit":                   {client.Edit{}, []string{"username", "no_history"}},
		"PostedEdit":             {client.Edited{}, []string{"no_history"}},
		"Deletion":               {client.Deletion{}, []string{"no_history"}},
		"UserStateRequest":       {client.UserState{}, []string{"username"}},
		"UserState":              {client.UserStateChanged{}, nil},
		"UserStatus":             {client.UserStatus{}, nil},
	} {
		properties, _ := at(document, "components", "schemas", schema, "properties").(map[string]any)
		described := slices.Sorted(maps.Keys(properties))
		known := append(fields(reflect.TypeOf(c.of)), c.not...)
		slices.Sort(known)
		if !slices.Equal(described, known) {
			t.Errorf("%s has %q, and %T %q", schema, described, c.of, known)
		}
	}
}

// fields are the names that a struct has in JSON.
func fields(of reflect.Type) (names []string) {
	for field := range fieldsOf(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && name == "":
			names = append(names, fields(field.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}

func fieldsOf(of reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range of.NumField() {
			if !yield(of.Field(i)) {
				return
			}
		}
	}
}

func TestAWitnessOfATestSeesWhatGoesThroughAClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		faulty bool
	}{{aStatus, false}, {`{"user":"alice"}`, true}} {
		seen := &recorder{TB: t}
		w := &Witness{t: seen, documents: served(t)}
		app, err := client.New("http://127.0.0.1/push", "secret", client.WithHTTPClient(&http.Client{
			Transport: w.Over("/push", answering(c.answer)),
		}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.UserStatus(t.Context(), "alice", client.Away); err != nil {
			t.Error(err)
		}
		if (len(seen.faults) > 0) != c.faulty {
			t.Errorf("the answer %s has the faults %q", c.answer, seen.faults)
		}
	}
}

// recorder is a test that notes that it would have failed.
type recorder struct {
	testing.TB
	faults []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// answering answers everything with a body.
type answering string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: http.MaxBytesReader(nil, readCloser{strings.NewReader(string(a))}, 1<<20),
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
