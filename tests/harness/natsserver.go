package harness

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const natsModule = "github.com/nats-io/nats-server/v2"

// natsServer is one server of a cluster.
type natsServer struct {
	// set at construction
	program string
	name    string
	dir     string
	port    int // for clients
	monitor int // over HTTP
	log     *logBook

	run *process // nil while it is stopped
}

// natsServers makes the servers of a cluster; none runs.
func natsServers(t testing.TB, program string) []*natsServer {
	t.Helper()
	ports := freePorts(t, 3*NATSServers)
	var routes []string
	for _, port := range ports[:NATSServers] {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", port))
	}
	var servers []*natsServer
	for i := range NATSServers {
		s := &natsServer{
			program: program, name: fmt.Sprint("nats-", i), dir: t.TempDir(), log: newLog(),
			port: ports[NATSServers+i], monitor: ports[2*NATSServers+i],
		}
		if err := os.WriteFile(s.file(), []byte(s.config(ports[i], routes)), 0o600); err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	return servers
}

func (s *natsServer) file() string { return filepath.Join(s.dir, "nats.conf") }

// config is the server's configuration. A lame duck takes a second for each client, after the shortest grace.
func (s *natsServer) config(route int, routes []string) string {
	return fmt.Sprintf(`
server_name: %q
listen: "127.0.0.1:%d"
http: "127.0.0.1:%d"
jetstream { store_dir: %q, max_memory_store: 256MB, max_file_store: 16GB }
cluster { name: "test", listen: "127.0.0.1:%d", routes: [%s] }
lame_duck_duration: "30s"
lame_duck_grace_period: "1s"
`, s.name, s.port, s.monitor, filepath.Join(s.dir, "store"), route, strings.Join(routes, ", "))
}

// freePorts gives ports below those that the kernel gives to outgoing connections, so that a server which was stopped finds
// its own free when it comes back.
func freePorts(t testing.TB, many int) []int {
	t.Helper()
	var ports []int
	for range 1000 {
		port := 20000 + rand.IntN(12000) //nolint:gosec // no secret
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() //nolint:errcheck // free again when all are found
		if ports = append(ports, port); len(ports) == many {
			return ports
		}
	}
	t.Fatal("there are no free ports")
	return nil
}

func (s *natsServer) launch() error {
	cmd := exec.Command(s.program, "-c", s.file())
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, []string{}, s.log, s.log
	cmd.SysProcAttr = dieWithParent()
	run, err := startProcess(cmd)
	s.run = run
	return err
}

func (s *natsServer) lameDuck() error { return s.run.cmd.Process.Signal(syscall.SIGUSR2) }

// healthy says whether the server has a leader of JetStream and is current in all that it keeps.
func (s *natsServer) healthy() bool {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", s.monitor))
	if err != nil {
		return false
	}
	response.Body.Close() //nolint:errcheck // only the status counts
	return response.StatusCode == http.StatusOK
}

func (p *Processes) natsProgram() string { return filepath.Join(p.dir, "nats-server") }

func (p *Processes) buildNATSServer() error {
	out, err := exec.Command("go", "build", "-o", p.natsProgram(), natsModule).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the NATS server: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}
