package signature_test

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the form of 0.7
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/channelstream/channelstream/shared/signature"
)

var at = time.Unix(1700000000, 0)

func verifier() *signature.Verifier {
	return signature.NewVerifier([]string{"secret"}, time.Minute, signature.Leeway)
}

func TestMalformedSignaturesAreNamedSo(t *testing.T) {
	t.Parallel()
	mac := strings.Repeat("A", 44)
	short := strings.Repeat("A", 27)
	for _, signed := range []string{
		"", ".", "..", "a.b", mac, mac + ".", mac + ".x", mac + ".-1", mac + ".+1", mac + ". 1", mac + ".1.1", mac + ".1e3",
		mac + ".9223372036854775808", mac[2:] + ".1", mac + "A.1", "." + mac, short, "." + short, "v.!!!!." + short,
		"v.AAAAAAAAAAAAA." + short, "v.__________8." + short, strings.Repeat(".", 1<<16),
	} {
		if err := verifier().VerifyRequest(signed, "/message", at); !errors.Is(err, signature.ErrMalformed) {
			t.Errorf("VerifyRequest(%.60q) = %v", signed, err)
		}
	}
}

func TestEverySingleChangeIsNoticed(t *testing.T) {
	t.Parallel()
	for _, signed := range []string{signature.Sign("secret", "/message", at), signature.SignTimestamp("secret", "value", at)} {
		for i := range len(signed) {
			for _, bit := range []byte{1, 2, 32} {
				changed := []byte(signed)
				changed[i] ^= bit
				if err := verifier().VerifyRequest(string(changed), "/message", at); err == nil {
					t.Errorf("%q is taken for %q", changed, signed)
				}
			}
		}
	}
}

// The spellings that signers make of one signature are as good as each other.
func TestAnyAlphabetAndPaddingIsRead(t *testing.T) {
	t.Parallel()
	url, half := strings.NewReplacer("+", "-", "/", "_"), strings.NewReplacer("/", "_")
	first := func(s string) string { return strings.Replace(strings.Replace(s, "+", "-", 1), "/", "_", 1) }
	for second := range 50 {
		now := at.Add(time.Duration(second) * time.Second)
		seed, seconds, _ := strings.Cut(signature.Sign("secret", "name", now), ".")
		bare := strings.TrimSuffix(seed, "=")
		for _, spelling := range []string{bare, url.Replace(seed), url.Replace(bare), half.Replace(bare), first(seed), first(bare)} {
			if err := verifier().VerifyUser(spelling+"."+seconds, "name", now); err != nil {
				t.Errorf("%q for %q: %v", spelling, seed, err)
			}
		}
	}
}

// As the JavaScript signer of Channelstream 0.7 writes its signatures: base64 of which the first '=', '+' and '/' are
// replaced, and no others. What it signs holds the padding that is left.
func TestTheJavaScriptSignersFormIsRead(t *testing.T) {
	t.Parallel()
	strip := func(s string) string {
		return strings.Replace(strings.Replace(strings.Replace(s, "=", "", 1), "+", "-", 1), "/", "_", 1)
	}
	key := sha1.Sum([]byte("itsdangerous.Signersignersecret"))
	mixed := 0
	for second := range 200 {
		now := at.Add(time.Duration(second) * time.Second)
		var seconds [4]byte
		binary.BigEndian.PutUint32(seconds[:], uint32(now.Unix()))
		value := "channelstream." + strip(base64.StdEncoding.EncodeToString(seconds[:]))
		mac := hmac.New(sha1.New, key[:])
		mac.Write([]byte(value))
		full := base64.StdEncoding.EncodeToString(mac.Sum(nil))
		if strings.ContainsAny(strip(full), "+/") {
			mixed++
		}
		for _, signed := range []string{value + "." + strip(full), value + "." + full} {
			if err := verifier().VerifyRequest(signed, "/message", now); err != nil {
				t.Errorf("%q: %v", signed, err)
			}
			if err := verifier().VerifyRequest(signed, "/message", now.Add(time.Hour)); !errors.Is(err, signature.ErrExpired) {
				t.Errorf("%q an hour later: %v", signed, err)
			}
		}
	}
	if mixed == 0 {
		t.Error("no signature mixed the alphabets")
	}
}

// The last character of base64 holds bits that a decoder may drop, and some decoders pass over what they do not know:
// nothing but alphabet and padding is free.
func TestNoOtherSpellingIsTaken(t *testing.T) {
	t.Parallel()
	for _, signed := range []string{signature.Sign("secret", "/message", at), signature.SignTimestamp("secret", "value", at)} {
		end := strings.Index(signed, "=.") // of the last character of the signature
		if end < 0 {
			end = len(signed)
		}
		spellings := []string{
			strings.Replace(signed, "=.", "==.", 1) + strings.Repeat("==", 1-strings.Count(signed, "=.")),
			signed + "\n", " " + signed, signed + " ", signed[:10] + "\n" + signed[10:], signed[:end-5] + "\n" + signed[end-5:],
			signed[:end-5] + "\n" + signed[end-4:], signed[:len(signed)-1],
		}
		for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. " {
			if other := signed[:end-1] + string(last) + signed[end:]; other != signed {
				spellings = append(spellings, other)
			}
		}
		for _, spelling := range spellings {
			if err := verifier().VerifyRequest(spelling, "/message", at); err == nil {
				t.Errorf("%q is taken for %q", spelling, signed)
			}
		}
	}
}

// A request is signed in the same form as a user: whoever could sign in as /message could post.
func TestTheSignatureOfAPathIsNoUsers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/", "/message", "/alice"} {
		if err := verifier().VerifyUser(signature.Sign("secret", name, at), name, at); !errors.Is(err, signature.ErrNoUser) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verifier().VerifyUser(signature.Sign("secret", "a/b", at), "a/b", at); err != nil {
		t.Errorf("a/b: %v", err)
	}
}

func TestPlusMayHaveBecomeSpace(t *testing.T) {
	t.Parallel()
	tried := 0
	for second := range 200 {
		now := at.Add(time.Duration(second) * time.Second)
		signed := signature.Sign("secret", "name", now)
		decoded := strings.ReplaceAll(signed, "+", " ")
		if decoded == signed {
			continue
		}
		tried++
		if err := verifier().VerifyUser(decoded, "name", now); err != nil {
			t.Errorf("%q: %v", decoded, err)
		}
	}
	if tried == 0 {
		t.Error("no signature held a plus")
	}
}

// The dot between subject and time is no border of its own: digits moved over it must not verify.
func TestSubjectAndTimeDoNotMix(t *testing.T) {
	t.Parallel()
	signed := signature.Sign("secret", "user.1", at)
	mac := strings.SplitN(signed, ".", 2)[0]
	if err := verifier().VerifyUser(mac+".1.1700000000", "user", at); !errors.Is(err, signature.ErrMalformed) {
		t.Errorf("Verify = %v", err)
	}
}

func TestUserSignatureIsTheSeedsFormOnly(t *testing.T) {
	t.Parallel()
	if err := verifier().VerifyUser(signature.SignTimestamp("secret", "name", at), "name", at); !errors.Is(err, signature.ErrMalformed) {
		t.Errorf("Verify = %v", err)
	}
}

func TestEmptySecretSignsNothing(t *testing.T) {
	t.Parallel()
	v := signature.NewVerifier([]string{"", "secret"}, time.Minute, signature.Leeway)
	for _, signed := range []string{signature.Sign("", "/message", at), signature.SignTimestamp("", "value", at)} {
		if err := v.VerifyRequest(signed, "/message", at); !errors.Is(err, signature.ErrWrong) {
			t.Errorf("VerifyRequest = %v", err)
		}
	}
}

func TestTimesAtTheEdge(t *testing.T) {
	t.Parallel()
	for _, signedAt := range []time.Time{time.Unix(0, 0), time.Unix(1, 0), time.Unix(1<<62, 0)} {
		for _, signed := range []string{signature.Sign("secret", "x", signedAt), signature.SignTimestamp("secret", "x", signedAt)} {
			if err := verifier().VerifyRequest(signed, "x", signedAt); err != nil {
				t.Errorf("at %v: %q: %v", signedAt.Unix(), signed, err)
			}
			want := signature.ErrExpired
			if signedAt.After(at) {
				want = signature.ErrFuture
			}
			if err := verifier().VerifyRequest(signed, "x", at); !errors.Is(err, want) {
				t.Errorf("at %v: %v, want %v", signedAt.Unix(), err, want)
			}
		}
	}
}

func TestVerifierIsSharedSafely(t *testing.T) {
	t.Parallel()
	v := verifier()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 200 {
				subject := strings.Repeat("s", i)
				if err := v.VerifyRequest(signature.Sign("secret", subject, at), subject, at); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func FuzzVerifyRequest(f *testing.F) {
	f.Add(signature.Sign("secret", "/message", at), "/message", "value")
	f.Add(signature.SignTimestamp("secret", "a.b", at), "", "a.b")
	f.Add("channelstream.awNPEg.6eDHsa1siLNdBdM_ZRnVTRJW_dc", "/connect", "")
	v, other := verifier(), signature.NewVerifier([]string{"another"}, 0, time.Hour)
	f.Fuzz(func(t *testing.T, signed, subject, value string) {
		if err := other.VerifyRequest(signed, subject, at); err == nil {
			t.Errorf("%q verifies for %q", signed, subject)
		}
		for _, own := range []string{signature.Sign("secret", subject, at), signature.SignTimestamp("secret", value, at)} {
			if err := v.VerifyRequest(own, subject, at); err != nil {
				t.Errorf("own signature %q for %q: %v", own, subject, err)
			}
			respelled := own[:len(own)-1] + strings.NewReplacer("-", "+", "_", "/").Replace(own[len(own)-1:])
			if err := v.VerifyRequest(respelled, subject, at); err != nil {
				t.Errorf("own signature %q for %q: %v", respelled, subject, err)
			}
		}
	})
}

func TestTheDemoSignsNothingThatTheAppDoesAndTheAppNothingOfTheDemo(t *testing.T) {
	t.Parallel()
	derived := signature.DemoSecrets([]string{"secret", "", "other"})
	if derived[0] != signature.DemoSecret("secret") || derived[1] != "" || derived[2] == derived[0] {
		t.Fatalf("derived %q", derived)
	}
	app, demo := verifier(), signature.NewVerifier(derived, time.Minute, signature.Leeway)
	for _, signed := range []func(secret string) string{
		func(secret string) string { return signature.Sign(secret, "/message", at) },
		func(secret string) string { return signature.SignTimestamp(secret, "value", at) },
	} {
		if err := app.VerifyRequest(signed(derived[0]), "/message", at); !errors.Is(err, signature.ErrWrong) {
			t.Errorf("the app's verifier on the demo's signature: %v", err)
		}
		if err := demo.VerifyRequest(signed("secret"), "/message", at); !errors.Is(err, signature.ErrWrong) {
			t.Errorf("the demo's verifier on the app's signature: %v", err)
		}
		if err := demo.VerifyRequest(signed(derived[2]), "/message", at); err != nil {
			t.Errorf("the demo's verifier on the demo's signature: %v", err)
		}
	}
}
