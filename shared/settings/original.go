package settings

import (
	"maps"
	"slices"
	"strings"
)

// What a configuration of the Python original, 0.7 and before, says in keys that are none of ours: it starts this
// server too, and remarks tell what is different.

// reading is what a value of an older key says of a key of ours; without text it says nothing.
type reading struct {
	text   string
	remark string // for the operator; "" for none
	err    error
}

// older is an older key.
type older struct {
	to   string // the key of ours that it speaks of; "" for none
	read func(text string) reading
}

func olderKeys() map[string]older {
	return map[string]older{
		"DEBUG":             {"LOG_LEVEL", readDebug},
		"ALLOW_CORS":        {"ALLOWED_ORIGINS", readCORS},
		"VALIDATE_REQUESTS": {"SIGNATURE_MAX_AGE", readValidate},
		"SIGNATURE_CHECKER": {"", readChecker},
		"COOKIE_SECRET":     {"", pointless("the cookie of the admin page is signed by a key made of the admin_secret")},
		"HTTP_SCHEME":       {"", pointless("there are no links to put it into")},
		"GC_CONNS_AFTER":    {"", pointless("it had none in 0.7 either; see " + Prefix + "LINGER")},
		"GC_CHANNELS_AFTER": {"", pointless("it had none in 0.7 either; channels keep their settings")},
		"STATUS_CODES":      {"", pointless("a status may be any whole number")},
		"DEMO_APP_URL":      {"", pointless("the demo is part of this server")},
	}
}

func pointless(why string) func(string) reading {
	return func(string) reading { return reading{remark: "has no effect: " + why} }
}

func readDebug(text string) reading {
	debug, err := readBool(text)
	if debug == "true" {
		return reading{text: "debug"}
	}
	return reading{err: err}
}

func readValidate(text string) reading {
	validate, err := readBool(text)
	if validate == "false" {
		return reading{text: "0s", remark: "signatures of requests do not expire"}
	}
	return reading{err: err}
}

func readChecker(text string) reading {
	if text == "channelstream.utils.DefaultSigner" {
		return reading{}
	}
	return reading{remark: "has no effect: signatures are taken in the two forms that the docs name, and in no other"}
}

// readCORS makes origins of what the original looked for anywhere in an origin: a host is itself alone, on the usual
// ports.
func readCORS(text string) reading {
	var origins []string
	for _, item := range split(text) {
		if item == "*" || strings.Contains(item, "://") {
			origins = append(origins, item)
		} else {
			origins = append(origins, "http://"+item, "https://"+item)
		}
	}
	value, err := readOrigins(strings.Join(origins, ","))
	if value == "" {
		return reading{err: err}
	}
	return reading{text: value, remark: "no pages but those of " + value + " may connect, by WebSocket neither"}
}

// translate puts what the older keys of one source say into its values, where those do not say it themselves.
func translate(from, values map[string]given, faults, remarks *Faults) {
	keys := olderKeys()
	for _, name := range slices.Sorted(maps.Keys(from)) {
		key, said := keys[name], from[name]
		read := key.read(said.text)
		if read.err != nil {
			faults.add(said.source, "%v", read.err)
			continue
		}
		if read.text != "" {
			if other, overruled := values[key.to]; overruled {
				remarks.add(said.source, "has no effect beside %s", other.source)
				continue
			}
			values[key.to] = given{source: said.source, text: read.text}
		}
		if read.remark != "" {
			remarks.add(said.source, "%s", read.remark)
		}
	}
}

// asOriginal reads values, some of which are from a file of the original, as the original did where that is not as here.
func asOriginal(values map[string]given, remarks *Faults) {
	fromFile := func(name string) (text string, found bool) {
		value, found := values[name]
		return value.text, found && strings.HasPrefix(value.source, "["+sectionOriginal+"]")
	}
	if secret, found := fromFile("SECRET"); found && strings.Contains(secret, ",") {
		remarks.add(values["SECRET"].source, "is two secrets here: a comma separates them")
	}
	if callers, found := fromFile("ALLOW_POSTING_FROM"); found && slices.Contains(split(callers), "0.0.0.0") {
		values["ALLOW_POSTING_FROM"] = given{source: values["ALLOW_POSTING_FROM"].source, text: "0.0.0.0"}
	}
	_, chosen := values["HOST"]
	if _, secret := values["SECRET"]; secret && !chosen {
		host := given{source: "[" + sectionOriginal + "] host", text: "0.0.0.0"}
		values["HOST"] = host
		remarks.add(host.source, "is not given: listening on all addresses, as the original did")
	}
}
