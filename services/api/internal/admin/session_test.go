package admin

import (
	"strings"
	"testing"
	"time"
)

func newTestSessions(t *testing.T, user, secret string, now *time.Time) *sessions {
	t.Helper()
	s, err := newSessions(user, secret, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASessionIsGoodForItsTimeAndItsSecret(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newTestSessions(t, "admin", "secret", &now)
	cookie, err := s.issue()
	if err != nil {
		t.Fatal(err)
	}
	v, err := newTestSessions(t, "admin", "secret", &now).open(cookie) // as another api
	if err != nil || v.User != "admin" || s.token(v) == "" {
		t.Errorf("%+v, %v", v, err)
	}
	other, _ := s.issue()
	if w, err := s.open(other); err != nil || s.token(w) == s.token(v) {
		t.Error("two sessions have the same token")
	}
	payload, tag, _ := strings.Cut(cookie, ".")
	for name, forged := range map[string]string{
		"nothing": "", "no tag": payload + ".", "of another": payload + "." + s.sum("cookie", "x"), "changed": "A" + payload + "." + tag,
		"token as a tag": payload + "." + s.sum("form", payload), "long": cookie + strings.Repeat("A", maxCookie),
	} {
		if _, err := s.open(forged); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
	if _, err := newTestSessions(t, "admin", "secret2", &now).open(cookie); err == nil {
		t.Error("another secret takes it")
	}
	if _, err := newTestSessions(t, "root", "secret", &now).open(cookie); err == nil {
		t.Error("another name takes it")
	}
	now = now.Add(sessionLifetime)
	if _, err := s.open(cookie); err == nil {
		t.Error("it lasts for too long")
	}
}

func TestNameAndSecretAreBothNeeded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newTestSessions(t, "admin", "secret", &now)
	for _, c := range []struct {
		user, secret string
		want         bool
	}{
		{"admin", "secret", true}, {"admin", "Secret", false}, {"Admin", "secret", false}, {"", "", false}, {"admin", "", false},
		{"admins", "ecret", false}, {"secret", "admin", false},
	} {
		if s.knows(c.user, c.secret) != c.want {
			t.Errorf("%q and %q", c.user, c.secret)
		}
	}
}
