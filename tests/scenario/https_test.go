package scenario

import (
	"encoding/json"
	"net"
	"net/http"
	"testing"

	"github.com/channelstream/channelstream/shared/contract"
	"github.com/channelstream/channelstream/tests/described"
	"github.com/channelstream/channelstream/tests/harness"
)

// One process has every way in, the demo too. The operator's probes come from inside, in clear.
func TestWhereHTTPSIsEnforcedNothingIsServedInClearButToTheOperator(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_ENFORCE_HTTPS=true", "CHANNELSTREAM_DEMO=true", "CHANNELSTREAM_TRUSTED_PROXIES=127.0.0.1")
	for _, path := range []string{
		"/ws?conn_id=x", "/sse?conn_id=x", "/listen?conn_id=x", "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket",
		"/", "/demo", "/demo/", "/demo/assets/app.js", "/demo/connect", "/info", "/disconnect?conn_id=x", "/elsewhere",
	} {
		status, fault := read(t, http.MethodGet, system.URL+path, "")
		if status != http.StatusNotAcceptable || fault.Code != contract.CodeNotHTTPS || fault.Message == "" {
			t.Errorf("%s in clear: %d %v", path, status, fault)
		}
		if status, _ := read(t, http.MethodGet, system.URL+path, "https"); status == http.StatusNotAcceptable {
			t.Errorf("%s by a trusted proxy's word: %d", path, status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/version"} {
		if status, _ := read(t, http.MethodGet, system.URL+path, ""); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestAMethodThatNobodyHasHeardOfIsAFaultOnEveryPath(t *testing.T) {
	t.Parallel()
	system := harness.AllInOne(t, "CHANNELSTREAM_DEMO=true")
	for _, path := range []string{"/message", "/info", "/disconnect", "/ws", "/sse", "/listen", "/demo", "/demo/connect", "/healthz", "/metrics"} {
		status, fault := read(t, "BREW", system.URL+path, "")
		if path == "/message" || path == "/info" { // the app's: the signature counts first
			if status != http.StatusForbidden || fault.Code != contract.CodeForbidden {
				t.Errorf("%s: %d %v", path, status, fault)
			}
			continue
		}
		if status != http.StatusMethodNotAllowed || fault.Code != contract.CodeMethod {
			t.Errorf("%s: %d %v", path, status, fault)
		}
	}
}

func TestWhereOperatorsHaveAPortTheirPathsAreNowhereElse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	operator := l.Addr().String()
	if err := l.Close(); err != nil { // the system binds it again
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(operator)
	system := harness.AllInOne(t, "CHANNELSTREAM_OPERATOR_PORT="+port, "CHANNELSTREAM_ADMIN_SECRET=open sesame")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/version", "/admin/sign_in"} {
		if status, fault := read(t, http.MethodGet, system.URL+path, ""); status != http.StatusNotFound || fault.Code != contract.CodeNotFound {
			t.Errorf("%s for everybody: %d %v", path, status, fault)
		}
		if status, _ := read(t, http.MethodGet, "http://"+operator+path, ""); status != http.StatusOK {
			t.Errorf("%s for operators: %d", path, status)
		}
	}
	plain := &http.Transport{DisableKeepAlives: true} // the description is not of that port
	if status, fault := readBy(t, plain, http.MethodGet, "http://"+operator+"/info", ""); status != http.StatusNotFound || fault.Code != contract.CodeNotFound {
		t.Errorf("the api for operators: %d %v", status, fault)
	}
}

// read asks on a connection of its own and reads the fault, where the answer is one.
func read(t *testing.T, method, url, proto string) (status int, fault contract.Fault) {
	t.Helper()
	return readBy(t, described.Watch(t).Over("", &http.Transport{DisableKeepAlives: true}), method, url, proto)
}

func readBy(t *testing.T, by http.RoundTripper, method, url, proto string) (status int, fault contract.Fault) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-Proto", proto)
	response, err := by.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read only
	if err := json.NewDecoder(response.Body).Decode(&fault); err != nil {
		fault = contract.Fault{} // not the answer that was wanted then
	}
	if response.StatusCode == http.StatusMethodNotAllowed && response.Header.Get("Allow") == "" {
		t.Errorf("%s %s: 405 without Allow", method, url)
	}
	return response.StatusCode, fault
}
