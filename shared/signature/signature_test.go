package signature_test

import (
	"errors"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
)

// recordedAt is the time in the signatures that the original server was recorded with ("awNPEg").
var recordedAt = time.Unix(0x6b034f12, 0)

// recorded are values and what itsdangerous 2.1.2 made of them with the secret "testsecret".
var recorded = map[string]string{
	"channelstream":   "channelstream.awNPEg.6eDHsa1siLNdBdM_ZRnVTRJW_dc",
	"/connect":        "/connect.awNPEg.o0uMoMFzHe8Lu0ZwwkwpVwEbYM8",
	"with.dots.in.it": "with.dots.in.it.awNPEg.4ydTrVAYsLW8fBcmkSN6bd76Y5E",
	"":                ".awNPEg.8G22wY2vbStG11HAODHN0s_d028",
}

func TestSignTimestampMatchesRecord(t *testing.T) {
	t.Parallel()
	for value, want := range recorded {
		if got := signature.SignTimestamp("testsecret", value, recordedAt); got != want {
			t.Errorf("SignTimestamp(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestVerifyRequestAcceptsRecord(t *testing.T) {
	t.Parallel()
	v := signature.NewVerifier([]string{"testsecret"}, time.Minute, signature.Leeway)
	for _, signed := range recorded {
		if err := v.VerifyRequest(signed, "/connect", recordedAt); err != nil {
			t.Errorf("VerifyRequest(%q): %v", signed, err)
		}
	}
}

func TestVerifyRequestJudgesRecordAsOriginalDid(t *testing.T) {
	t.Parallel()
	v := signature.NewVerifier([]string{"testsecret"}, time.Minute, signature.Leeway)
	cases := []struct {
		signed string
		want   error
	}{
		{"channelstream.awNPEg.uszXVlUucB3BcZTffyjz9r3tG3E", signature.ErrWrong},
		{"channelstream.awNO1g.FdnBL1Gpouy7eFqgqMDweQX3m8U", nil}, // 60 s old
		{"channelstream.awNO0w.ZkaL0_stiFsaFDKYAIWrNpI3zfI", signature.ErrExpired},
		{"channelstream.awNPMA.xgd-bs0cFJTjLkZudqw1-Ca-pvA", signature.ErrFuture},
		{"bad", signature.ErrMalformed},
	}
	for _, c := range cases {
		if err := v.VerifyRequest(c.signed, "/connect", recordedAt); !errors.Is(err, c.want) {
			t.Errorf("VerifyRequest(%q) = %v, want %v", c.signed, err, c.want)
		}
	}
}

// The value is from: printf /message.1700000000 | openssl dgst -sha256 -hmac secret -binary | base64
func TestSignMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	const want = "Qm9x/16K59a4/1iJZA+vmbdYoWy54qImIpNN9xTwTWM=.1700000000"
	if got := signature.Sign("secret", "/message", time.Unix(1700000000, 0)); got != want {
		t.Errorf("Sign = %q, want %q", got, want)
	}
}

func TestVerifyBindsSubjectAndSecret(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	cases := map[string]struct {
		secrets []string
		subject string
		want    error
	}{
		"only secret":    {[]string{"new"}, "message", nil},
		"rotated secret": {[]string{"newer", "new"}, "message", nil},
		"other secret":   {[]string{"old"}, "message", signature.ErrWrong},
		"other subject":  {[]string{"new"}, "connect", signature.ErrWrong},
		"no secret":      {nil, "message", signature.ErrWrong},
	}
	for name, c := range cases {
		v := signature.NewVerifier(c.secrets, time.Minute, signature.Leeway)
		if err := v.VerifyUser(signature.Sign("new", "message", now), c.subject, now); !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyUser = %v, want %v", name, err, c.want)
		}
		if err := v.VerifyRequest(signature.Sign("new", "/message", now), "/"+c.subject, now); !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyRequest = %v, want %v", name, err, c.want)
		}
	}
}

func TestVerifyAge(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0)
	cases := []struct {
		maxAge, age time.Duration
		want        error
	}{
		{time.Minute, 0, nil},
		{time.Minute, time.Minute, nil},
		{time.Minute, time.Minute + 999*time.Millisecond, nil}, // whole seconds, as signed
		{time.Minute, 61 * time.Second, signature.ErrExpired},
		{time.Minute, -5 * time.Second, nil},
		{time.Minute, -6 * time.Second, signature.ErrFuture},
		{0, 100 * 365 * 24 * time.Hour, nil},
		{0, -6 * time.Second, signature.ErrFuture},
	}
	for _, c := range cases {
		v := signature.NewVerifier([]string{"secret"}, c.maxAge, signature.Leeway)
		for _, signed := range []string{signature.Sign("secret", "/info", at), signature.SignTimestamp("secret", "x", at)} {
			if err := v.VerifyRequest(signed, "/info", at.Add(c.age)); !errors.Is(err, c.want) {
				t.Errorf("max age %v, age %v: %v, want %v", c.maxAge, c.age, err, c.want)
			}
		}
	}
}
