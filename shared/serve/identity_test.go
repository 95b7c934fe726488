package serve_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/telemetry"
)

func TestAnAnswerHasTheIDOfItsRequest(t *testing.T) {
	t.Parallel()
	url, _, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) //nolint:errcheck // the test compares what came
		switch {
		case r.URL.Path == "/nothing":
			edge.WriteFault(w, edge.NotFound())
		default:
			io.WriteString(w, telemetry.RequestOf(r.Context())+" "+string(body)) //nolint:errcheck // the test compares what came
		}
	}), 10*time.Second)
	ask := func(path, id, body string) (status int, given, answer string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Close = true
		if id != "" {
			request.Header.Set("X-Request-Id", id)
		}
		response, err := (&http.Client{}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close() //nolint:errcheck // read only
		content, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, response.Header.Get("X-Request-Id"), string(content)
	}
	for _, body := range []string{"", "whole"} {
		if _, given, answer := ask("/", "mine-1", body); given != "mine-1" || answer != "mine-1 "+body {
			t.Errorf("given back %q, handled as %q", given, answer)
		}
		_, first, _ := ask("/", "", body)
		_, second, answer := ask("/", "not well formed", body)
		if len(first) != 16 || len(second) != 16 || first == second || answer != second+" "+body {
			t.Errorf("made %q and %q, handled as %q", first, second, answer)
		}
	}
	if status, given, _ := ask("/nothing", "mine-2", "x"); status != http.StatusNotFound || given != "mine-2" {
		t.Errorf("a refusal with status %d has %q", status, given)
	}
}
