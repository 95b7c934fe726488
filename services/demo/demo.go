// Package demo is a small app that uses Channelstream's HTTP API as any app would: a chat with two public channels,
// one that a visitor can ask for, private messages, and who is here.
//
//	page ──POST /demo/connect──► demo ──signed /connect──► api        the visitor is let in
//	page ──/ws?conn_id=… or Socket.IO──► gateway                      and hears its channels
//	page ──POST /demo/message──► demo ──signed /message──► api ──…──► every page
//
// It lets anybody in under any name. So it never acts for the app's users: it signs with a secret of its own, which api
// and gateway take for names of its own form only (contract.DemoPrefix). Pages see names without the prefix.
//
// It has visitors, not accounts: whoever comes first with a name has it for as long as somebody with that name is
// here. What a visitor may do is bound to a signed token that its page holds (see session.go).
//
// Nothing is kept in the process, so any number of them can run side by side.
package demo

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/channelstream/channelstream/client"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/signature"
)

// The demo's channels as pages see them. Everybody hears the public ones; the third has to be asked for.
const (
	notifyChannel = "notify"
	firstChannel  = "pub_chan"
	secondChannel = "pub_chan2"
)

// requestTimeout bounds what one request of a page may take, with all calls of the api that it makes.
const requestTimeout = 10 * time.Second

// Warning is logged at the start of a demo beside a secret that somebody chose: a server that others may reach.
const Warning = "the demo is on: whoever reaches it may enter under any name and post to its channels; " +
	"its users, channels and connections are named " + contract.DemoPrefix + "..., and it can not act for others"

// Config is what the demo needs to know.
type Config struct {
	// APIURL is where the demo reaches the api, e.g. "http://127.0.0.1:8000".
	APIURL string
	// PublicURL is where browsers reach the gateway, e.g. "https://push.example.com"; empty if that is where the
	// page itself comes from.
	PublicURL string
	// Secret is the app's; the demo's own and the key of the visitors' tokens are derived from it, and it is not kept.
	Secret string
	// Logger takes what goes wrong; nil for slog.Default.
	Logger *slog.Logger
}

// Demo is the app. It is safe for use by several goroutines.
type Demo struct {
	// Set at construction.
	api      *client.Client
	gateway  string // PublicURL without the slash at its end
	sessions *sessions
	files    files
	log      *slog.Logger
}

// New checks the configuration; it starts nothing.
func New(cfg Config) (*Demo, error) {
	if cfg.Secret == "" {
		return nil, errors.New("new demo: the secret is empty")
	}
	secret := signature.DemoSecret(cfg.Secret)
	api, apiErr := client.New(cfg.APIURL, secret)
	gateway, gatewayErr := origin(cfg.PublicURL)
	if err := errors.Join(apiErr, gatewayErr); err != nil {
		return nil, fmt.Errorf("new demo: %w", err)
	}
	signed, err := newSessions(secret, time.Now)
	if err != nil {
		return nil, fmt.Errorf("new demo: %w", err)
	}
	files, err := readFiles(assets)
	if err != nil {
		return nil, fmt.Errorf("new demo: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	return &Demo{api: api, gateway: gateway, sessions: signed, files: files, log: log}, nil
}

// origin checks the public URL, which becomes part of the page's Content-Security-Policy: nothing but an origin and
// a plain path may get there.
func origin(public string) (string, error) {
	if public == "" {
		return "", nil
	}
	u, err := url.Parse(public)
	if err != nil {
		return "", fmt.Errorf("parse public url: %w", err)
	}
	plain := (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	if !plain || strings.ContainsAny(public, " ;,'\"") {
		return "", fmt.Errorf("parse public url: %q is not http(s)://host[:port][/prefix]", u.Redacted())
	}
	return strings.TrimRight(public, "/"), nil
}

// Close lets go of the idle connections to the api. Call it when no request is being served any more.
func (d *Demo) Close() { d.api.CloseIdleConnections() }

// Handler serves the demo below /demo. It wants to see the whole path, so it is mounted without StripPrefix.
func (d *Demo) Handler() http.Handler {
	r := edge.NewRouter()
	edge.Read(r, "/demo", d.toPage)
	edge.Read(r, "/demo/", d.page)
	for name, do := range map[string]http.HandlerFunc{
		"connect": d.connect, "subscribe": visitor(d, d.subscribe), "unsubscribe": visitor(d, d.unsubscribe),
		"message": visitor(d, d.message), "status": visitor(d, d.status), "people": visitor(d, d.people), "leave": visitor(d, d.leave),
	} {
		r.Post("/demo/"+name, do)
	}
	for name := range d.files {
		edge.Read(r, assetsPath+name, d.asset)
	}
	return secure(d.policy(), r)
}

// Serves says whether a path is one of the demo's, for whoever puts more than it behind one port.
func Serves(path string) bool { return path == "/demo" || strings.HasPrefix(path, "/demo/") }
