package described

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	faults "github.com/pb33f/libopenapi-validator/errors"
)

// HTTP judges exchanges by an OpenAPI document. It is safe for use by many goroutines.
type HTTP struct {
	// set at construction
	validator validator.Validator
	fault     *jsonschema.Schema
	methods   map[string]map[string]bool // by path; true for one that takes a body
	often     often
}

// faultSchema is where the document has what every error is.
const faultSchema = "/components/schemas/Fault"

// NewHTTP reads a document, which must be one of OpenAPI 3.1.
func NewHTTP(tree map[string]any) (*HTTP, error) {
	shut := closed(tree)
	text, err := json.Marshal(shut)
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	h := &HTTP{methods: map[string]map[string]bool{}}
	var all []error
	if h.validator, all = validator.NewValidator(document); len(all) > 0 {
		return nil, fmt.Errorf("understand the OpenAPI document: %w", errors.Join(all...))
	}
	schemas, err := compile(shut, jsonschema.Draft2020, faultSchema)
	if err != nil {
		return nil, err
	}
	h.fault = schemas[faultSchema]
	paths, _ := tree["paths"].(map[string]any)
	for path, item := range paths {
		h.methods[path] = map[string]bool{}
		operations, _ := item.(map[string]any)
		for method, operation := range operations {
			h.methods[path][strings.ToUpper(method)] = at(operation, "requestBody") != nil
		}
	}
	return h, nil
}

// Validate holds the document itself against the specification.
func (h *HTTP) Validate() error {
	if ok, wrong := h.validator.ValidateDocument(); !ok {
		return fmt.Errorf("the OpenAPI document is not one: %s", list(wrong))
	}
	return nil
}

// Exchange is a request and its answer.
type Exchange struct {
	Method string
	URL    *url.URL
	Header http.Header
	Sent   []byte

	Base   string // path below which the server is; empty for none
	Status int
	Answer http.Header
	Got    []byte
	Open   bool // the answer has no end, so Got is not all of it

	OtherLimits bool // the server has others than those that are described
}

// elsewhere says whether a path is for pages and Socket.IO, which the document leaves to others.
func elsewhere(path string) bool {
	for _, below := range []string{"/demo", "/socket.io", "/api-explorer", "/admin/ui", "/admin/static", "/admin/sign_in", "/admin/sign_out"} {
		if path == below || strings.HasPrefix(path, below+"/") {
			return true
		}
	}
	return path == "/" || path == "/admin" || path == "/admin/"
}

// Check says what of an exchange is not as described.
func (h *HTTP) Check(e Exchange) error {
	path, below := strings.CutPrefix(e.URL.Path, e.Base)
	if !below || elsewhere(path) || e.Method == http.MethodOptions || !h.often.isDue(fmt.Sprint(e.Method, path, e.Status)) {
		return nil
	}
	method := e.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	methods, known := h.methods[path]
	body, offered := methods[method]
	switch {
	case !known:
		return h.refused(e, http.StatusNotFound)
	case !offered:
		return h.refused(e, http.StatusMethodNotAllowed)
	}
	request := e.request(path, body)
	wrong := h.ofAnswer(request, e)
	if e.Status < http.StatusBadRequest && !e.OtherLimits {
		if _, more := h.validator.ValidateHttpRequestSync(request); len(more) > 0 {
			wrong = append(wrong, more...)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s %s answered %d: %s\nsent %.2000s\ngot %.2000s", e.Method, e.URL, e.Status, list(wrong), e.Sent, e.Got)
	}
	return nil
}

// ofAnswer judges an answer. Nobody gets the body of one to HEAD, or of one that has no end.
func (h *HTTP) ofAnswer(request *http.Request, e Exchange) []*faults.ValidationError {
	got := e.Got
	if e.Method == http.MethodHead {
		return nil
	}
	if kind, _, _ := mime.ParseMediaType(e.Answer.Get("Content-Type")); !strings.HasSuffix(kind, "json") {
		got = []byte(`""`) // a text of no schema
	}
	_, wrong := h.validator.ValidateHttpResponse(request, &http.Response{
		StatusCode: e.Status, Header: e.Answer, Body: io.NopCloser(bytes.NewReader(got)), Request: request,
	})
	return wrong
}

// request is what was asked, below no path. The content type does not matter to the server, and is that of the document here.
func (e Exchange) request(path string, body bool) *http.Request {
	u := *e.URL
	u.Path, u.RawPath = path, ""
	r := &http.Request{Method: e.Method, URL: &u, Header: e.Header.Clone(), Host: u.Host, Body: http.NoBody}
	if e.Method == http.MethodHead {
		r.Method = http.MethodGet
	}
	r.Header.Del("Content-Type")
	if body && len(bytes.TrimSpace(e.Sent)) > 0 {
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(e.Sent))
		r.Body = io.NopCloser(bytes.NewReader(e.Sent))
	}
	return r
}

// refused judges the answer to what the document does not have: an error with that status, or one that comes before it.
func (h *HTTP) refused(e Exchange, want int) error {
	switch e.Status {
	case want, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotAcceptable:
	default:
		return fmt.Errorf("%s %s is not in the document, and answered %d and not %d: %.2000s", e.Method, e.URL, e.Status, want, e.Got)
	}
	if e.Method == http.MethodHead {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Got))
	if err == nil {
		err = h.fault.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%s %s answered %d: %w\ngot %.2000s", e.Method, e.URL, e.Status, err, e.Got)
	}
	return nil
}

// list writes faults one to a line.
func list(wrong []*faults.ValidationError) string {
	var text strings.Builder
	for _, fault := range wrong {
		fmt.Fprintf(&text, "\n- %s: %s", fault.Message, fault.Reason)
		for _, detail := range fault.SchemaValidationErrors {
			fmt.Fprintf(&text, "\n  - %s: %s", detail.FieldPath, detail.Reason)
		}
	}
	return text.String()
}
