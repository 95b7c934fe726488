package contract

import (
	"maps"
	"slices"
	"strings"
)

// Code is the machine word of a fault. The set is closed and only ever grows.
type Code string

// The codes, and the HTTP status that each becomes at the edge.
const (
	CodeMalformed    Code = "malformed"            // 400: the body is not JSON
	CodeUnauthorized Code = "bad_signature"        // 401: wrong, stale or malformed signature
	CodeForbidden    Code = "forbidden"            // 403: address not allowed, or no signature
	CodeNotFound     Code = "not_found"            // 404: unknown path
	CodeMethod       Code = "method_not_allowed"   // 405
	CodeNotHTTPS     Code = "https_required"       // 406
	CodeConflict     Code = "conflict"             // 409: the conn_id belongs to another user
	CodeTooLarge     Code = "too_large"            // 413
	CodeEncoding     Code = "unsupported_encoding" // 415: a Content-Encoding that is not understood
	CodeInvalid      Code = "invalid"              // 422: Fields say what
	CodeTooMany      Code = "too_many"             // 429: clients, or requests without their bodies
	CodeInternal     Code = "internal"             // 500
	CodeUnavailable  Code = "unavailable"          // 503: NATS or a service behind it does not answer, or there is no room; try again
)

// Fault is an error that crosses a border: its message is safe to show to whoever asked.
type Fault struct {
	Code    Code                `json:"code"`
	Message string              `json:"error"`
	Fields  map[string][]string `json:"errors,omitempty"` // path of a field ("channels.0", "1.message") → sentences; only CodeInvalid
	UUIDs   []string            `json:"uuids,omitempty"`  // of the messages of a list that was not completed; only CodeUnavailable
}

// Error writes the fault for a log.
func (f *Fault) Error() string {
	if len(f.Fields) == 0 {
		return f.Message
	}
	paths := slices.Sorted(maps.Keys(f.Fields))
	for i, path := range paths {
		paths[i] = path + ": " + strings.Join(f.Fields[path], " ")
	}
	return f.Message + " (" + strings.Join(paths, "; ") + ")"
}

// InvalidMessage is the sentence of every fault with CodeInvalid; Fields say what is wrong.
const InvalidMessage = "Some fields of the request are not valid."

// Invalid is the fault for one bad field.
func Invalid(field, sentence string) *Fault {
	return &Fault{Code: CodeInvalid, Message: InvalidMessage, Fields: map[string][]string{field: {sentence}}}
}

// Unavailable is the fault for a dependency that does not answer.
func Unavailable(sentence string) *Fault {
	return &Fault{Code: CodeUnavailable, Message: sentence}
}

// Sentences about names that do not exist.
const (
	UnknownConnection = "Unknown connection"
	UnknownUser       = "Unknown user"
)

// HTTPStatus is the status of an HTTP answer with a fault of this code.
func (c Code) HTTPStatus() int {
	switch c {
	case CodeMalformed:
		return 400
	case CodeUnauthorized:
		return 401
	case CodeForbidden:
		return 403
	case CodeNotFound:
		return 404
	case CodeMethod:
		return 405
	case CodeNotHTTPS:
		return 406
	case CodeConflict:
		return 409
	case CodeTooLarge:
		return 413
	case CodeEncoding:
		return 415
	case CodeInvalid:
		return 422
	case CodeTooMany:
		return 429
	case CodeUnavailable:
		return 503
	}
	return 500
}
