package settings

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A form reads what an operator wrote and returns it as envconfig decodes it into the field's Go type: durations as
// Go durations, sizes as bytes, lists joined with commas. Its error says what is wanted, without quoting the value.
type form func(text string) (string, error)

var (
	errDuration  = errors.New("want a duration such as 5, 0.5, 1m or 1h30m")
	errSync      = errors.New("want always, or a duration such as 1s")
	errSize      = errors.New("want a number of bytes such as 4096, 64KiB or 8MiB")
	errInt       = errors.New("want a whole number")
	errBool      = errors.New("want true or false")
	errText      = errors.New("want text without control characters")
	errHost      = errors.New("want a host name or an IP address, without a port")
	errURL       = errors.New("want a URL such as https://push.example.com, without query and fragment")
	errCollector = errors.New("want a URL such as http://127.0.0.1:4318, without user, query and fragment")
	errNATS      = errors.New("want NATS servers such as nats://one:4222,nats://two:4222")
	errToken     = errors.New("want 1 to 64 of A-Z a-z 0-9 _ -")
	errPrefix    = errors.New("want addresses or CIDR ranges such as 10.0.0.1, 192.168.0.0/16 or fd00::/8")
	errAnyone    = errors.New("0.0.0.0 means anyone and must stand alone")
	errOrigin    = errors.New("want origins such as https://example.com or http://localhost:3000, or *")
	errTransport = errors.New("want some of websocket, polling, sse, listen, jsonp-polling")
	errPath      = errors.New("want a path of A-Z a-z 0-9 . _ ~ - and / such as /push")
	errResource  = errors.New("want a path of A-Z a-z 0-9 . _ ~ - and / such as socket.io")
)

func formNamed(name string) form {
	return map[string]form{
		"duration":   readDuration,
		"sync":       readSync,
		"size":       readSize,
		"int":        readInt,
		"bool":       readBool,
		"text":       readText,
		"list":       readList,
		"host":       readHost,
		"url":        readURL,
		"collector":  readCollector,
		"nats":       readNATS,
		"token":      readToken,
		"prefixes":   readPrefixes,
		"callers":    readCallers,
		"origins":    readOrigins,
		"transports": readTransports,
		"resource":   readResource,
		"level":      readLevel,
		"path":       readPath,
	}[name]
}

// read returns text in the form of s and within its bounds.
func (s spec) read(text string) (string, error) {
	value, err := formNamed(s.form)(text)
	if err != nil {
		return "", err
	}
	if len(s.oneof) > 0 && !slices.Contains(s.oneof, value) {
		return "", fmt.Errorf("want one of %s", strings.Join(s.oneof, ", "))
	}
	if s.min != "" && s.compare(value, s.min) < 0 {
		return "", fmt.Errorf("want at least %s", s.min)
	}
	if s.max != "" && s.compare(value, s.max) > 0 {
		return "", fmt.Errorf("want at most %s", s.max)
	}
	return value, nil
}

// compare orders a value that was read and a bound from a tag.
func (s spec) compare(value, bound string) int {
	if s.form == "duration" || s.form == "sync" {
		v, _ := time.ParseDuration(value)
		b, _ := time.ParseDuration(bound)
		return cmp.Compare(v, b)
	}
	if s.form == "size" {
		bound, _ = readSize(bound)
	}
	v, _ := strconv.Atoi(value)
	b, _ := strconv.Atoi(bound)
	return cmp.Compare(v, b)
}

func readDuration(text string) (string, error) {
	if strings.Trim(text, "0123456789.") == "" {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return "", errDuration
	}
	return d.String(), nil
}

// readSync reads how often something is synced; no time at all is always.
func readSync(text string) (string, error) {
	if strings.EqualFold(text, "always") {
		text = "0"
	}
	every, err := readDuration(text)
	if err != nil {
		return "", errSync
	}
	return every, nil
}

var sizeUnits = []struct {
	suffix string
	shift  uint
}{{"kib", 10}, {"mib", 20}, {"gib", 30}}

func readSize(text string) (string, error) {
	digits, shift := strings.ToLower(text), uint(0)
	for _, unit := range sizeUnits {
		if number, found := strings.CutSuffix(digits, unit.suffix); found {
			digits, shift = strings.TrimSpace(number), unit.shift
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > math.MaxInt>>shift {
		return "", errSize
	}
	return strconv.FormatUint(n<<shift, 10), nil
}

func readInt(text string) (string, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return "", errInt
	}
	return strconv.Itoa(n), nil
}

func readBool(text string) (string, error) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "on", "1":
		return "true", nil
	case "false", "f", "no", "n", "off", "0":
		return "false", nil
	}
	return "", errBool
}

// readLevel takes Python's names of levels too.
func readLevel(text string) (string, error) {
	switch level := strings.ToLower(text); level {
	case "warning":
		return "warn", nil
	case "critical", "fatal":
		return "error", nil
	case "notset":
		return "debug", nil
	default:
		return level, nil
	}
}

func readText(text string) (string, error) {
	if strings.ContainsFunc(text, isControl) {
		return "", errText
	}
	return text, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// split cuts a list at commas and newlines; spaces around an item and empty items do not count.
func split(text string) []string {
	items := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' })
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return slices.DeleteFunc(items, func(item string) bool { return item == "" })
}

func readList(text string) (string, error) {
	return readText(strings.Join(split(text), ","))
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?$`)

func readHost(text string) (string, error) {
	host := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	if _, err := netip.ParseAddr(host); err == nil || hostName.MatchString(host) {
		return host, nil
	}
	return "", errHost
}

func readURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" ||
		u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return "", errURL
	}
	return strings.TrimRight(text, "/"), nil
}

// readCollector reads a URL whose user would be sent nowhere: what a collector asks for goes into headers.
func readCollector(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return "", errCollector
	}
	if text, err = readURL(text); err != nil {
		return "", errCollector
	}
	return text, nil
}

func readNATS(text string) (string, error) {
	servers := split(text)
	for _, server := range servers {
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return "", errNATS
		}
	}
	return strings.Join(servers, ","), nil
}

var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func readToken(text string) (string, error) {
	if !token.MatchString(text) {
		return "", errToken
	}
	return text, nil
}

var resource = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)

func readResource(text string) (string, error) {
	path := strings.Trim(text, "/")
	if !resource.MatchString(path) || slices.ContainsFunc(strings.Split(path, "/"), isDots) {
		return "", errResource
	}
	return path, nil
}

// readPath is readResource with a slash before it; the root is none.
func readPath(text string) (string, error) {
	if strings.Trim(text, "/") == "" {
		return "", nil
	}
	path, err := readResource(text)
	if err != nil {
		return "", errPath
	}
	return "/" + path, nil
}

func isDots(segment string) bool { return segment == "." || segment == ".." }
