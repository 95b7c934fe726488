package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Error is an answer that is not a 200. Find it with errors.As.
//
// Nothing has changed after a 4xx. After a 503 the call can be made again once RetryAfter has passed; Publish of a
// list with the same UUIDs completes it without a duplicate.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the machine word of the fault; empty when the answer did not come from the API (a proxy, say).
	Code string
	// Message is a sentence for people.
	Message string
	// Fields holds what is wrong with which field of the request, for a 422: "user": {"..."}; in a list of
	// messages the path begins with the place in the list, "1.message".
	Fields map[string][]string
	// UUIDs are those of the messages of a failed Publish, in the order of the list.
	UUIDs []string
	// RetryAfter is how long the API asks to wait before the same call is made again; zero if it did not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("status %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("status %d %s: %s", e.Status, e.Code, e.Message)
}

func newError(resp *http.Response, answer []byte) *Error {
	var body struct {
		Error  string              `json:"error"`
		Code   string              `json:"code"`
		Errors map[string][]string `json:"errors"`
		UUIDs  []string            `json:"uuids"`
	}
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if err := json.Unmarshal(answer, &body); err != nil || body.Error == "" {
		e.Message = http.StatusText(resp.StatusCode)
		return e
	}
	e.Code, e.Message, e.Fields, e.UUIDs = body.Code, body.Error, body.Errors, body.UUIDs
	return e
}

// retryAfter reads the header's form in seconds, the only one the API sends (RFC 9110, section 10.2.3).
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
