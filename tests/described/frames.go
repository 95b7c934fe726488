package described

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/pb33f/jsonschema/v6"
)

// Frames judges what clients get by an AsyncAPI document. It is safe for use by many goroutines.
type Frames struct {
	// set at construction
	objects map[string]*jsonschema.Schema // of lists, by their type
	events  map[string]*jsonschema.Schema // what Socket.IO clients get, by the name of the event
	stream  map[string]*jsonschema.Schema // what EventSources get, by the event
	often   often
}

// NewFrames reads a document, which must be one of AsyncAPI 3.
func NewFrames(tree map[string]any) (*Frames, error) {
	f := &Frames{}
	shut := closed(tree)
	objects := map[string]string{}
	listed, _ := at(tree, "components", "schemas", "List", "items", "anyOf").([]any)
	for _, one := range listed {
		place := pointer(one)
		kind, _ := at(lookUp(tree, place), "properties", "type", "const").(string)
		objects[kind] = place
	}
	var err error
	if f.objects, err = compileAll(shut, objects); err != nil {
		return nil, err
	}
	if f.events, err = compileAll(shut, payloads(tree, "socketio", "emitEvents")); err != nil {
		return nil, err
	}
	f.stream, err = compileAll(shut, payloads(tree, "stream", "streamEvents"))
	return f, err
}

// payloads are where the payloads of an operation's messages are, by the name that a client knows them by.
func payloads(tree map[string]any, channel, operation string) map[string]string {
	places := map[string]string{}
	sent, _ := at(tree, "operations", operation, "messages").([]any)
	for _, one := range sent {
		name := pointer(one)[len("/channels/"+channel+"/messages/"):]
		message := pointer(at(tree, "channels", channel, "messages", name))
		places[eventOf(lookUp(tree, message), name)] = message + "/payload"
	}
	return places
}

// eventOf is the name of the event of a message: the first argument, if it is written there.
func eventOf(message any, otherwise string) string {
	arguments, _ := at(message, "payload", "items").([]any)
	if len(arguments) > 0 {
		if name, is := at(arguments[0], "const").(string); is {
			return name
		}
	}
	return otherwise
}

func pointer(reference any) string {
	text, _ := at(reference, "$ref").(string)
	return strings.TrimPrefix(text, "#")
}

func lookUp(tree any, pointer string) any {
	return at(tree, strings.Split(strings.TrimPrefix(pointer, "/"), "/")...)
}

func compileAll(tree any, places map[string]string) (map[string]*jsonschema.Schema, error) {
	var all []string
	for _, place := range places {
		all = append(all, place)
	}
	compiled, err := compile(tree, jsonschema.Draft7, all...)
	if err != nil {
		return nil, err
	}
	schemas := map[string]*jsonschema.Schema{}
	for name, place := range places {
		schemas[name] = compiled[place]
	}
	return schemas, nil
}

// List judges a list of objects, as a WebSocket, a long poll or an event brings it.
func (f *Frames) List(text []byte) error {
	if !f.often.isDue("list") {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("a list is no JSON: %w: %.2000s", err, text)
	}
	list, is := value.([]any)
	if !is {
		return fmt.Errorf("this is no list: %.2000s", text)
	}
	for _, object := range list {
		kind, _ := at(object, "type").(string)
		if err := judge(f.objects, kind, object); err != nil {
			return fmt.Errorf("%w\nin %.2000s", err, text)
		}
	}
	return nil
}

// StreamEvent judges an event of a stream by its name and its data.
func (f *Frames) StreamEvent(name, data string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(data))
	if err != nil {
		return fmt.Errorf("the data of %s is no JSON: %w: %.2000s", name, err, data)
	}
	if err := judge(f.stream, name, value); err != nil {
		return fmt.Errorf("%w\nin %.2000s", err, data)
	}
	if name == "message" {
		return f.List([]byte(data))
	}
	return nil
}

// The packets of Socket.IO 5 that a client gets, within a message of Engine.IO.
const (
	packetConnect = "40"
	packetEvent   = "42"
	packetRefusal = "44"
)

// Packet judges a packet of Socket.IO 5 over Engine.IO 4. Other packets carry nothing that is described.
func (f *Frames) Packet(packet string) error {
	if len(packet) < 2 || !f.often.isDue("packet") {
		return nil
	}
	kind, text := packet[:2], packet[2:]
	if strings.HasPrefix(text, "/") { // the namespace
		_, text, _ = strings.Cut(text, ",")
	}
	name := ""
	switch kind {
	case packetConnect:
		name = "connect"
	case packetRefusal:
		name = "connect_error"
	case packetEvent:
	default:
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("a packet holds no JSON: %w: %.2000s", err, packet)
	}
	if arguments, is := value.([]any); is && name == "" && len(arguments) > 0 {
		name, _ = arguments[0].(string)
	}
	if err := judge(f.events, name, value); err != nil {
		return fmt.Errorf("%w\nin %.2000s", err, packet)
	}
	return nil
}

func judge(schemas map[string]*jsonschema.Schema, name string, value any) error {
	schema, known := schemas[name]
	if !known {
		return fmt.Errorf("%q is not described", name)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%q is not as described: %w", name, err)
	}
	return nil
}
