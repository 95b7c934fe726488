package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// maxBody bounds a request of a page, in bytes: a text of maxText characters with room for JSON's escapes.
const maxBody = 32 << 10

// fault is what a page is told when something cannot be done; the page shows message and decides by code.
type fault struct {
	status  int
	Code    string `json:"code"`
	Message string `json:"error"`
}

func (f *fault) Error() string { return f.Code + ": " + f.Message }

func invalid(message string) *fault {
	return &fault{http.StatusUnprocessableEntity, "invalid", message}
}

// The faults that a page acts on.
var (
	faultSession   = &fault{http.StatusUnauthorized, "no_session", "Please choose a name first."}
	faultNameTaken = &fault{http.StatusConflict, "name_taken", "Somebody with this name is here. Please choose another one."}
	faultGone      = &fault{http.StatusGone, "unknown_connection", "The connection is gone. Connecting again."}
)

// visitor wraps what only a visitor with a session may do, and what does not take longer than requestTimeout.
func visitor[In any](d *Demo, do func(context.Context, session, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		who, err := d.sessions.of(r)
		if err != nil {
			d.answer(ctx, w, nil, err)
			return
		}
		in, err := decode[In](w, r)
		if err != nil {
			d.answer(ctx, w, nil, err)
			return
		}
		out, err := do(ctx, who, in)
		d.answer(ctx, w, out, err)
	}
}

// decode reads exactly one JSON value with no unknown fields.
func decode[In any](w http.ResponseWriter, r *http.Request) (In, error) {
	var in In
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return in, &fault{http.StatusUnsupportedMediaType, "unsupported_media_type", "Send JSON as application/json."}
	}
	if edge.Encoding(r) != nil {
		return in, &fault{http.StatusUnsupportedMediaType, "unsupported_encoding", "Send the body as it is, not packed."}
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	err := body.Decode(&in)
	var tooLarge *http.MaxBytesError
	var ended *contract.Fault // by the server, since it waits for too many bodies
	switch {
	case errors.As(err, &ended):
		return in, &fault{ended.Code.HTTPStatus(), string(ended.Code), ended.Message}
	case errors.As(err, &tooLarge):
		return in, &fault{http.StatusRequestEntityTooLarge, "too_large", "That is too much at once."}
	case err != nil:
		return in, &fault{http.StatusBadRequest, "malformed", "The request is not the JSON that was expected."}
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return in, &fault{http.StatusBadRequest, "malformed", "The request holds more than one JSON value."}
	}
	return in, nil
}

// answer writes out, or else err as the fault it stands for.
func (d *Demo) answer(ctx context.Context, w http.ResponseWriter, out any, err error) {
	status := http.StatusOK
	if err != nil {
		f := faultOf(err)
		if f.status >= http.StatusInternalServerError {
			d.log.WarnContext(ctx, "call of the api failed", "err", err)
			w.Header().Set("Retry-After", strconv.Itoa(retrySeconds(err)))
		}
		status, out = f.status, f
	}
	w.Header().Set("Cache-Control", "no-store")
	if err := edge.WriteJSON(w, status, out); err != nil {
		d.log.ErrorContext(ctx, "answer not written", "err", err)
	}
}

func faultOf(err error) *fault {
	var own *fault
	var api *client.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errNoSession):
		return faultSession
	case errors.Is(err, context.DeadlineExceeded):
		return &fault{http.StatusGatewayTimeout, "api_timeout", "The server does not answer in time."}
	case !errors.As(err, &api):
		return &fault{http.StatusBadGateway, "api_failed", "The server cannot be reached."}
	case api.Status == http.StatusServiceUnavailable:
		return &fault{http.StatusServiceUnavailable, "unavailable", "The server is busy. Please try again."}
	case api.Status == http.StatusUnprocessableEntity && (len(api.Fields["conn_id"]) > 0 || len(api.Fields["user"]) > 0):
		return faultGone // both were good when the session was issued, so the server has forgotten them
	}
	return &fault{http.StatusBadGateway, "api_failed", "The server did not accept this."}
}

func retrySeconds(err error) int {
	var api *client.Error
	if errors.As(err, &api) && api.RetryAfter > 0 {
		return int(api.RetryAfter.Seconds())
	}
	return 1
}
