package contract

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// legal is what NATS takes as a KV key (ADR-8), less the dot: so it is one subject token too.
var legal = regexp.MustCompile(`^[-/_=a-zA-Z0-9]+$`)

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"plain-Name_09": "plain-Name_09",
		"a.b":           "a=2Eb",
		"a b":           "a=20b",
		"*":             "=2A",
		">":             "=3E",
		"=":             "=3D",
		"==":            "=3D=3D",
		"$JS.>":         "=24JS=2E=3E",
		"\U0001f980":    "=F0=9F=A6=80",
		"\x00\r\n":      "=00=0D=0A",
		"\xff":          "=FF",
		"/":             "=2F",
	} {
		got := EncodeToken(name)
		if got != want {
			t.Errorf("EncodeToken(%q) = %q, want %q", name, got, want)
		}
		if back, err := DecodeToken(got); err != nil || back != name {
			t.Errorf("DecodeToken(%q) = %q, %v, want %q", got, back, err, name)
		}
	}
}

func TestTokenOf512BytesIsWrittenOut(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a", ".", " ", "\xf0\x9f\xa6\x80"} {
		name := strings.Repeat(piece, 512/len(piece))
		token := EncodeToken(name)
		if back, err := DecodeToken(token); err != nil || back != name {
			t.Errorf("%d bytes of %q: %v", len(name), piece, err)
		}
		if len(token) > MaxToken {
			t.Errorf("%d bytes of %q: the token has %d", len(name), piece, len(token))
		}
	}
}

func TestTokenOfALongerNameIsAHash(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, name := range []string{
		strings.Repeat(".", 513), strings.Repeat(".", 514), strings.Repeat("a", MaxToken+1), strings.Repeat("a", 1<<20),
	} {
		token := EncodeToken(name)
		if !legal.MatchString(token) || len(token) != 66 {
			t.Errorf("%d bytes: token %q", len(name), token)
		}
		if other, taken := seen[token]; taken {
			t.Errorf("%d and %d bytes have one token", len(name), len(other))
		}
		seen[token] = name
		if _, err := DecodeToken(token); !errors.Is(err, ErrTokenHashed) {
			t.Errorf("DecodeToken of a hash: %v", err)
		}
	}
	// Nobody can choose a name whose own token is the hash of another.
	if own := EncodeToken("==" + strings.Repeat("0", 64)); strings.HasPrefix(own, "==") {
		t.Errorf("a name chose the token %q", own)
	}
}

func TestDecodeTokenRefusesWhatEncodeNeverWrites(t *testing.T) {
	t.Parallel()
	for _, token := range []string{
		"a.b", "a b", "*", ">", "=", "=2", "a=", "=2e", "=GG", "=41", "=5F", "==", "=3D=", "\U0001f980", "a\n",
		strings.Repeat("a", MaxToken+1), strings.Repeat("=2E", MaxToken),
	} {
		if name, err := DecodeToken(token); !errors.Is(err, ErrToken) {
			t.Errorf("DecodeToken(%.40q) = %.40q, %v, want ErrToken", token, name, err)
		}
	}
}

// A subject is cut at dots and matched by wildcards: neither may come out of a name.
func TestSubjectsHoldNoWildcardOfAName(t *testing.T) {
	t.Parallel()
	const ns Namespace = "ns"
	for _, name := range []string{".", "a.b", "*", ">", "a.*", "a.>", " ", "\r\nPUB x 0\r\n", "\t", "_INBOX.>"} {
		for subject, dots := range map[string]int{
			ns.LiveChannel(name):        3,
			ns.LiveUser(name):           3,
			ns.Gateway(name, VerbClose): 3,
		} {
			if strings.ContainsAny(subject, "*> \t\r\n") || strings.Count(subject, ".") != dots {
				t.Errorf("%q makes the subject %q", name, subject)
			}
		}
		if key := LeaseKey(LeaseGateway, name); !legal.MatchString(strings.Replace(key, ".", "", 1)) {
			t.Errorf("%q makes the key %q", name, key)
		}
	}
	if got := JoinTokens([]string{"a,b", "c"}); got != "a=2Cb,c" {
		t.Errorf("JoinTokens: %q", got)
	}
	if got := JoinTokens([]string{"a,b"}); got != "a=2Cb" {
		t.Errorf("JoinTokens: %q", got)
	}
}

func TestNamespaceIsOnePlainToken(t *testing.T) {
	t.Parallel()
	for _, good := range []Namespace{DefaultNamespace, "a", "A_1-x", Namespace(strings.Repeat("a", 64))} {
		if err := good.Validate(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []Namespace{"", "a.b", "a b", "*", ">", "a=2E", "ü", Namespace(strings.Repeat("a", 65))} {
		if err := bad.Validate(); !errors.Is(err, ErrNamespace) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b", "=2E", "==", "\xff", "\U0001f980", strings.Repeat(".", 520)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		token := EncodeToken(name)
		if name != "" && !legal.MatchString(token) || len(token) > MaxToken {
			t.Fatalf("token %q", token)
		}
		back, err := DecodeToken(token)
		if errors.Is(err, ErrTokenHashed) {
			if len(name) <= 512 {
				t.Fatalf("a name of %d bytes is hashed", len(name))
			}
		} else if err != nil || back != name {
			t.Fatalf("%q became %q: %v", name, back, err)
		}
		if plain, err := DecodeToken(name); err == nil && EncodeToken(plain) != name {
			t.Fatalf("%q is a second token of %q", name, plain)
		}
	})
}

func BenchmarkEncodeToken(b *testing.B) {
	for _, name := range []string{"plain", "a channel.with \U0001f980"} {
		b.Run(name[:5], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				EncodeToken(name)
			}
		})
	}
}

func TestPlainNamesCostNothing(t *testing.T) { // AllocsPerRun must not run beside others
	if allocs := testing.AllocsPerRun(100, func() { EncodeToken("plain-name") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
