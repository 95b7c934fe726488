package settings

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// originalIni is the key in the environment with which the original was told of its file.
const originalIni = "INI"

// inFile ends the key of a secret that is kept in a file, as Docker and Kubernetes mount them.
const inFile = "_FILE"

// readEnviron takes the keys with our prefix; the last of several equal ones counts, as everywhere.
func readEnviron(environ []string, known map[string]spec, faults, remarks *Faults) layer {
	read := newLayer()
	keys := olderKeys()
	unknown := map[string]bool{}
	files := map[string]string{} // of secrets
	for _, entry := range environ {
		key, text, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(key, Prefix)
		if !ours || ofKubernetes(name, text) {
			continue
		}
		text = strings.TrimSpace(text)
		_, found := known[name]
		_, isOlder := keys[name]
		into := read.values
		switch secret, filed := strings.CutSuffix(name, inFile); {
		case found:
		case isOlder || name == originalIni:
			into = read.older
		case filed && known[secret].secret:
			files[secret] = text
			continue
		default:
			unknown[key] = true
			continue
		}
		if quoted(text) {
			remarks.add(key, "the value begins and ends with a quote, which is part of it: files of variables are often read without a shell")
		}
		if text != "" {
			into[name] = given{source: key, text: text}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(unknown)) {
		faults.add(key, "unknown key%s", Suggestion(strings.TrimPrefix(key, Prefix), maps.Keys(known)))
	}
	readSecrets(files, read.values, faults)
	return read
}

// readSecrets reads the secrets that are in files.
func readSecrets(files map[string]string, values map[string]given, faults *Faults) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		source := Prefix + name + inFile
		if files[name] == "" { // to go on without would be with a secret made for development
			faults.add(source, "names no file: name one, or leave the key out")
			continue
		}
		if other, both := values[name]; both {
			faults.add(source, "is given beside %s: give one of them", other.source)
			continue
		}
		content, err := os.ReadFile(files[name])
		if err != nil {
			faults.add(source, "the file can not be read: %v", err)
			continue
		}
		text := strings.TrimSpace(string(content))
		if text == "" {
			faults.add(source, "the file %s is empty", files[name])
			continue
		}
		values[name] = given{source: source, text: text}
	}
}

func quoted(text string) bool {
	return len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
}

// Kubernetes gives every container variables about the services of its namespace, whose names begin as ours when the
// service's does: CHANNELSTREAM_PORT=tcp://10.0.0.7:8000 for one that is called channelstream (Kubernetes documentation,
// "Service", section "Environment variables").
var (
	serviceVariable = regexp.MustCompile(`^([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	servicePort     = regexp.MustCompile(`^([A-Z0-9_]+_)?PORT$`)
	serviceURL      = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

func ofKubernetes(name, text string) bool {
	return serviceVariable.MatchString(name) || servicePort.MatchString(name) && serviceURL.MatchString(text)
}
