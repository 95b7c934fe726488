package generator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPosterReadsEveryFormOfAnswer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("answer ", 10000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodGet {
			body = []byte("asked for " + r.URL.RawQuery)
		}
		switch r.URL.Path {
		case "/echo":
			_, _ = w.Write(append(body, r.Header.Get("X-Sign")...))
		case "/long": // chunked
			_, _ = io.WriteString(w, long)
		case "/refuse":
			http.Error(w, "not so", http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(server.Close)
	p, err := dialPoster(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	for _, c := range []struct{ path, want string }{{"/echo", "bodysigned"}, {"/long", long}, {"/empty", ""}, {"/echo", "bodysigned"}} {
		if err := p.post(c.path, "X-Sign: signed\r\n", []byte("body")); err != nil || string(p.answer) != c.want {
			t.Errorf("%s: got %d bytes, %v", c.path, len(p.answer), err)
		}
	}
	if err := p.get("/echo?sid=1"); err != nil || string(p.answer) != "asked for sid=1" {
		t.Errorf("get: got %q, %v", p.answer, err)
	}
	if err := p.post("/refuse", "", nil); err == nil || !strings.Contains(err.Error(), "422: not so") {
		t.Errorf("refused: got %v", err)
	}
}
