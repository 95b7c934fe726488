// Package procfs reads what Linux knows about other processes: the CPU they used, the memory they hold, who is connected.
package procfs

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/<pid>/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPU returns the user and system time that a process has used, all threads, ended ones included; to 10 ms.
func CPU(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read stat: %w", err)
	}
	return parseCPU(raw)
}

// parseCPU takes fields 14 and 15 (proc_pid_stat(5)). Field 2, the name, is in brackets and may hold spaces and brackets.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("malformed stat %q", stat)
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("malformed stat %q", stat)
	}
	return time.Duration(user+system) * tick, nil
}

// Memory returns the resident memory of a process and the most it ever had, in bytes.
func Memory(pid int) (resident, peak int64, err error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	if resident, err = parseKilobytes(rollup, "Rss:"); err != nil {
		return 0, 0, err
	}
	peak, err = parseKilobytes(status, "VmHWM:")
	return resident, max(resident, peak), err
}

// Resident returns the resident memory of a process, in bytes. It is for watching often: the kernel does not walk the
// process's pages for it as for Memory, and is off by up to 64 pages for each thread.
func Resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return parseKilobytes(status, "VmRSS:")
}

// parseKilobytes finds the line that begins with name and returns its figure in bytes.
func parseKilobytes(text []byte, name string) (int64, error) {
	for line := range bytes.Lines(text) {
		if rest, found := bytes.CutPrefix(line, []byte(name)); found {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("parse %s %w", name, err)
			}
			return n << 10, nil
		}
	}
	return 0, fmt.Errorf("no line %s", name)
}

// TCP states of /proc/net/tcp in which the end that the line is about has not closed.
const (
	established = "01"
	closeWait   = "08"
)

// OpenPeers returns the remote ports of the connections to a local port whose local end has not closed.
func OpenPeers(local uint16) (map[uint16]struct{}, error) {
	peers := make(map[uint16]struct{})
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		file, err := os.Open(path)
		if os.IsNotExist(err) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if peer, open := parsePeer(lines.Text(), local); open {
				peers[peer] = struct{}{}
			}
		}
		_ = file.Close()
	}
	return peers, nil
}

// parsePeer reads a line "sl local:port remote:port state …", ports in hex.
func parsePeer(line string, local uint16) (peer uint16, open bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[3] != established && fields[3] != closeWait {
		return 0, false
	}
	if port, ok := parsePort(fields[1]); !ok || port != local {
		return 0, false
	}
	return parsePort(fields[2])
}

func parsePort(address string) (uint16, bool) {
	_, port, _ := strings.Cut(address, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	return uint16(n), err == nil
}
