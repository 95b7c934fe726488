package record

import (
	"net/http"
	"testing"
)

// The record has the document in JSON alone, and in it the data of the admin page, which is no part of the API here. It sends
// whoever comes to the page without a signature to the sign-in; here both are refused alike.
func tellOfDescription(t *testing.T, s *stage) {
	t.Helper()
	s.hold(t, []exchange{
		{name: "the document, unsigned", request: "GET /openapi.json", unsigned: true, answer: forbidden},
		{name: "the page, unsigned", request: "GET /api-explorer", unsigned: true, answer: forbidden},
		{name: "the page", request: "GET /api-explorer", answer: answer{status: http.StatusOK}},
		{name: "the document", request: "GET /openapi.json", answer: ok(`{"openapi": "3.1.0", "…": 0, "paths": {"…": 0,
			"/connect": {"post": {"…": 0}},
			"/subscribe": {"post": {"…": 0}},
			"/unsubscribe": {"post": {"…": 0}},
			"/user_state": {"post": {"…": 0}},
			"/message": {"post": {"…": 0}, "delete": {"…": 0}, "patch": {"…": 0}},
			"/channel_config": {"post": {"…": 0}},
			"/info": {"post": {"…": 0}, "get": {"…": 0}},
			"/listen": {"get": {"…": 0}},
			"/disconnect": {"get": {"…": 0}, "post": {"…": 0}}}}`)},
	})
}
