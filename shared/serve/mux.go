package serve

import "net/http"

// WithOperations puts the operator's paths (see Operations) before a handler that answers everything else.
func WithOperations(operations, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/version"} {
		mux.Handle(path, operations)
	}
	mux.Handle("/", rest)
	return mux
}
