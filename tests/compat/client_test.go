package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// request is what a driver is asked to do, as drivers/line.js has it.
type request struct {
	Client      int               `json:"client"`
	Do          string            `json:"do"` // open, emit, fresh or close; leave and return, in a page
	Family      string            `json:"family,omitempty"`
	Library     string            `json:"library,omitempty"` // of a page
	URL         string            `json:"url,omitempty"`
	Query       map[string]string `json:"query,omitempty"` // the credentials
	Transports  []string          `json:"transports,omitempty"`
	JSONP       bool              `json:"jsonp,omitempty"`
	Since       bool              `json:"since,omitempty"`
	Credentials bool              `json:"credentials"`
	Own         bool              `json:"own,omitempty"` // in a page of its own
	Args        []any             `json:"args"`
}

// event is what a driver tells of a client.
type event struct {
	Client int               `json:"client"`
	Event  string            `json:"event"`
	Args   []json.RawMessage `json:"args"`
}

func (e event) String() string {
	text := e.Event
	for _, arg := range e.Args {
		text += " " + string(arg)
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}

// word is the first argument where that is a string.
func (e event) word() (text string) {
	if len(e.Args) > 0 {
		json.Unmarshal(e.Args[0], &text) //nolint:errcheck // it is none
	}
	return text
}

// recorder keeps what is told of one client.
type recorder struct {
	mu      sync.Mutex
	events  []event       // guarded by mu
	times   []time.Time   // of events; guarded by mu
	changed chan struct{} // guarded by mu; closed with the next event
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{})} }

func (r *recorder) tell(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.times = append(r.times, time.Now())
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) now() (events []event, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events), r.changed
}

// story tells all that happened since a time, for the report of a cell that failed.
func (r *recorder) story(began time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var told strings.Builder
	for i, e := range r.events {
		fmt.Fprintf(&told, "%7.2f s  %s\n", r.times[i].Sub(began).Seconds(), e)
	}
	return told.String()
}

// all are the events of a name.
func all(events []event, name string) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool { return e.Event != name })
}

// object is one of a list that a client gets.
type object struct {
	UUID    string          `json:"uuid"`
	Type    string          `json:"type"`
	User    string          `json:"user"`
	Channel string          `json:"channel"`
	Status  int             `json:"status"`
	Message json.RawMessage `json:"message"`
}

// lists are the objects of all lists, in order, but for those that only say where the client is.
func lists(events []event) (objects []object, err error) {
	for _, e := range all(events, "message") {
		var list []object
		if len(e.Args) == 0 {
			return nil, fmt.Errorf("a message without a list")
		}
		if err := json.Unmarshal(e.Args[0], &list); err != nil {
			return nil, fmt.Errorf("a message is no list of objects: %w: %s", err, e)
		}
		objects = append(objects, slices.DeleteFunc(list, func(o object) bool { return o.Type == "offset" })...)
	}
	return objects, nil
}
