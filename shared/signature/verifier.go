package signature

import (
	"crypto/sha1" //nolint:gosec // see signature.go
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	// ErrMalformed is returned for text that is in none of the accepted forms.
	ErrMalformed = errors.New("signature is malformed")
	// ErrWrong is returned for a signature that no configured secret makes.
	ErrWrong = errors.New("signature is wrong")
	// ErrExpired is returned for a right signature that is older than the maximum age.
	ErrExpired = errors.New("signature has expired")
	// ErrFuture is returned for a right signature that is dated further ahead than the leeway.
	ErrFuture = errors.New("signature is dated in the future")
	// ErrNoUser is returned for the signature of a user who has the name of a path; see ForUser.
	ErrNoUser = errors.New("signature is for a path, not for a user")
)

// Leeway is how far ahead of ours the clock of an app may be.
const Leeway = 5 * time.Second

// Verifier checks signatures against a set of secrets. It is safe for concurrent use and, once warm, does not allocate.
type Verifier struct {
	keys   []key
	maxAge time.Duration
	leeway time.Duration
}

// key holds the signers of one secret, one pool for each form.
type key struct{ seed, timestamp *sync.Pool }

// NewVerifier accepts signatures made with any of secrets. maxAge is inclusive and counts whole seconds, as the signed
// times do; 0 sets no limit. leeway is how far in the future a signature may be dated. Empty secrets are ignored, since
// anybody can sign with those; without any secret nothing verifies.
func NewVerifier(secrets []string, maxAge, leeway time.Duration) *Verifier {
	v := &Verifier{maxAge: maxAge, leeway: leeway}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		v.keys = append(v.keys, key{
			seed:      signerPool(sha256.New, []byte(secret)),
			timestamp: signerPool(sha1.New, timestampKey(secret)),
		})
	}
	return v
}

// VerifyUser checks a signature in the seed's form for a user name. The error is one of the package's sentinels.
func (v *Verifier) VerifyUser(signature, user string, now time.Time) error {
	if !ForUser(user) {
		return ErrNoUser
	}
	return v.verifySeed(signature, user, now)
}

func (v *Verifier) verifySeed(signature, subject string, now time.Time) error {
	mac, seconds, found := strings.Cut(signature, ".")
	at, ok := parseSeconds(seconds)
	var sent [sha256.Size]byte
	if !found || !ok || !decode(sent[:], mac) {
		return ErrMalformed
	}
	right := 0
	for i := range v.keys {
		s := v.keys[i].seed.Get().(*signer)
		right |= subtle.ConstantTimeCompare(s.seed(subject, seconds), sent[:])
		v.keys[i].seed.Put(s)
	}
	return v.judge(right, at, now)
}

// VerifyRequest checks the signature of a request to path: the seed's form made for that path, or the 0.7 form of any
// value. The error is one of the package's sentinels.
func (v *Verifier) VerifyRequest(signature, path string, now time.Time) error {
	// A MAC of the 0.7 form is longer than any decimal number of seconds, so that the two can not be mistaken.
	last := strings.LastIndexByte(signature, '.')
	if last < 0 || len(strings.TrimSuffix(signature[last+1:], "=")) != timestampLength-1 {
		return v.verifySeed(signature, path, now)
	}
	return v.verifyTimestamp(signature[:last], signature[last+1:], now)
}

func (v *Verifier) verifyTimestamp(signed, mac string, now time.Time) error {
	at, ok := parseTimestamp(signed)
	var sent [sha1.Size]byte
	if !ok || !decode(sent[:], mac) {
		return ErrMalformed
	}
	right := 0
	for i := range v.keys {
		s := v.keys[i].timestamp.Get().(*signer)
		right |= subtle.ConstantTimeCompare(s.timestamp(signed), sent[:])
		v.keys[i].timestamp.Put(s)
	}
	return v.judge(right, at, now)
}

// judge looks at the time only of a right signature, so that a guess learns nothing.
func (v *Verifier) judge(right int, at int64, now time.Time) error {
	if right != 1 {
		return ErrWrong
	}
	age := now.Unix() - at // neither is negative, so this does not overflow
	switch {
	case -age > int64(v.leeway/time.Second):
		return ErrFuture
	case v.maxAge > 0 && age > int64(v.maxAge/time.Second):
		return ErrExpired
	}
	return nil
}

// parseSeconds reads unix seconds as Sign writes them: digits only.
func parseSeconds(text string) (int64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return seconds, err == nil
}

// parseTimestamp reads the seconds behind the last dot of "value.timestamp".
func parseTimestamp(signed string) (int64, bool) {
	dot := strings.LastIndexByte(signed, '.')
	if dot < 0 {
		return 0, false
	}
	text := signed[dot+1:]
	var whole [8]byte
	size := strict.DecodedLen(len(strings.TrimRight(text, "=")))
	if size > len(whole) || !decode(whole[:size], text) {
		return 0, false
	}
	var seconds uint64
	for _, b := range whole[:size] {
		seconds = seconds<<8 | uint64(b)
	}
	return int64(seconds), seconds <= 1<<63-1 //nolint:gosec // checked beside it
}
