package contestant

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Node is the name of the program that is not built but found on the PATH.
const Node = "node"

const socketIOFolder = "tests/load/socketio"

// The all-in-one, of this checkout and of the one that it is compared with.
const (
	allInOne       = "channelstream"
	allInOneBefore = "channelstream-before"
)

// packages are built from the workspace, by the name of the program.
var packages = map[string]string{
	"floor":        "./tests/load/floor",
	"connectfloor": "./tests/load/connectfloor",
	allInOne:       "./services/channelstream/cmd/channelstream",
	allInOneBefore: "./services/channelstream/cmd/channelstream",
	"api":          "./services/api/cmd/api",
	"presence":     "./services/presence/cmd/presence",
	"gateway":      "./services/gateway/cmd/gateway",
	"nats-server":  "github.com/nats-io/nats-server/v2",
}

// Programs are the built binaries, in a folder of their own that Remove removes.
type Programs struct {
	root   string // of the repository
	before string // the root of another checkout; may be empty
	dir    string
	node   string
}

// Build builds what the contestants need, and installs the npm packages that the lock file names. before is the root of the
// checkout that Before is built from; it may be empty.
func Build(ctx context.Context, contestants []Contestant, before string, progress func(string)) (*Programs, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "channelstream-bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	p := &Programs{root: root, before: before, dir: dir}
	var built []string
	for _, c := range contestants {
		for _, name := range c.Needs {
			if slices.Contains(built, name) {
				continue
			}
			progress("build " + name)
			if err := p.build(ctx, name); err != nil {
				p.Remove()
				return nil, err
			}
			built = append(built, name)
		}
	}
	return p, nil
}

// Remove removes the binaries and whatever is left of the contestants' data.
func (p *Programs) Remove() { _ = os.RemoveAll(p.dir) }

func (p *Programs) build(ctx context.Context, name string) (err error) {
	if name != Node {
		root := p.root
		if name == allInOneBefore {
			if root = p.before; root == "" {
				return errors.New("name the checkout to compare with: -before DIR")
			}
		}
		return command(ctx, root, "go", "build", "-o", filepath.Join(p.dir, name), packages[name])
	}
	if p.node, err = exec.LookPath("node"); err != nil {
		return fmt.Errorf("find node: %w", err)
	}
	return command(ctx, filepath.Join(p.root, socketIOFolder), "npm", "ci", "--omit=optional", "--no-audit", "--no-fund")
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, output)
	}
	return nil
}

// repositoryRoot is the nearest folder above the current one that has the workspace's file.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("find repository: no go.work in this folder or above")
	}
}

// Versions names the commands that print the versions of what was measured.
func (p *Programs) Versions(measured []Contestant) map[string][]string {
	commands := map[string][]string{"commit": {"git", "-C", p.root, "log", "-1", "--format=%h of %cs"}}
	for _, c := range measured {
		if slices.Contains(c.Needs, Node) {
			commands["Node"] = []string{p.node, "--version"}
			commands["Socket.IO"] = []string{p.node, "-p", "require(process.argv[1]).version",
				filepath.Join(p.root, socketIOFolder, "node_modules/socket.io/package.json")}
		}
		if slices.Contains(c.Needs, "nats-server") {
			commands["NATS"] = []string{filepath.Join(p.dir, "nats-server"), "--version"}
		}
	}
	return commands
}
