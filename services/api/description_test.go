package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"go.yaml.in/yaml/v3"

	"github.com/channelstream/channelstream/services/api/description"
	"github.com/channelstream/channelstream/services/api/internal/admin"
	"github.com/channelstream/channelstream/shared/edge"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/signature"
)

// documents are the paths under which the api describes itself.
var documents = []string{"/openapi.yaml", "/openapi.json", "/asyncapi.yaml", "/asyncapi.json"}

func TestEveryPathAndMethodIsDescribed(t *testing.T) {
	t.Parallel()
	s := start(t)
	served := map[string][]string{}
	router, is := s.service.Handler().(chi.Routes)
	if !is {
		t.Fatal("the router can not be walked")
	}
	err := chi.Walk(router, func(_, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !ofPage(path) {
			served[path] = s.methods(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range described(t) {
		if !slices.Equal(served[path], methods) {
			t.Errorf("%s takes %q, and is described with %q", path, served[path], methods)
		}
		delete(served, path)
	}
	for path, methods := range served {
		t.Errorf("%s takes %q, and is not described", path, methods)
	}
}

// ofPage says whether a path is one of a page for people.
func ofPage(path string) bool {
	return strings.HasPrefix(path, "/api-explorer") || slices.Contains(admin.Paths(), path)
}

// methods are those that a path says that it takes, but for those that every path does, or that follow from GET.
func (s *system) methods(path string) []string {
	s.t.Helper()
	allow := s.do(request(http.MethodOptions, path, "")).Header().Get("Access-Control-Allow-Methods")
	return slices.DeleteFunc(strings.Split(allow, ", "), func(method string) bool {
		return method == http.MethodOptions || method == http.MethodHead
	})
}

// described are the methods of the paths that are not for others to serve.
func described(t *testing.T) map[string][]string {
	t.Helper()
	tree, err := description.OpenAPI().Tree()
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string][]string{}
	all, _ := tree["paths"].(map[string]any)
	for path, item := range all {
		operations, _ := item.(map[string]any)
		for method, operation := range operations {
			of, _ := operation.(map[string]any)
			tags, _ := of["tags"].([]any)
			if tags[0] == "app" || tags[0] == "description" {
				paths[path] = append(paths[path], strings.ToUpper(method))
			}
		}
		slices.Sort(paths[path])
	}
	return paths
}

func TestTheDescriptionIsForTheApp(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range documents {
		s.fault(s.do(request(http.MethodGet, path, "")), http.StatusForbidden)
		stranger := signed(http.MethodGet, path, "")
		stranger.RemoteAddr = "198.51.100.1:1"
		s.fault(s.do(stranger), http.StatusForbidden)
		wrong := request(http.MethodGet, path, "")
		wrong.Header.Set("x-channelstream-secret", signature.Sign("another", path, time.Now()))
		s.fault(s.do(wrong), http.StatusUnauthorized)
		demo := request(http.MethodGet, path, "")
		demo.Header.Set("x-channelstream-secret", signature.Sign(signature.DemoSecrets([]string{secret})[0], path, time.Now()))
		s.fault(s.do(demo), http.StatusUnauthorized)
		s.want(s.do(signed(http.MethodGet, path, "")), http.StatusOK)
		inQuery := path + "?secret=" + strings.ReplaceAll(signature.Sign(secret, path, time.Now()), "+", "%2B")
		s.want(s.do(request(http.MethodGet, inQuery, "")), http.StatusOK)
	}
}

func TestTheDescriptionIsForEverybodyWhereThatIsConfigured(t *testing.T) {
	t.Parallel()
	s := start(t, "CHANNELSTREAM_PUBLIC_DESCRIPTION=true")
	for _, path := range documents {
		stranger := request(http.MethodGet, path, "")
		stranger.RemoteAddr = "198.51.100.1:1"
		s.want(s.do(stranger), http.StatusOK)
	}
	s.fault(s.do(request(http.MethodGet, "/info", "")), http.StatusForbidden) // and nothing else
}

func TestADocumentIsTheSameInBothForms(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, name := range []string{"/openapi", "/asyncapi"} {
		asYAML, asJSON := s.do(signed(http.MethodGet, name+".yaml", "")), s.do(signed(http.MethodGet, name+".json", ""))
		if kind := asYAML.Header().Get("Content-Type"); kind != "application/yaml; charset=utf-8" {
			t.Errorf("%s.yaml is %s", name, kind)
		}
		var first, second any
		if err := yaml.Unmarshal(asYAML.Body.Bytes(), &first); err != nil {
			t.Error(err)
		}
		normal, err := json.Marshal(first)
		if err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(normal, &first); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal(asJSON.Body.Bytes(), &second); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%s differs in its forms", name)
		}
	}
}

func TestADocumentNamesTheServerThatItIsAskedOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environ          []string
		path, script     string // of the request, and what a trusted proxy says that it took off
		server           string
		protocol, host   string
		below, proto     string
		secondOfRequests string
	}{
		{nil, "", "", "/", "ws", "example.com", "/", "", "http"},
		{[]string{"CHANNELSTREAM_BASE_PATH=/push"}, "/push", "", "/push", "ws", "example.com", "/push", "", "http"},
		{nil, "", "/outer", "/outer", "ws", "example.com", "/outer", "", "http"},
		{nil, "", "", "/", "wss", "example.com", "/", "https", "https"},
		{
			[]string{"CHANNELSTREAM_PUBLIC_URL=https://push.example.org/a/", "CHANNELSTREAM_BASE_PATH=/push"}, "/push", "",
			"https://push.example.org/a", "wss", "push.example.org", "/a", "", "https",
		},
	} {
		environ := append([]string{"CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1"}, c.environ...)
		s := start(t, environ...)
		config, err := settings.Load(t.Context(), append(environ, "CHANNELSTREAM_SECRET="+secret), "")
		if err != nil {
			t.Fatal(err)
		}
		server := edge.Below(config, s.service.Handler())
		get := func(name string, into any) {
			r := request(http.MethodGet, c.path+name, "")
			r.Header.Set("X-Script-Name", c.script)
			r.Header.Set("X-Forwarded-Proto", c.proto)
			r.Header.Set("x-channelstream-secret", signature.Sign(secret, c.script+c.path+name, time.Now()))
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			if err := yaml.Unmarshal([]byte(s.want(w, http.StatusOK)), into); err != nil {
				t.Error(err)
			}
		}
		for _, form := range []string{".yaml", ".json"} {
			var exchanges struct{ Servers []struct{ URL string } }
			var frames struct {
				Servers map[string]struct{ Host, Pathname, Protocol, Description string }
			}
			get("/openapi"+form, &exchanges)
			get("/asyncapi"+form, &frames)
			if len(exchanges.Servers) != 1 || exchanges.Servers[0].URL != c.server {
				t.Errorf("%v: openapi%s names %v, want %s", c.environ, form, exchanges.Servers, c.server)
			}
			sockets, requests := frames.Servers["sockets"], frames.Servers["requests"]
			if sockets.Host != c.host || sockets.Protocol != c.protocol || sockets.Pathname != c.below || sockets.Description == "" ||
				requests.Host != c.host || requests.Protocol != c.secondOfRequests || len(slices.Collect(maps.Keys(frames.Servers))) != 2 {
				t.Errorf("%v: asyncapi%s names %v", c.environ, form, frames.Servers)
			}
		}
	}
}
