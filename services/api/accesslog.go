package api

import (
	"net/http"
	"slices"
	"time"
)

// accessed has the log tell of an answer. A query may hold a conn_id, and a path that is unknown anything: neither is in it.
func (s *Service) accessed(r *http.Request, route string, status int, bytes int64, took time.Duration) {
	s.log.InfoContext(r.Context(), "a request is answered", "method", methodOf(r), "route", route, "status", status,
		"bytes", bytes, "took", took, "caller", s.transport.Caller(r).String())
}

// usualMethods are those that the log names. Any word may come for a method.
var usualMethods = []string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost, http.MethodPut,
}

func methodOf(r *http.Request) string {
	if slices.Contains(usualMethods, r.Method) {
		return r.Method
	}
	return "other"
}

// counter counts the bytes of an answer's body.
type counter struct {
	http.ResponseWriter
	bytes int64
}

// Write writes a part of the answer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err //nolint:wrapcheck // it is the writer's own
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
