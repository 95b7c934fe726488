package harness

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Proxy runs HAProxy before Hosts until the end of the test, with the configuration that is shipped, and gives its URL.
func Proxy(t testing.TB, hosts *Hosts) (url string) {
	t.Helper()
	program := haproxy(t)
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "proxy", "haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	at := net.JoinHostPort(hosts.address(), strconv.Itoa(servicePort))
	config := string(shipped)
	for what, here := range map[string]string{
		"nameserver dns 127.0.0.11:53\n": "nameserver dns " + hosts.dns.LocalAddr().String() + "\n",
		"bind :8000\n":                   "bind " + at + "\n",
	} {
		if strings.Count(config, what) != 1 {
			t.Fatalf("the configuration of the proxy has %q other than once", what)
		}
		config = strings.Replace(config, what, here, 1)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log := newLog()
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.SysProcAttr = dieWithParent()
	run, err := startChild(cmd, log)
	if err != nil {
		t.Fatalf("start HAProxy: %v", err)
	}
	t.Cleanup(func() {
		run.Interrupt()
		<-run.Done()
		if t.Failed() {
			t.Logf("log of HAProxy:\n%s", log)
		}
	})
	Eventually(t, "HAProxy listens", func() bool {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			select {
			case <-run.Done():
				t.Fatalf("HAProxy ended: %v\n%s", run.Err(), log)
			default:
			}
			return false
		}
		conn.Close() //nolint:errcheck // nothing was sent
		return true
	})
	return "http://" + at
}

// haproxy finds the program, also where it is in no PATH but root's.
func haproxy(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"haproxy", "/usr/sbin/haproxy"} {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Fatal("HAProxy is not installed: make apt-deps")
	return ""
}
