// Package signature makes and checks the signatures by which an app shows that it knows the secret.
//
// Two forms are in use:
//
//	seed:  BASE64(HMAC-SHA256(secret, subject "." seconds)) "." seconds
//	0.7:   value "." BASE64URL(seconds) "." BASE64URL(HMAC-SHA1(key, value "." BASE64URL(seconds)))
//
// Base64 is read in any alphabet and padding, see decode. The seed's form binds what it is made for: subject is the path of a request or the name of a user. The 0.7 form is
// what itsdangerous' TimestampSigner makes (key = SHA1(salt "signer" secret), no padding); its value may be anything,
// so it shows knowledge of the secret and nothing more. Neither covers the body: that is the transport's part (TLS).
package signature

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the 0.7 form is HMAC-SHA1; HMAC does not rest on SHA-1's collision resistance
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// salt is itsdangerous' default salt and key derivation, "django-concat".
const salt = "itsdangerous.Signer" + "signer"

// The size of base64, with its padding.
const (
	seedLength      = 44 // of 32 bytes
	timestampLength = 28 // of 20 bytes
)

// Sign returns the seed's form for subject, a request path such as "/message" or a user name.
func Sign(secret, subject string, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := newSigner(sha256.New, []byte(secret))
	return base64.StdEncoding.EncodeToString(mac.seed(subject, seconds)) + "." + seconds
}

// ForUser says whether a user may have this name. One that begins with "/" is the path of a request: whoever has the
// signature of a user called /message could post as the app.
func ForUser(name string) bool { return !strings.HasPrefix(name, "/") }

// SignTimestamp returns the 0.7 form of value, as itsdangerous' TimestampSigner(secret).sign(value) does. Times before
// 1970 have no such form and are taken as 1970.
func SignTimestamp(secret, value string, at time.Time) string {
	signed := value + "." + base64.RawURLEncoding.EncodeToString(minimalBytes(max(at.Unix(), 0)))
	mac := newSigner(sha1.New, timestampKey(secret))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.timestamp(signed))
}

// DemoSecret is the secret that the demo signs with, derived from the app's one-way: who has it can not sign as the app.
// It is an HMAC under the app's secret, like the signatures, but of a text that no signature is made of, since that ends
// with a dot and digits.
func DemoSecret(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("channelstream demo secret v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// DemoSecrets derives one from each of secrets; of an empty one, which signs nothing, an empty one.
func DemoSecrets(secrets []string) []string {
	derived := make([]string, len(secrets))
	for i, secret := range secrets {
		if secret != "" {
			derived[i] = DemoSecret(secret)
		}
	}
	return derived
}

func timestampKey(secret string) []byte {
	key := sha1.Sum([]byte(salt + secret)) //nolint:gosec // fixed by the format
	return key[:]
}

// minimalBytes is the big-endian form of seconds without leading zero bytes, as itsdangerous' int_to_bytes.
func minimalBytes(seconds int64) []byte {
	var whole [8]byte
	binary.BigEndian.PutUint64(whole[:], uint64(seconds)) //nolint:gosec // never negative here
	first := 0
	for first < len(whole) && whole[first] == 0 {
		first++
	}
	return whole[first:]
}

// signer is one keyed HMAC with the buffers it needs; not safe for concurrent use.
type signer struct {
	mac     hash.Hash
	message []byte
	sum     []byte
}

func newSigner(algorithm func() hash.Hash, key []byte) *signer {
	return &signer{mac: hmac.New(algorithm, key)}
}

// signerPool keeps keyed signers: keying costs two blocks of hashing, which a pooled HMAC remembers.
func signerPool(algorithm func() hash.Hash, key []byte) *sync.Pool {
	return &sync.Pool{New: func() any { return newSigner(algorithm, key) }}
}

// seed returns the signature; it is valid until the next call.
func (s *signer) seed(subject, seconds string) []byte {
	s.message = append(s.message[:0], subject...)
	s.message = append(s.message, '.')
	s.message = append(s.message, seconds...)
	return s.sign()
}

// timestamp returns the signature; it is valid until the next call.
func (s *signer) timestamp(signed string) []byte {
	s.message = append(s.message[:0], signed...)
	return s.sign()
}

func (s *signer) sign() []byte {
	s.mac.Reset()
	s.mac.Write(s.message)
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum
}
