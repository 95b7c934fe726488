// Package described holds what is asked, answered and sent against the documents that describe it: OpenAPI for requests and
// answers, AsyncAPI for what clients get.
//
// It promises that what a document does not name is a fault: a path, a method, a status, a field of an answer. A request has to
// be as described only where the server took it, since tests send what is wrong on purpose. It judges in the process of the test,
// and of what comes very often only some.
package described

import (
	"bytes"
	"fmt"
	"net/url"
	"sync"

	"github.com/pb33f/jsonschema/v6"

	"github.com/channelstream/channelstream/services/api/description"
)

// Documents are both, ready to judge. They are safe for use by many goroutines.
type Documents struct {
	HTTP   *HTTP
	Frames *Frames
}

// Served are the documents that the server serves, read once for all tests.
var Served = sync.OnceValues(func() (Documents, error) {
	exchanges, err := written(description.OpenAPI())
	if err != nil {
		return Documents{}, err
	}
	frames, err := written(description.AsyncAPI())
	if err != nil {
		return Documents{}, err
	}
	d := Documents{}
	if d.HTTP, err = NewHTTP(exchanges); err != nil {
		return Documents{}, err
	}
	d.Frames, err = NewFrames(frames)
	return d, err
})

// written is a document as its tree of JSON values, which is the caller's own.
func written(d *description.Document) (map[string]any, error) {
	text, err := d.JSON(&url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/"})
	if err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read a document: %w", err)
	}
	object, _ := tree.(map[string]any)
	return object, nil
}

// closed is a tree in which an object has no other properties than those that are described, unless it says that it has. The
// documents themselves leave that open: their readers are to ignore what they do not know.
func closed(tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		to := make(map[string]any, len(node)+1)
		for key, value := range node {
			to[key] = closed(value)
		}
		_, described := node["properties"].(map[string]any)
		if _, said := node["additionalProperties"]; described && !said && node["type"] == "object" {
			to["additionalProperties"] = false
		}
		return to
	case []any:
		to := make([]any, len(node))
		for i, value := range node {
			to[i] = closed(value)
		}
		return to
	}
	return tree
}

// at finds a value in a tree; nil if there is none.
func at(tree any, path ...string) any {
	for _, key := range path {
		object, _ := tree.(map[string]any)
		tree = object[key]
	}
	return tree
}

// compile reads the schemas at some places of a document, by the last word of each place.
func compile(tree any, draft *jsonschema.Draft, places ...string) (map[string]*jsonschema.Schema, error) {
	const name = "document.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	if err := c.AddResource(name, tree); err != nil {
		return nil, fmt.Errorf("take a document: %w", err)
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, place := range places {
		schema, err := c.Compile(name + "#" + place)
		if err != nil {
			return nil, fmt.Errorf("compile %s: %w", place, err)
		}
		schemas[place] = schema
	}
	return schemas, nil
}
