package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/channelstream/channelstream/shared/contract"
)

// WriteFault answers with a fault.
func WriteFault(w http.ResponseWriter, fault *contract.Fault) {
	switch fault.Code {
	case contract.CodeUnavailable:
		w.Header().Set("Retry-After", "1")
	case contract.CodeTooMany:
		w.Header().Set("Retry-After", "10")
	case contract.CodeEncoding:
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110 section 15.5.16
	}
	body, _ := json.Marshal(fault) // strings and lists of strings always encode
	writeJSON(w, fault.Code.HTTPStatus(), body)
}

// WriteJSON answers with bytes as they are, or with anything else as JSON. What can not be encoded becomes a fault, and
// the error is for the log.
func WriteJSON(w http.ResponseWriter, status int, answer any) error {
	body, ready := answer.([]byte)
	if !ready {
		var err error
		if body, err = json.Marshal(answer); err != nil {
			WriteFault(w, Internal())
			return fmt.Errorf("encode an answer: %w", err)
		}
	}
	writeJSON(w, status, body)
	return nil
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	SayJSON(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // a refusal ends before its request does
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller has gone
}

// Values of headers that each answer has, which nobody changes.
var (
	jsonType  = []string{"application/json; charset=utf-8"}
	asItSays  = []string{"nosniff"}
	anyOrigin = []string{"*"}
)

// SayJSON says in the header of an answer what it is.
func SayJSON(h http.Header) {
	h["Content-Type"] = jsonType
	h["X-Content-Type-Options"] = asItSays // names in it are the users' own: never to be taken for a page
}

// Internal is the fault that tells a caller nothing but that the server failed.
func Internal() *contract.Fault {
	return &contract.Fault{Code: contract.CodeInternal, Message: "The server failed; its log says why."}
}

// NotFound is the fault for an unknown path.
func NotFound() *contract.Fault {
	return &contract.Fault{Code: contract.CodeNotFound, Message: "There is nothing at this path."}
}

// WrongMethod is the fault for a method that a path does not take, beside a header Allow that names those it does.
func WrongMethod() *contract.Fault {
	return &contract.Fault{Code: contract.CodeMethod, Message: "This path does not take this method."}
}

// Encoding is the fault of a request whose body is packed in a way that nobody here unpacks, and nil for every other.
func Encoding(r *http.Request) *contract.Fault {
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return &contract.Fault{Code: contract.CodeEncoding, Message: "The Content-Encoding is not understood; send the body as it is."}
		}
	}
	return nil
}
