package settings

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gopkg.in/ini.v1"
)

// The sections of a file. The first two are those of the first release and may both hold any key; the last is that of
// the Python original up to 0.7, which reads nothing else in its file, and nor do we.
const (
	sectionApp      = "app:main"
	sectionServer   = "server:main"
	sectionOriginal = "channelstream"
)

// layer is what one source says.
type layer struct {
	values map[string]given // by keys of ours
	older  map[string]given // by keys of the original that are none of ours
}

func newLayer() layer { return layer{values: map[string]given{}, older: map[string]given{}} }

// readIni reads the file at path, or nothing for an empty path.
func readIni(path string, known map[string]spec, faults *Faults) (read layer, original bool, err error) {
	if path == "" {
		return newLayer(), false, nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator's own --config
	if err != nil {
		return layer{}, false, fmt.Errorf("read configuration: %w", err)
	}
	file, err := parseIni(content)
	if err != nil {
		return layer{}, false, fmt.Errorf("read configuration %s: %w", path, err)
	}
	r := iniReader{layer: newLayer(), known: known, faults: faults}
	if file.HasSection(sectionOriginal) {
		here, err := filepath.Abs(filepath.Dir(path))
		if err != nil {
			return layer{}, false, fmt.Errorf("read configuration: %w", err)
		}
		r.original(file.Section(sectionOriginal), file.Section(ini.DefaultSection), here)
		return r.layer, true, nil
	}
	for _, section := range file.Sections() {
		r.section(section)
	}
	return r.layer, false, nil
}

// parseIni reads the file as Paste did: no case in keys, values that go on in deeper lines, and, unlike Paste, no
// interpolation and no comments behind a value, so that a secret may hold any character.
func parseIni(content []byte) (*ini.File, error) {
	return ini.LoadSources(ini.LoadOptions{
		InsensitiveKeys:            true,
		IgnoreContinuation:         true,
		IgnoreInlineComment:        true,
		AllowPythonMultilineValues: true,
		AllowShadows:               true,
		AllowDuplicateShadowValues: true,
		PreserveSurroundedQuote:    true,
	}, content)
}

// iniReader reads the sections of a file into a layer.
type iniReader struct {
	layer
	known  map[string]spec
	faults *Faults
}

func (r *iniReader) section(section *ini.Section) {
	name := section.Name()
	if logging.MatchString(name) {
		return
	}
	for _, key := range section.Keys() {
		source := fmt.Sprintf("[%s] %s", name, key.Name())
		switch {
		case name != sectionApp && name != sectionServer:
			r.faults.add(source, "unknown section, want [%s] or [%s]", sectionApp, sectionServer)
		case key.Name() == "use" || key.Name() == "paste.app_factory": // for Paste
		default:
			r.add(source, key, key.Value())
		}
	}
}

// logging is the sections of Python's logging, which may have their file in common with the server.
var logging = regexp.MustCompile(`^(loggers|handlers|formatters|(logger|handler|formatter)_.*)$`)

// original reads the section of the original, and of the defaults what is a key at all.
func (r *iniReader) original(section, defaults *ini.Section, here string) {
	look := func(name string) (string, bool) {
		for _, s := range []*ini.Section{section, defaults} {
			if s.HasKey(name) {
				return s.Key(name).Value(), true
			}
		}
		return here, name == "here"
	}
	for _, key := range section.Keys() {
		r.add(fmt.Sprintf("[%s] %s", sectionOriginal, key.Name()), key, interpolate(key.Value(), look))
	}
	for _, key := range defaults.Keys() {
		if _, ours := r.known[strings.ToUpper(key.Name())]; ours && !section.HasKey(key.Name()) {
			r.add(fmt.Sprintf("[%s] %s", ini.DefaultSection, key.Name()), key, interpolate(key.Value(), look))
		}
	}
}

var reference = regexp.MustCompile(`%(?:%|\(([^()]+)\)s)`)

// interpolate puts other values into a value as Python's configparser does: %(name)s, and %% for a percent sign. What can
// not be looked up stays as it is.
func interpolate(value string, look func(name string) (string, bool)) string {
	return reference.ReplaceAllStringFunc(value, func(found string) string {
		if found == "%%" {
			return "%"
		}
		if text, known := look(strings.ToLower(found[2 : len(found)-2])); known {
			return text
		}
		return found
	})
}

// add adds one key of the file to the layer.
func (r *iniReader) add(source string, key *ini.Key, text string) {
	name := strings.ToUpper(key.Name())
	into := r.values
	if s, found := r.known[name]; !found || s.ini() != key.Name() {
		if _, found := olderKeys()[name]; !found {
			r.faults.add(source, "unknown key%s", Suggestion(name, maps.Keys(r.known)))
			return
		}
		into = r.older
	}
	if len(key.ValueWithShadows()) > 1 {
		r.faults.add(source, "given twice")
		return
	}
	if text = strings.TrimSpace(text); text == "" {
		return
	}
	if other, found := into[name]; found && other.text != text {
		r.faults.add(source, "differs from %s", other.source)
		return
	}
	into[name] = given{source: source, text: text}
}
