package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// errMessage is for what no gateway sends.
var errMessage = errors.New("a line of JSON and a body were expected")

// encode writes the head of a request or an answer, a line end, and the body.
func encode(head any, body []byte) ([]byte, error) {
	line, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", head, err)
	}
	return append(append(line, '\n'), body...), nil
}

// decode reads a head, and gives the body, which is a part of the message.
func decode(message []byte, head any) (body []byte, err error) {
	line, body, whole := bytes.Cut(message, []byte{'\n'})
	if !whole {
		return nil, errMessage
	}
	if err := json.Unmarshal(line, head); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return body, nil
}

// passedOn are the headers of a request that the holder may have to know.
var passedOn = []string{"Accept-Encoding", "Content-Encoding", "Content-Type", "Origin", "User-Agent"}

// headOf gives the head of a client's request. caller is the client's address.
func headOf(r *http.Request, caller string) contract.RelayRequest {
	head := contract.RelayRequest{
		Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Caller: caller, Header: map[string][]string{},
	}
	for _, name := range passedOn {
		if values := r.Header.Values(name); len(values) > 0 {
			head.Header[name] = values
		}
	}
	if id := telemetry.RequestOf(r.Context()); id != "" {
		head.Header[telemetry.HeaderRequest] = []string{id}
	}
	return head
}

// requestOf makes the request that a client made at another gateway.
func requestOf(message []byte) (*http.Request, error) {
	var head contract.RelayRequest
	body, err := decode(message, &head)
	if err != nil {
		return nil, err
	}
	at, err := url.ParseRequestURI(head.URI)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	r := &http.Request{
		Method: head.Method, URL: at, RequestURI: head.URI, Host: head.Host, RemoteAddr: head.Caller,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, ContentLength: int64(len(body)),
	}
	for name, values := range head.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if len(body) > 0 {
		r.Body = closed{bytes.NewReader(body)}
	}
	return r, nil
}

// closed is a body that needs no closing.
type closed struct{ *bytes.Reader }

// Close does nothing.
func (closed) Close() error { return nil }

// answerOf reads an answer.
func answerOf(message []byte) (head contract.RelayAnswer, body []byte, err error) {
	body, err = decode(message, &head)
	if err == nil && (head.Status < http.StatusOK || head.Status > 599) {
		err = fmt.Errorf("%w: status %d", errMessage, head.Status)
	}
	return head, body, err
}

// write answers the client as the holder did.
func write(w http.ResponseWriter, head contract.RelayAnswer, body []byte) {
	for name, values := range head.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(head.Status)
	w.Write(body) //nolint:errcheck // the client has gone then, and notices
}
