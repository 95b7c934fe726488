package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/channelstream/channelstream/shared/settings"
)

func TestEnsureSecretMakesOneForLoopbackOnly(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "127.1.2.3", "::1", "localhost"} {
		s := mustLoad(t, "", "CHANNELSTREAM_HOST="+host)
		if err := s.EnsureSecret(); err != nil || !s.Access.Generated || len(s.Access.Secrets) != 1 || len(s.Access.Secrets[0]) != 43 {
			t.Errorf("%s: %v, generated %v, %d secrets", host, err, s.Access.Generated, len(s.Access.Secrets))
		}
	}
	for _, host := range []string{"0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com"} {
		s := mustLoad(t, "", "CHANNELSTREAM_HOST="+host)
		if err := s.EnsureSecret(); !errors.Is(err, settings.ErrNoSecret) || len(s.Access.Secrets) != 0 {
			t.Errorf("%s: %v, %d secrets", host, err, len(s.Access.Secrets))
		}
	}
}

func TestEnsureSecretKeepsTheOperators(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "", "CHANNELSTREAM_HOST=0.0.0.0", "CHANNELSTREAM_SECRET=chosen", "CHANNELSTREAM_DATA_DIR="+t.TempDir())
	if err := errors.Join(s.EnsureSecret(), s.EnsureKeptSecret()); err != nil || s.Access.Generated || s.Access.Secrets[0] != "chosen" {
		t.Errorf("%v, %+v", err, s.Access)
	}
	if _, err := os.Stat(filepath.Join(s.NATS.DataDir, "secret")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a secret was kept: %v", err)
	}
}

func TestGeneratedSecretsDiffer(t *testing.T) {
	t.Parallel()
	a, b := mustLoad(t, ""), mustLoad(t, "")
	if err := errors.Join(a.EnsureSecret(), b.EnsureSecret()); err != nil || a.Access.Secrets[0] == b.Access.Secrets[0] {
		t.Errorf("%v, equal secrets", err)
	}
}

func TestKeptSecretSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "data")
	first, second := mustLoad(t, "", "CHANNELSTREAM_DATA_DIR="+dir), mustLoad(t, "", "CHANNELSTREAM_DATA_DIR="+dir)
	if err := errors.Join(first.EnsureKeptSecret(), second.EnsureKeptSecret()); err != nil {
		t.Fatal(err)
	}
	same(t, "secret", second.Access, first.Access)
	info, err := os.Stat(filepath.Join(dir, "secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret file: %v, %v", info, err)
	}
}

func TestDevelopmentSecretRaceHasOneWinner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const racers = 8
	secrets, made := [racers]string{}, [racers]bool{}
	var group sync.WaitGroup
	for i := range racers {
		group.Go(func() {
			var err error
			if secrets[i], made[i], err = settings.DevelopmentSecret(dir); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	winners := 0
	for i := range racers {
		if made[i] {
			winners++
		}
		same(t, "secret", secrets[i], secrets[0])
	}
	left, err := os.ReadDir(dir)
	if winners != 1 || err != nil || len(left) != 1 {
		t.Errorf("%d winners, %d files, %v", winners, len(left), err)
	}
}

// Who signs in another folder than the server's would make signatures that nobody takes.
func TestAKeptSecretIsNotMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var fault settings.Fault
	if secret, err := settings.KeptSecret(dir); !errors.As(err, &fault) || fault.Key != "CHANNELSTREAM_SECRET" || secret != "" {
		t.Errorf("%q, %v", secret, err)
	}
	made, _, err := settings.DevelopmentSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := settings.KeptSecret(dir); err != nil || kept != made {
		t.Errorf("kept %q, made %q, %v", kept, made, err)
	}
}

func TestDevelopmentSecretRefusesUnsafeFile(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]struct {
		content string
		mode    os.FileMode
	}{
		"readable by others": {"secret\n", 0o644},
		"empty":              {"\n", 0o600},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "secret")
		if err := errors.Join(os.WriteFile(path, []byte(file.content), 0o600), os.Chmod(path, file.mode)); err != nil {
			t.Fatal(err)
		}
		if secret, _, err := settings.DevelopmentSecret(dir); err == nil || secret != "" {
			t.Errorf("%s: %q, %v", name, secret, err)
		}
	}
}
