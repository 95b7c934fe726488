package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// NATSUser is a NATS server that lets in one user only, with credentials as the nsc tool makes them.
type NATSUser struct {
	Creds string // the file
	url   string
}

func (n NATSUser) options() []Option { return []Option{Setting("NATS_URL", n.url)} }

// StartNATSForOneUser runs a server, which is a process of its own, until the end of the test.
func (p *Processes) StartNATSForOneUser(t testing.TB) NATSUser {
	t.Helper()
	if err := p.buildNATS(); err != nil {
		t.Fatal(err)
	}
	ports := reservePorts(t, 2)
	s := &natsServer{program: p.natsProgram(), name: "nats", dir: t.TempDir(), log: newLog(), port: ports[0], monitor: ports[1]}
	config, creds := oneUser(t)
	config += fmt.Sprintf("listen: \"127.0.0.1:%d\"\nhttp: \"127.0.0.1:%d\"\njetstream { store_dir: %q }\n", s.port, s.monitor, s.dir)
	user := NATSUser{Creds: filepath.Join(s.dir, "user.creds"), url: fmt.Sprintf("nats://127.0.0.1:%d", s.port)}
	for file, content := range map[string]string{s.file(): config, user.Creds: creds} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.launch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.run.Interrupt()
		<-s.run.Done()
		if t.Failed() {
			t.Logf("log of NATS:\n%s", s.log)
		}
	})
	if err := s.awaitCurrent(); err != nil {
		t.Fatal(err)
	}
	return user
}

// oneUser makes an operator with an account that has JetStream, and a user of it.
func oneUser(t testing.TB) (config, creds string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func(pair nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		t.Helper()
		must(err)
		public, err := pair.PublicKey()
		must(err)
		return pair, public
	}
	operatorKey, operator := key(nkeys.CreateOperator())
	accountKey, account := key(nkeys.CreateAccount())
	_, system := key(nkeys.CreateAccount())
	userKey, user := key(nkeys.CreateUser())

	operatorClaims := jwt.NewOperatorClaims(operator)
	operatorClaims.SystemAccount = system
	operatorJWT, err := operatorClaims.Encode(operatorKey)
	must(err)
	accountClaims := jwt.NewAccountClaims(account)
	accountClaims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
	accountJWT, err := accountClaims.Encode(operatorKey)
	must(err)
	systemJWT, err := jwt.NewAccountClaims(system).Encode(operatorKey)
	must(err)
	userJWT, err := jwt.NewUserClaims(user).Encode(accountKey)
	must(err)
	seed, err := userKey.Seed()
	must(err)
	file, err := jwt.FormatUserConfig(userJWT, seed)
	must(err)
	return fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n",
		operatorJWT, account, accountJWT, system, systemJWT), string(file)
}
