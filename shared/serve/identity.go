package serve

import (
	"net/http"

	"github.com/channelstream/channelstream/shared/telemetry"
)

// identified gives a request with an id: the one that its caller gave it, if that is well-formed, or else a new one. The
// answer has it too, so that whoever asks about a request can name it.
func identified(w http.ResponseWriter, r *http.Request) *http.Request {
	id := telemetry.RequestID(r.Header.Get(telemetry.HeaderRequest))
	w.Header()[telemetry.HeaderRequest] = []string{id}
	return r.WithContext(telemetry.WithRequest(r.Context(), id))
}
