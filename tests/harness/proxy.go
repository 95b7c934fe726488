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

// Proxy is a proxy whose configuration is shipped.
type Proxy struct {
	Name     string
	programs []string // where it may be, the first that is there
	config   string   // in deploy/proxy
	bind     string   // what says in the configuration where it listens; %s is the address with the port, %a without
	shipped  string   // that, as it is shipped
	dns      string   // what the configuration says of the DNS
	args     func(dir, config string) []string
	more     [2]string // what a test needs otherwise: this, for that
}

// The proxies that are shipped. Programs may be in no PATH but root's.
var (
	HAProxy = Proxy{
		Name: "HAProxy", programs: []string{"haproxy", "/usr/sbin/haproxy"}, config: "haproxy.cfg",
		shipped: "bind :8000\n", bind: "bind %s\n", dns: "127.0.0.11:53",
		args: func(_, config string) []string { return []string{"-db", "-f", config} },
	}
	Nginx = Proxy{
		Name: "nginx", programs: []string{"nginx", "/usr/sbin/nginx"}, config: "nginx.conf",
		shipped: "listen 8000;", bind: "listen %s;", dns: "127.0.0.11 ",
		args: func(dir, config string) []string {
			return []string{"-p", dir, "-c", config, "-e", "stderr", "-g", "daemon off; pid nginx.pid;"}
		},
		more: [2]string{"  access_log off;", "  access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;"},
	}
	Caddy = Proxy{
		Name: "Caddy", programs: []string{"caddy", "/usr/bin/caddy"}, config: "Caddyfile",
		shipped: "\n:8000 {", bind: "\n:8000 {\n\tbind %a", dns: "127.0.0.11:53",
		args: func(_, config string) []string {
			return []string{"run", "--adapter", "caddyfile", "--config", config}
		},
	}
)

// Start runs the proxy before Hosts until the end of the test, with the configuration that is shipped, and gives its URL.
func (p Proxy) Start(t testing.TB, hosts *Hosts) (url string) {
	t.Helper()
	at, dir := net.JoinHostPort(hosts.address(), strconv.Itoa(servicePort)), t.TempDir()
	file := filepath.Join(dir, p.config)
	if err := os.WriteFile(file, []byte(p.configFor(t, at, hosts)), 0o600); err != nil {
		t.Fatal(err)
	}
	log := newLog()
	cmd := exec.Command(p.program(t), p.args(dir, file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = dieWithParent()
	run, err := startChild(cmd, log)
	if err != nil {
		t.Fatalf("start %s: %v", p.Name, err)
	}
	t.Cleanup(func() {
		run.Interrupt()
		<-run.Done()
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.Name, log)
		}
	})
	Eventually(t, p.Name+" listens", func() bool {
		conn, err := net.Dial("tcp", at)
		if err != nil {
			select {
			case <-run.Done():
				t.Fatalf("%s ended: %v\n%s", p.Name, run.Err(), log)
			default:
			}
			return false
		}
		conn.Close() //nolint:errcheck // nothing was sent
		return true
	})
	return "http://" + at
}

// configFor is the configuration that is shipped, but for where it listens and asks.
func (p Proxy) configFor(t testing.TB, at string, hosts *Hosts) string {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "proxy", p.config))
	if err != nil {
		t.Fatal(err)
	}
	config := string(shipped)
	if strings.Count(config, p.shipped) != 1 || !strings.Contains(config, p.dns) {
		t.Fatalf("the configuration of %s says otherwise where it listens, or asks", p.Name)
	}
	dns := hosts.dns.LocalAddr().String() + strings.TrimLeft(p.dns, "0123456789.:")
	config = strings.ReplaceAll(config, p.dns, dns)
	if p.more[0] != "" {
		config = strings.Replace(config, p.more[0], p.more[1], 1)
	}
	address, _, _ := net.SplitHostPort(at)
	return strings.Replace(config, p.shipped, strings.NewReplacer("%s", at, "%a", address).Replace(p.bind), 1)
}

func (p Proxy) program(t testing.TB) string {
	t.Helper()
	for _, name := range p.programs {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Fatalf("%s is not installed: make apt-deps", p.Name)
	return ""
}
