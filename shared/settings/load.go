package settings

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// given is what one source says about one key.
type given struct {
	source string // as a fault names it
	text   string
}

// Load reads defaults, then the ini file at iniPath if it is not empty, then environ ("KEY=value" as from os.Environ).
// Faults holds all that is wrong with the keys and values; any other error is about reading the file.
func Load(ctx context.Context, environ []string, iniPath string) (Settings, error) {
	known := map[string]spec{}
	for _, s := range specs() {
		known[s.name] = s
	}
	var faults, remarks Faults
	env := readEnviron(environ, known, &faults, &remarks)
	if path, found := env.older[originalIni]; found && iniPath == "" {
		iniPath = path.text
	}
	delete(env.older, originalIni)
	file, original, err := readIni(iniPath, known, &faults)
	if err != nil {
		return Settings{}, err
	}
	values := file.values
	translate(file.older, values, &faults, &remarks)
	translate(env.older, env.values, &faults, &remarks)
	maps.Copy(values, env.values)
	if original {
		asOriginal(values, &remarks)
	}

	texts := map[string]string{}
	for _, s := range specs() {
		value, found := values[s.name]
		if !found {
			value = given{text: s.initial}
		}
		if value.text == "" {
			continue
		}
		text, err := s.read(value.text)
		if err != nil {
			faults.add(value.source, "%s", complaint(s, value.text, err))
			continue
		}
		texts[s.name] = text
	}
	if len(faults) > 0 {
		return Settings{}, faults
	}

	var settings Settings
	decode := envconfig.Config{Target: &settings, Lookuper: envconfig.MapLookuper(texts), DefaultNoInit: true}
	if err := envconfig.ProcessWith(ctx, &decode); err != nil {
		return Settings{}, fmt.Errorf("decode settings: %w", err)
	}
	settings.Remarks = remarks
	settings.checkTogether(values, &faults)
	return settings, faults.orNil()
}

// complaint quotes the value where that helps and gives nothing away.
func complaint(s spec, text string, err error) string {
	if s.secret {
		return err.Error()
	}
	const enough = 80
	if len(text) > enough {
		text = strings.ToValidUTF8(text[:enough], "") + "…"
	}
	return fmt.Sprintf("%q is not allowed: %v", text, err)
}

// checkTogether finds values that are right alone and wrong beside each other.
func (s *Settings) checkTogether(values map[string]given, faults *Faults) {
	atMost := func(small string, a int, big string, b int) {
		if a > b {
			faults.add(sourceOf(small, values), "%d bytes are more than %s allows (%d)", a, sourceOf(big, values), b)
		}
	}
	atMost("MAX_MESSAGE", s.Limits.MaxMessage, "MAX_BODY", s.Limits.MaxBody)
	// A message that does not fit into the backlog would close every client that is a little slow.
	atMost("MAX_MESSAGE", s.Limits.MaxMessage, "BACKLOG_BYTES", s.Limits.BacklogBytes)
	if s.Timing.Drain > s.Timing.Shutdown {
		faults.add(sourceOf("DRAIN_WINDOW", values), "%v is longer than %s (%v)", s.Timing.Drain, sourceOf("SHUTDOWN_TIMEOUT", values), s.Timing.Shutdown)
	}
}

func sourceOf(name string, values map[string]given) string {
	if value, found := values[name]; found {
		return value.source
	}
	return Prefix + name
}
