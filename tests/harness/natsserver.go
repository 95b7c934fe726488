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

	run *child // nil while it is stopped
}

// natsServers makes the servers of a cluster; none runs.
func natsServers(t testing.TB, program string) []*natsServer {
	t.Helper()
	ports := reservePorts(t, 3*NATSServers)
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

// reservePorts gives free ports, below those that the kernel gives to outgoing connections. A UDP socket on the same number
// keeps each from other clusters, also of other processes, while its server is stopped.
func reservePorts(t testing.TB, many int) []int {
	t.Helper()
	var ports []int
	for range 1000 {
		port := 20000 + rand.IntN(12000) //nolint:gosec // no secret
		address := fmt.Sprintf("127.0.0.1:%d", port)
		reservation, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		t.Cleanup(func() { reservation.Close() }) //nolint:errcheck // nothing was sent
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		listener.Close() //nolint:errcheck // it is the server's now
		if ports = append(ports, port); len(ports) == many {
			return ports
		}
	}
	t.Fatal("there are no free ports")
	return nil
}

func (s *natsServer) launch() error {
	cmd := exec.Command(s.program, "-c", s.file())
	cmd.Dir, cmd.Env = s.dir, []string{}
	cmd.SysProcAttr = dieWithParent()
	run, err := startChild(cmd, s.log)
	s.run = run
	return err
}

func (s *natsServer) lameDuck() error { return s.run.cmd.Process.Signal(syscall.SIGUSR2) }

// awaitCurrent waits until the server has a leader of JetStream and is current in all that it keeps.
func (s *natsServer) awaitCurrent() error {
	limit := time.NewTimer(natsPatience)
	defer limit.Stop()
	again := time.NewTicker(100 * time.Millisecond) // the server logs each question whose answer is no
	defer again.Stop()
	for !s.healthy() {
		select {
		case <-again.C:
		case <-s.run.Done():
			return fmt.Errorf("%s has ended: %w", s.name, s.run.Err())
		case <-limit.C:
			return fmt.Errorf("%s is not current after %v", s.name, natsPatience)
		}
	}
	return nil
}

// natsPatience is how long a server may take to become current, elections of 4 to 9 seconds included.
const natsPatience = 60 * time.Second

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
