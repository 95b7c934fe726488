package settings

import (
	"reflect"
	"strings"
	"time"
)

// Key describes one setting to an operator.
type Key struct {
	Env     string // CHANNELSTREAM_PORT
	Ini     string // port
	Default string // as an operator would write it; empty for none
	Doc     string
}

// Reference lists every key in the order of the struct, for the README and for help texts.
func Reference() []Key {
	var keys []Key
	for _, s := range specs() {
		keys = append(keys, Key{Env: Prefix + s.name, Ini: s.ini(), Default: s.initial, Doc: s.doc})
	}
	return keys
}

// spec is what the struct tags say about one key.
type spec struct {
	name, initial, doc string
	min, max           string
	oneof              []string
	secret             bool
	form               string // how the text is read, a key of the map forms
}

func (s spec) ini() string { return strings.ToLower(s.name) }

func specs() []spec { return specsOf(reflect.TypeFor[Settings]()) }

func specsOf(t reflect.Type) []spec {
	var found []spec
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("env")
		switch {
		case name != "":
			found = append(found, specOf(name, field))
		case field.Type.Kind() == reflect.Struct:
			found = append(found, specsOf(field.Type)...)
		}
	}
	return found
}

func specOf(name string, field reflect.StructField) spec {
	s := spec{
		name:    name,
		initial: field.Tag.Get("default"),
		doc:     field.Tag.Get("doc"),
		min:     field.Tag.Get("min"),
		max:     field.Tag.Get("max"),
		secret:  field.Tag.Get("secret") != "",
		form:    field.Tag.Get("form"),
	}
	if allowed := field.Tag.Get("oneof"); allowed != "" {
		s.oneof = strings.Split(allowed, ",")
	}
	if s.form == "" {
		s.form = formOf(field.Type)
	}
	return s
}

// formOf is the form of a type that needs no further word.
func formOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Duration]() {
		return "duration"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int:
		return "int"
	case reflect.Slice:
		return "list"
	default:
		return "text"
	}
}
