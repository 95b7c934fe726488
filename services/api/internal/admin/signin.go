package admin

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/shared/edge"
)

// maxForm is more than any form of the page has, in bytes, but for a message.
const maxForm = 1 << 20

// form lets a form through that a page of this server has sent.
func (p *Page) form(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := p.crossSite.Check(r); err != nil {
			p.refuse(w, r, http.StatusForbidden, "This form was sent by a page of another site.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			status, fault := http.StatusBadRequest, (*contract.Fault)(nil)
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			} else if errors.As(err, &fault) {
				status = fault.Code.HTTPStatus()
			}
			p.refuse(w, r, status, "The form could not be read.")
			return
		}
		next(w, r)
	}
}

// action is form for those who have signed in: it carries the token of their session.
func (p *Page) action(next http.HandlerFunc) http.HandlerFunc {
	return p.form(func(w http.ResponseWriter, r *http.Request) {
		token := p.sessions.token(sessionOf(r))
		if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("token")), []byte(token)) != 1 {
			p.refuse(w, r, http.StatusForbidden, "This form is of another session. Go back, load the page again, and try once more.")
			return
		}
		next(w, r)
	})
}

func (p *Page) signInForm(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "sign_in", "Sign in", nil)
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	from := p.config.Transport.Caller(r)
	who := edge.Network(from)
	if wait := p.attempts.begin(who); wait > 0 {
		p.log.WarnContext(r.Context(), "too many failed to sign in to the admin page", "address", from)
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		p.show(w, r, http.StatusTooManyRequests, "sign_in", "Sign in", "Too many attempts. Wait a minute, and try again.")
		return
	}
	if !p.sessions.knows(r.PostForm.Get("user"), r.PostForm.Get("secret")) {
		p.log.WarnContext(r.Context(), "somebody failed to sign in to the admin page", "address", from)
		p.show(w, r, http.StatusOK, "sign_in", "Sign in", "That is not the name and the secret.") // 200, as recorded
		return
	}
	cookie, err := p.sessions.issue()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.attempts.succeeded(who)
	p.log.InfoContext(r.Context(), "an operator signed in to the admin page", "address", from)
	http.SetCookie(w, p.cookie(r, cookie))
	see(w, r, http.StatusSeeOther, pathHome)
}

// signOutForm asks, since a link or an image of any page could be this address.
func (p *Page) signOutForm(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "sign_out", "Sign out", nil)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, p.cookie(r, ""))
	see(w, r, http.StatusSeeOther, pathSignIn)
}
