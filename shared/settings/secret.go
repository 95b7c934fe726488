package settings

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoSecret is returned when a server that others can reach has no secret of the operator's choice.
var ErrNoSecret error = Fault{Key: Prefix + "SECRET", Problem: "set one: without it the server listens on a loopback address only"}

// EnsureSecret makes a random secret if none is given, and marks it as Generated so that main can print it once. It
// returns ErrNoSecret where others could reach the server.
func (s *Settings) EnsureSecret() error {
	return s.ensureSecret(func() (string, error) { return randomSecret(), nil })
}

// EnsureKeptSecret is EnsureSecret with a secret that survives a restart: it is kept in the data folder, where the
// sign command finds it too.
func (s *Settings) EnsureKeptSecret() error {
	return s.ensureSecret(func() (string, error) {
		secret, _, err := DevelopmentSecret(s.NATS.DataDir)
		return secret, err
	})
}

func (s *Settings) ensureSecret(obtain func() (string, error)) error {
	if len(s.Access.Secrets) > 0 {
		return nil
	}
	if !isLoopback(s.Listen.Host) {
		return ErrNoSecret
	}
	secret, err := obtain()
	if err != nil {
		return err
	}
	s.Access.Secrets = []string{secret}
	s.Access.Generated = true
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// DevelopmentSecret returns the secret kept in the file "secret" of dataDir, and makes both if need be; created tells
// that it did. The file is the owner's alone (0600); one that others can read is refused.
func DevelopmentSecret(dataDir string) (secret string, created bool, err error) {
	path := filepath.Join(dataDir, "secret")
	secret, err = readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, false, err
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return "", false, fmt.Errorf("make data folder: %w", err)
	}
	secret = randomSecret()
	err = writeSecret(path, secret)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		secret, err = readSecret(path)
		return secret, false, err
	}
	return secret, err == nil, err
}

// KeptSecret returns the secret that DevelopmentSecret keeps in dataDir. It makes none.
func KeptSecret(dataDir string) (string, error) {
	secret, err := readSecret(filepath.Join(dataDir, "secret"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", Fault{Key: Prefix + "SECRET", Problem: fmt.Sprintf(
			"not set, and there is no secret in the folder %s either: set it, or run this in the folder where the server runs", dataDir)}
	}
	return secret, err
}

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read development secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("read development secret: others may read %s: chmod 600 it or remove it", path)
	}
	content, err := os.ReadFile(path) //nolint:gosec // below the operator's own data folder
	if err != nil {
		return "", fmt.Errorf("read development secret: %w", err)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", fmt.Errorf("read development secret: %s is empty: remove it", path)
	}
	return secret, nil
}

// writeSecret makes the file whole or not at all, and never over another: whoever finds it can read it.
func writeSecret(path, secret string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // 0600
	if err != nil {
		return fmt.Errorf("write development secret: %w", err)
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a leftover harms nobody
	_, err = file.WriteString(secret + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write development secret: %w", err)
	}
	if err := os.Link(file.Name(), path); err != nil {
		return fmt.Errorf("write development secret: %w", err)
	}
	return nil
}

func randomSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(random[:])
}
