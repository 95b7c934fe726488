package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/channelstream/channelstream/services/gateway/internal/stockclient"
	"github.com/channelstream/channelstream/shared/settings"
)

// Whoever describes the paths of clients asks for this list.
func TestEveryPathButThoseOfSocketIOIsAnEndpoint(t *testing.T) {
	t.Parallel()
	s := &Service{clients: &stockclient.Shelf{}}
	s.config.Settings.Clients = settings.Clients{Resource: "socket.io"}
	router, is := any(s.router()).(chi.Routes)
	if !is {
		t.Fatal("the router can not be walked")
	}
	var served []string
	err := chi.Walk(router, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !strings.HasPrefix(path, "/socket.io") {
			served = append(served, method+" "+path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, path := range Endpoints() {
		described = append(described, "GET "+path)
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("the router has %q, the endpoints are %q", served, described)
	}
}
