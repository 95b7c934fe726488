package settings

import (
	"fmt"
	"os"
	"strings"

	"gopkg.in/ini.v1"
)

// The sections of the seed's file, both of which may hold any key.
const (
	sectionApp    = "app:main"
	sectionServer = "server:main"
)

// readIni reads the file at path, or nothing for an empty path.
func readIni(path string, known map[string]spec, faults *Faults) (map[string]given, error) {
	if path == "" {
		return map[string]given{}, nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator's own --config
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	values, err := parseIni(content, known, faults)
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return values, nil
}

// parseIni reads the file as Paste did: no case in keys, values that go on in deeper lines, and, unlike Paste, no
// interpolation and no comments behind a value, so that a secret may hold any character.
func parseIni(content []byte, known map[string]spec, faults *Faults) (map[string]given, error) {
	file, err := ini.LoadSources(ini.LoadOptions{
		InsensitiveKeys:            true,
		IgnoreContinuation:         true,
		IgnoreInlineComment:        true,
		AllowPythonMultilineValues: true,
		AllowShadows:               true,
		AllowDuplicateShadowValues: true,
		PreserveSurroundedQuote:    true,
	}, content)
	if err != nil {
		return nil, err
	}
	values := map[string]given{}
	for _, section := range file.Sections() {
		for _, key := range section.Keys() {
			takeIni(section.Name(), key, known, values, faults)
		}
	}
	return values, nil
}

// takeIni adds one key of the file to values.
func takeIni(section string, key *ini.Key, known map[string]spec, values map[string]given, faults *Faults) {
	source := fmt.Sprintf("[%s] %s", section, key.Name())
	if section != sectionApp && section != sectionServer {
		faults.add(source, "unknown section, want [%s] or [%s]", sectionApp, sectionServer)
		return
	}
	if key.Name() == "use" || key.Name() == "paste.app_factory" {
		return // for Paste
	}
	name := strings.ToUpper(key.Name())
	s, found := known[name]
	if !found || s.ini() != key.Name() {
		faults.add(source, "unknown key%s", suggestion(name, known))
		return
	}
	if len(key.ValueWithShadows()) > 1 {
		faults.add(source, "given twice")
		return
	}
	text := strings.TrimSpace(key.Value())
	if text == "" {
		return
	}
	if other, found := values[name]; found && other.text != text {
		faults.add(source, "differs from %s", other.source)
		return
	}
	values[name] = given{source: source, text: text}
}
