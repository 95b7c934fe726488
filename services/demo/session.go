package demo

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A session is what a page shows to prove which visitor it acts for:
//
//	BASE64URL(JSON) "." BASE64URL(HMAC-SHA256(key, BASE64URL(JSON)))
//
// It travels in the Authorization header and not in a cookie, so that a foreign site cannot make a browser send it
// (CSRF) and two tabs can be two visitors. The key is derived from the demo's secret (HKDF, RFC 5869), so that a token
// can never pass as a signature of the api, which is an HMAC-SHA256 as well.

const (
	sessionPurpose  = "channelstream demo session v2"
	sessionLifetime = 24 * time.Hour
	// maxToken is longer than any token that was ever issued, in bytes.
	maxToken = 2048
)

// errNoSession is returned for a token that is missing, forged, malformed or too old.
var errNoSession = errors.New("no valid session")

// session binds a visitor's name to the one connection that it may act for.
type session struct {
	User    string `json:"user"`
	ConnID  string `json:"conn_id"`
	Expires int64  `json:"expires"` // unix seconds
}

// sessions issues and opens tokens.
type sessions struct {
	key []byte
	now func() time.Time
}

func newSessions(secret string, now func() time.Time) (*sessions, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, sessionPurpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive session key: %w", err)
	}
	return &sessions{key: key, now: now}, nil
}

func (s *sessions) issue(user, connID string) (string, error) {
	body, err := json.Marshal(session{User: user, ConnID: connID, Expires: s.now().Add(sessionLifetime).Unix()})
	if err != nil {
		return "", fmt.Errorf("encode session: %w", err)
	}
	payload := base64.RawURLEncoding.EncodeToString(body)
	return payload + "." + base64.RawURLEncoding.EncodeToString(s.sum(payload)), nil
}

func (s *sessions) open(token string) (session, error) {
	if len(token) > maxToken {
		return session{}, errNoSession
	}
	payload, tag, _ := strings.Cut(token, ".")
	sum, err := base64.RawURLEncoding.Strict().DecodeString(tag)
	if err != nil || !hmac.Equal(sum, s.sum(payload)) {
		return session{}, errNoSession
	}
	body, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return session{}, errNoSession
	}
	var v session
	if err := json.Unmarshal(body, &v); err != nil || s.now().Unix() >= v.Expires {
		return session{}, errNoSession
	}
	return v, nil
}

func (s *sessions) sum(payload string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(payload))
	return mac.Sum(nil)
}

// of opens the session of a request.
func (s *sessions) of(r *http.Request) (session, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return session{}, errNoSession
	}
	return s.open(token)
}
