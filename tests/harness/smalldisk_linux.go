package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// SmallDisk is an all-in-one with a disk of its own, which is small and in memory: only its process sees it.
type SmallDisk struct {
	*Node
	dir string // where the process sees its disk
}

// onDisk starts processes with a disk of their own.
type onDisk struct {
	*Processes
	dir       string
	megabytes int
}

func (d onDisk) start(k kind, environ []Option, log *logBook) (running, error) {
	if err := d.buildAllInOne(); err != nil {
		return nil, err
	}
	mount := fmt.Sprintf(`mount -t tmpfs -o size=%dm tmpfs "$1" && exec "$2"`, d.megabytes)
	args := append(unshare(), "sh", "-c", mount, "sh", d.dir, filepath.Join(d.Processes.dir, string(k)))
	return d.run(exec.Command(args[0], args[1:]...), environ, log)
}

// unshare is the command that gives another one mounts of its own.
func unshare() []string {
	if os.Geteuid() == 0 {
		return []string{"unshare", "--mount"}
	}
	return []string{"unshare", "--mount", "--user", "--map-root-user"}
}

// OnSmallDisk runs the all-in-one on a disk of so many megabytes until the end of the test. It takes root, or a kernel that
// lets users have namespaces.
func (p *Processes) OnSmallDisk(t testing.TB, megabytes int, options ...Option) *SmallDisk {
	t.Helper()
	probe := unshare()
	if out, err := exec.Command(probe[0], append(probe[1:], "mount", "-t", "tmpfs", "tmpfs", t.TempDir())...).CombinedOutput(); err != nil {
		t.Fatalf("mount a disk for the test, as root or in a user namespace: %v: %s", err, out)
	}
	dir := t.TempDir()
	environ := slices.Concat(allInOneDefaults, []Option{
		Setting("DATA_DIR", filepath.Join(dir, "data")), Setting("LOG_LEVEL", "info"), Setting("LOG_FORMAT", "json"),
	}, options)
	n := &Node{Name: "all-in-one", t: t, secret: Secret, form: onDisk{p, dir, megabytes}, kind: kindAllInOne, environ: environ, log: newLog()}
	t.Cleanup(n.end)
	n.Start()
	return &SmallDisk{Node: n, dir: dir}
}

// Fill takes all the room that is left.
func (d *SmallDisk) Fill() {
	d.t.Helper()
	fill(d.t, d.filler())
}

// Empty gives the room back.
func (d *SmallDisk) Empty() {
	d.t.Helper()
	empty(d.t, d.filler())
}

func fill(t testing.TB, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it is to be full
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		n, err := file.Write(chunk)
		if err != nil && n == 0 {
			chunk = chunk[:len(chunk)/2]
		}
	}
}

func empty(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

// StartNATSOnSmallDisk is StartNATS on a disk of so many megabytes, in memory. It takes root.
func StartNATSOnSmallDisk(t testing.TB, megabytes int) *NATS {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Fatalf("mount a disk for the test, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", disk, err)
		}
	})
	n := &NATS{t: t, store: filepath.Join(disk, "nats"), port: -1, log: newLog()}
	n.begin()
	return n
}

// Fill takes all the room on the disk of a server that was started on a small one.
func (n *NATS) Fill() {
	n.t.Helper()
	fill(n.t, filepath.Join(filepath.Dir(n.store), "filler"))
}

// Empty gives the room back.
func (n *NATS) Empty() {
	n.t.Helper()
	empty(n.t, filepath.Join(filepath.Dir(n.store), "filler"))
}

// filler is a file on the disk, by way of the process that sees it.
func (d *SmallDisk) filler() string { return fmt.Sprintf("/proc/%d/root%s/filler", d.PID(), d.dir) }
