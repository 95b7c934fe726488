// Package admin is the page at /admin, by which operators look at who is where and set things right.
//
// It promises that nothing but the sign-in is shown to who has not signed in with the admin secret, that what a form does is asked for by
// a page of this server, and that names and messages are shown as text whatever is in them. It works without a script; with it, the
// totals move. What is shown comes from presence a page at a time, and nothing is asked while nobody looks.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/channelstream/channelstream/services/api/internal/explain"
	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// Reader is what presence and the logs know.
type Reader interface {
	Overview(ctx context.Context) (contract.OverviewAnswer, error)
	Channels(ctx context.Context, q contract.ListChannelsRequest) (contract.ListChannelsAnswer, error)
	Users(ctx context.Context, q contract.ListUsersRequest) (contract.ListUsersAnswer, error)
	Connections(ctx context.Context, q contract.ListConnectionsRequest) (contract.ListConnectionsAnswer, error)
	// History gives the newest messages of a channel that it shows, oldest first.
	History(ctx context.Context, channel string) ([]json.RawMessage, error)
	// Explain says what became of a message for the connection of this id, or else for the user of this name. Without a channel the
	// whole log is looked through.
	Explain(ctx context.Context, message, channel, who string) (*explain.Answer, error)
}

// App does what an app may ask for, in the words of the HTTP API: path is that of an endpoint. An error is a contract.Fault where the
// body is at fault. What is about names of the demo is done as the demo.
type App interface {
	Do(r *http.Request, path string, body any) error
}

// Store is what is kept of messages.
type Store struct {
	Name            string
	Messages, Bytes uint64
	MostBytes       uint64
}

// Config is what the page works with.
type Config struct {
	User, Secret string // to sign in with; without a secret there is no page
	Version      string
	Reader       Reader
	App          App
	Explorer     Explorer       // nil: requests can not be tried where the page is
	Stores       func() []Store // as they were a moment ago
	Transport    edge.Transport
	Logger       *slog.Logger
}

// Page serves /admin and what is below it.
type Page struct {
	// set at construction
	config    Config
	log       *slog.Logger
	sessions  *sessions
	attempts  *attempts
	crossSite *http.CrossOriginProtection
	views     *views
	files     map[string]file
	samples   *sampler
	handler   http.Handler
	closed    sync.Once // the log was told why there is no page
}

// New makes the page. It asks for nothing before somebody looks.
func New(c Config) (*Page, error) {
	p := &Page{
		config: c, log: c.Logger, attempts: newAttempts(time.Now), crossSite: http.NewCrossOriginProtection(),
		samples: newSampler(c.Reader, c.Logger),
	}
	var keyErr, viewErr, fileErr error
	p.sessions, keyErr = newSessions(c.User, c.Secret, time.Now)
	p.views, viewErr = readViews()
	p.files, fileErr = readFiles()
	if err := errors.Join(keyErr, viewErr, fileErr); err != nil {
		return nil, fmt.Errorf("make the admin page: %w", err)
	}
	p.handler = secure(p.routes())
	return p, nil
}

// Run takes samples for the charts while somebody looks, until ctx ends.
func (p *Page) Run(ctx context.Context) error { return p.samples.run(ctx) }

// ServeHTTP answers what is at /admin and below it.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.config.Secret == "" {
		p.closed.Do(func() {
			p.log.InfoContext(r.Context(), "somebody asked for the admin page, which is a 404 because CHANNELSTREAM_ADMIN_SECRET is not set")
		})
		edge.WriteFault(w, edge.NotFound())
		return
	}
	p.handler.ServeHTTP(w, r)
}

// The paths of the page. Lists that tools read are beside them, at /admin/channels and the like, and are not the page's.
const (
	pathHome    = "/admin"
	pathSignIn  = "/admin/sign_in"
	pathSignOut = "/admin/sign_out"
	pathFiles   = "/admin/static/"

	pathLive       = "/admin/ui/live"
	pathChannels   = "/admin/ui/channels"
	pathChannel    = "/admin/ui/channel"
	pathSettings   = "/admin/ui/channel/settings"
	pathMessage    = "/admin/ui/channel/message"
	pathUsers      = "/admin/ui/users"
	pathUser       = "/admin/ui/user"
	pathDisconnect = "/admin/ui/disconnect"
	pathExplain    = "/admin/ui/explain"
	pathExplorer   = "/admin/ui/explorer"
	pathSignature  = "/admin/ui/signature"
)

// Paths are what the page answers, for a router that has other things beside it.
func Paths() []string {
	return []string{pathHome, pathHome + "/", pathSignIn, pathSignOut, pathFiles + "*", "/admin/ui/*"}
}

func (p *Page) routes() http.Handler {
	r := edge.NewRouter()
	edge.Read(r, pathSignIn, p.signInForm)
	r.Post(pathSignIn, p.form(p.signIn))
	for name := range p.files {
		edge.Read(r, pathFiles+name, p.file)
	}
	r.Group(func(r chi.Router) {
		r.Use(p.signedIn)
		edge.Read(r, pathHome, p.home)
		edge.Read(r, pathHome+"/", p.home)
		edge.Read(r, pathLive, p.live)
		edge.Read(r, pathChannels, p.channels)
		edge.Read(r, pathChannel, p.channel)
		edge.Read(r, pathUsers, p.users)
		edge.Read(r, pathUser, p.user)
		edge.Read(r, pathExplain, p.explain)
		edge.Read(r, pathSignOut, p.signOutForm)
		r.Post(pathSignOut, p.action(p.signOut))
		r.Post(pathSettings, p.action(p.configure))
		r.Post(pathMessage, p.action(p.post))
		r.Post(pathDisconnect, p.action(p.disconnect))
		if p.config.Explorer != nil {
			edge.Read(r, pathExplorer, p.explorer)
			r.Post(pathSignature, p.action(p.signature))
		}
	})
	return r
}

// policy lets a page have its own files and forms, and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure puts on every answer what keeps a browser from doing more with it than was meant.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin") // with less, a form's Origin would be null
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
