package admin

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/channelstream/channelstream/shared/edge"
)

// A session is what a browser shows to prove that its user has signed in:
//
//	BASE64URL(JSON) "." BASE64URL(HMAC-SHA256(key, BASE64URL(JSON)))
//
// It is in a cookie that scripts can not read and other sites can not send. The key is derived from the admin secret (HKDF, RFC 5869), so
// that any api takes it, and another secret ends all sessions. Forms carry a token of the session besides (CSRF).

const (
	sessionPurpose  = "channelstream admin session v1"
	sessionLifetime = 12 * time.Hour
	cookieName      = "channelstream_admin"
	maxCookie       = 1 << 10 // longer than any that was ever issued, in bytes
)

var errNoSession = errors.New("no valid session")

// session says who has signed in.
type session struct {
	User    string `json:"user"`
	Nonce   string `json:"nonce"`
	Expires int64  `json:"expires"` // unix seconds
}

// sessions issues and opens them.
type sessions struct {
	user string
	name [sha256.Size]byte // of the user's name and the secret, so that comparing takes as long for any
	key  []byte
	now  func() time.Time
}

func newSessions(user, secret string, now func() time.Time) (*sessions, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, sessionPurpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key of sessions: %w", err)
	}
	return &sessions{user: user, name: credentials(user, secret), key: key, now: now}, nil
}

func credentials(user, secret string) [sha256.Size]byte {
	name, word := sha256.Sum256([]byte(user)), sha256.Sum256([]byte(secret))
	return sha256.Sum256(append(name[:], word[:]...))
}

// knows says whether that is the name and the secret.
func (s *sessions) knows(user, secret string) bool {
	given := credentials(user, secret)
	return subtle.ConstantTimeCompare(given[:], s.name[:]) == 1
}

func (s *sessions) issue() (string, error) {
	body, err := json.Marshal(session{User: s.user, Nonce: rand.Text(), Expires: s.now().Add(sessionLifetime).Unix()})
	if err != nil {
		return "", fmt.Errorf("encode a session: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(body)
	return payload + "." + s.sum("cookie", payload), nil
}

func (s *sessions) open(cookie string) (session, error) {
	payload, tag, _ := strings.Cut(cookie, ".")
	if len(cookie) > maxCookie || !hmac.Equal([]byte(tag), []byte(s.sum("cookie", payload))) {
		return session{}, errNoSession
	}
	body, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return session{}, errNoSession
	}
	var v session
	if err := json.Unmarshal(body, &v); err != nil || s.now().Unix() >= v.Expires || v.User != s.user {
		return session{}, errNoSession
	}
	return v, nil
}

// token is what the forms of a session carry.
func (s *sessions) token(v session) string { return s.sum("form", v.Nonce) }

func (s *sessions) sum(what, text string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(what + "\n" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// cookie holds a session, or, with "", takes it away.
func (p *Page) cookie(r *http.Request, value string) *http.Cookie {
	c := &http.Cookie{
		Name: cookieName, Value: value, Path: baseOf(r) + pathHome, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: p.config.Transport.Secure(r), MaxAge: int(sessionLifetime.Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// baseOf is the path below which the caller knows /admin.
func baseOf(r *http.Request) string { return strings.TrimSuffix(edge.PathOf(r), r.URL.Path) }

type sessionKey struct{}

// sessionOf is the session of a request that signedIn let through.
func sessionOf(r *http.Request) session {
	v, _ := r.Context().Value(sessionKey{}).(session)
	return v
}

// signedIn sends everybody else to the sign-in.
func (p *Page) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie(cookieName); err == nil {
			if v, err := p.sessions.open(cookie.Value); err == nil {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, v)))
				return
			}
		}
		see(w, r, http.StatusFound, pathSignIn)
	})
}

// see sends a browser to a path of the page, wherever a proxy has put that.
func see(w http.ResponseWriter, r *http.Request, status int, path string) {
	w.Header().Set("Location", baseOf(r)+path)
	w.WriteHeader(status)
}
