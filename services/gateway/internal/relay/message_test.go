package relay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/channelstream/channelstream/shared/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestARequestArrivesAsItWasMade(t *testing.T) {
	t.Parallel()
	made := httptest.NewRequest(http.MethodPost, "/socket.io/?EIO=4&sid=A.B&t=%20x", strings.NewReader(""))
	made.Host = "push.example.com"
	for name, value := range map[string]string{"Content-Type": "text/plain", "Origin": "https://a.example", "Cookie": "secret", "X-Forwarded-For": "1.2.3.4"} {
		made.Header.Set(name, value)
	}
	message, err := encode(headOf(made, "192.0.2.7"), []byte("40\n41"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := requestOf(message)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != "40\n41" || got.ContentLength != int64(len(body)) {
		t.Errorf("the body is %q, %v", body, err)
	}
	if got.Method != http.MethodPost || got.URL.String() != made.URL.String() || got.Host != made.Host || got.RemoteAddr != "192.0.2.7" {
		t.Errorf("got %s %s of %s from %s", got.Method, got.URL, got.Host, got.RemoteAddr)
	}
	if got.Header.Get("Content-Type") != "text/plain" || got.Header.Get("Origin") != "https://a.example" {
		t.Errorf("the headers are %v", got.Header)
	}
	if got.Header.Get("Cookie") != "" || got.Header.Get("X-Forwarded-For") != "" {
		t.Errorf("what the holder need not know is handed on: %v", got.Header)
	}
}

func TestAnAnswerArrivesAsItWasGiven(t *testing.T) {
	t.Parallel()
	message, err := encode(contract.RelayAnswer{Status: 413, Header: http.Header{"Content-Type": {"text/html"}}}, []byte("no\n"))
	if err != nil {
		t.Fatal(err)
	}
	head, body, err := answerOf(message)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Access-Control-Allow-Origin", "*")
	write(w, head, body)
	if w.Code != 413 || w.Body.String() != "no\n" || w.Header().Get("Content-Type") != "text/html" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestWhatNoGatewaySendsIsRefused(t *testing.T) {
	t.Parallel()
	for _, message := range []string{"", "\n", "{}", "{\n", "[]\n", `{"method":"GET"}` + "\n", `{"method":"GET","uri":"x"}` + "\n"} {
		if r, err := requestOf([]byte(message)); err == nil {
			t.Errorf("%q is the request %v", message, r)
		}
	}
	for _, message := range []string{"", "{}\n", `{"status":99}` + "\n", `{"status":1000}` + "\n", `{"status":200}`} {
		if head, _, err := answerOf([]byte(message)); err == nil {
			t.Errorf("%q is the answer %v", message, head)
		}
	}
}

func TestOnlyIDsOfOursHaveARoute(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	if id := r.NewID(); routeOf(id) != r.Route() || r.Elsewhere(id) || id == r.NewID() {
		t.Errorf("%s is an id of %s", id, r.Route())
	}
	if other := New(Config{}); !r.Elsewhere(other.NewID()) {
		t.Error("an id of another gateway is not elsewhere")
	}
	for _, sid := range []string{"", ".", "a.b", "AAAAAAAAAAAAA", "AAAAAAAAAAAA1.x", "AAAAAAAAAAAA*.x", "AAAAAAAAAAAA>.x", "AAAAAA AAAAAA.x", "AAAAAAAAAAAAAA.x"} {
		if r.Elsewhere(sid) {
			t.Errorf("%q names a gateway", sid)
		}
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"method":"GET","uri":"/socket.io/?sid=A.B","host":"h","caller":"::1","header":{"Content-Type":["a"]}}` + "\nbody"))
	f.Add([]byte(`{"status":200,"header":{"Content-Type":["a"]}}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, message []byte) {
		if r, err := requestOf(message); err == nil {
			body, failed := io.ReadAll(r.Body)
			again, err := encode(headOf(r, r.RemoteAddr), body)
			if failed != nil || err != nil {
				t.Fatal(failed, err)
			}
			back, err := requestOf(again)
			if err != nil || back.Method != r.Method || back.URL.RequestURI() != r.URL.RequestURI() || back.ContentLength != r.ContentLength {
				t.Fatalf("%q is read back as %+v, %v", again, back, err)
			}
		}
		if head, body, err := answerOf(message); err == nil {
			w := httptest.NewRecorder()
			write(w, head, body)
			if w.Code != head.Status {
				t.Fatalf("%q is answered with %d", message, w.Code)
			}
		}
	})
}
