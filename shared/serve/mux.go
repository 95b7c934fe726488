package serve

import "net/http"

// WithOperations puts the operator's paths (see Operations) before a handler that answers everything else.
func WithOperations(operations, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics", "/version":
			operations.ServeHTTP(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
}
