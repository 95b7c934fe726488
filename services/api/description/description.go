// Package description holds what the API and the ways of clients are, for machines: an OpenAPI 3.1 document of all that is
// asked over HTTP, and an AsyncAPI 3 document of what clients get over sockets and streams. Both are written by hand, and the
// tests hold them against every answer and frame that they see.
//
// It promises that a document names the server that it is asked to, and is else the same for every caller.
package description

import (
	_ "embed" // the documents
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	//go:embed openapi.yaml
	openAPI []byte
	//go:embed asyncapi.yaml
	asyncAPI []byte
)

// Document is one of the documents. It is safe for use by many goroutines.
type Document struct {
	// set at construction
	text    []byte
	tree    func() (map[string]any, error) // of the text, read when it is asked for first; not to be changed
	servers func(written any, at *url.URL) any
}

// OpenAPI is the document of what is asked over HTTP. It takes a URL that is only a path, too.
func OpenAPI() *Document {
	return newDocument(openAPI, func(_ any, at *url.URL) any { return []any{map[string]any{"url": at.String()}} })
}

// AsyncAPI is the document of what clients get.
func AsyncAPI() *Document { return newDocument(asyncAPI, reachedAt) }

func newDocument(text []byte, servers func(any, *url.URL) any) *Document {
	return &Document{text: text, servers: servers, tree: sync.OnceValues(func() (tree map[string]any, err error) {
		if err := yaml.Unmarshal(text, &tree); err != nil {
			return nil, fmt.Errorf("read a document: %w", err)
		}
		return tree, nil
	})}
}

// Tree is the document as it was written, for who looks things up in it. It is not to be changed.
func (d *Document) Tree() (map[string]any, error) { return d.tree() }

// JSON is the document in JSON, for who reaches the server at a URL.
func (d *Document) JSON(at *url.URL) ([]byte, error) {
	written, err := d.tree()
	if err != nil {
		return nil, err
	}
	tree := maps.Clone(written)
	tree[serversKey] = d.servers(tree[serversKey], at)
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("write a document as JSON: %w", err)
	}
	return text, nil
}

// YAML is the document as it was written, for who reaches the server at a URL.
func (d *Document) YAML(at *url.URL) ([]byte, error) {
	written, err := d.tree()
	if err != nil {
		return nil, err
	}
	servers, err := json.Marshal(d.servers(written[serversKey], at))
	if err != nil {
		return nil, fmt.Errorf("write the servers of a document: %w", err)
	}
	block := regexp.MustCompile(`(?m)^` + serversKey + `:\n(?: .*\n)+`)
	place := block.FindIndex(d.text)
	if place == nil {
		return nil, errors.New("a document names no servers")
	}
	line := fmt.Appendf(nil, "%s: %s\n", serversKey, servers) // all JSON is YAML
	return append(append(d.text[:place[0]:place[0]], line...), d.text[place[1]:]...), nil
}

// serversKey is where both documents name their servers.
const serversKey = "servers"

// reachedAt are the servers of an AsyncAPI document, each with its protocol, at a URL.
func reachedAt(written any, at *url.URL) any {
	named, _ := written.(map[string]any)
	servers := map[string]any{}
	for name, server := range named {
		described, _ := server.(map[string]any)
		moved := maps.Clone(described)
		protocol, _ := moved["protocol"].(string)
		if at.Scheme == "https" {
			protocol += "s"
		}
		moved["host"], moved["pathname"], moved["protocol"] = at.Host, pathname(at), protocol
		servers[name] = moved
	}
	return servers
}

func pathname(at *url.URL) string {
	if at.Path == "" {
		return "/"
	}
	return at.Path
}
