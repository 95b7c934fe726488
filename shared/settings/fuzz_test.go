package settings

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// What is read must not panic, and a value in our own writing must read as itself.
func FuzzForms(f *testing.F) {
	for _, s := range specs() {
		f.Add(s.initial)
	}
	for _, text := range []string{"", "1h", ".5", "8 MiB", "::ffff:1.2.3.4/100", "https://a:443", "[::1]", "nats://a,b", "xhr-polling", "/a/b/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range specs() {
			value, err := s.read(text)
			if err != nil || value == "" {
				continue
			}
			if again, err := s.read(value); err != nil && s.name != "ALLOW_POSTING_FROM" || again != value && s.form != "callers" {
				t.Errorf("%s: %q reads as %q, which reads as %q, %v", s.name, text, value, again, err)
			}
		}
	})
}

func FuzzIni(f *testing.F) {
	seed, err := os.ReadFile("testdata/seed.ini")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("[app:main]\nsecret = a,\n  b\n\n  c\n[server:main]\nport: 1\nport: 1\n"))
	f.Add([]byte("[a]\n[app:main]\nSECRET = \"\"\"x\n\"\"\"\n%(a)s=%(b)s\\\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.ini")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(context.Background(), nil, path)
		if err == nil && (s.Limits.MaxBody == 0 || s.NATS.Namespace == "") {
			t.Errorf("loaded without defaults: %+v", s)
		}
	})
}
