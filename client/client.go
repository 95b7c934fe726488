// Package client is the Go client of Channelstream's HTTP API: what an app uses to let users in, to say which
// channels a connection hears, and to post messages.
//
//	c, err := client.New("http://127.0.0.1:8000", secret)
//	conn, err := c.Connect(ctx, client.Connect{User: "alice", Channels: []string{"news"}})
//	// give conn.ConnID to alice's browser, which opens /ws?conn_id=...
//	_, err = c.Publish(ctx, client.Message{User: "system", Channel: "news", Message: "hello"})
//
// Every request is signed with the app's secret. The package promises no retries: what failed comes back as an
// *Error, which says whether the same call can be made again. Listen alone, which hears what a client hears, comes back by itself.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
)

const (
	// secretHeader carries the signature of a request.
	secretHeader = "x-channelstream-secret"
	// maxAnswer bounds what is read of one answer, in bytes. The largest is /info without a filter.
	maxAnswer = 64 << 20
	// defaultTimeout bounds a whole call when the caller's context has no earlier deadline.
	defaultTimeout = 30 * time.Second
	// idlePerHost keeps enough idle connections that an app that posts in parallel does not dial anew each time;
	// net/http keeps 2.
	idlePerHost = 64
)

// ErrAnswerTooLarge is returned when an answer is longer than the client is willing to hold.
var ErrAnswerTooLarge = errors.New("answer too large")

// Client calls one API. It is safe for use by several goroutines.
type Client struct {
	// Set at construction.
	base   string
	path   string // of base
	secret string
	http   *http.Client
}

// Option changes how New makes a Client.
type Option func(*Client)

// WithHTTPClient makes the Client use a copy of h: its transport, timeout and cookie jar. Redirects are never
// followed, whatever h says, because the signature would go along to wherever they lead.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		own := *h
		c.http = &own
	}
}

// New makes a client of the API at baseURL, e.g. "http://127.0.0.1:8000" or "https://example.com/push". A path in baseURL
// is part of what is signed, as the server's base path is.
func New(baseURL, secret string, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("parse base url: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("parse base url: %q is not http(s)://host[:port][/prefix]", u.Redacted())
	}
	if secret == "" {
		return nil, errors.New("new client: the secret is empty")
	}
	c := &Client{base: strings.TrimRight(baseURL, "/"), path: strings.TrimRight(u.Path, "/"), secret: secret}
	for _, opt := range opts {
		opt(c)
	}
	if c.http == nil {
		c.http = &http.Client{Transport: transport(), Timeout: defaultTimeout}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

func transport() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // an app that replaced the default wants its own everywhere
		return http.DefaultTransport
	}
	own := base.Clone()
	own.MaxIdleConnsPerHost = idlePerHost
	return own
}

// CloseIdleConnections lets go of the connections that wait for the next call.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// UserSignature signs a user name. A browser connects Socket.IO as that user with
// ?username=<user>&sig=<signature>; give it only to whom the app has recognised as that user. Like all query
// values it must be escaped (encodeURIComponent).
//
// A name that begins with "/" gets no signature (an empty string), and the server takes none: a request is signed in
// the same form over its path, so the signature of a user called "/message" would let that user post as the app.
func (c *Client) UserSignature(user string) string {
	if !signature.ForUser(user) {
		return ""
	}
	return signature.Sign(c.secret, user, time.Now())
}

// call posts in as JSON to path and decodes the answer into out.
func (c *Client) call(ctx context.Context, path string, in, out any) error {
	return c.send(ctx, http.MethodPost, path, in, out)
}

// send is call with another method.
func (c *Client) send(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set(secretHeader, signature.Sign(c.secret, c.path+path, time.Now()))

	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below; nothing is lost by a failing close
	answer, err := readAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("call %s: %w", path, newError(resp, answer))
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", path, err)
	}
	return nil
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(data) > maxAnswer {
		err = ErrAnswerTooLarge
	}
	return data, err
}
