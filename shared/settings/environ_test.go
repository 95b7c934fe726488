package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/settings"
)

func TestWhatKubernetesSaysOfServicesIsNoKey(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "",
		"CHANNELSTREAM_PORT=tcp://10.96.0.7:8000", "CHANNELSTREAM_PORT_8000_TCP=tcp://10.96.0.7:8000", "CHANNELSTREAM_PORT_8000_TCP_PROTO=tcp",
		"CHANNELSTREAM_PORT_8000_TCP_PORT=8000", "CHANNELSTREAM_PORT_8000_TCP_ADDR=10.96.0.7", "CHANNELSTREAM_SERVICE_HOST=10.96.0.7",
		"CHANNELSTREAM_SERVICE_PORT=8000", "CHANNELSTREAM_SERVICE_PORT_HTTP=8000",
		"CHANNELSTREAM_GATEWAY_PORT=tcp://10.96.0.8:8000", "CHANNELSTREAM_GATEWAY_SERVICE_HOST=10.96.0.8", "CHANNELSTREAM_OPERATOR_PORT=9000")
	if s.Listen.Port != 8000 || s.Operator.Port != 9000 {
		t.Errorf("ports %d and %d", s.Listen.Port, s.Operator.Port)
	}
	var faults settings.Faults
	if _, err := settings.Load(t.Context(), []string{"CHANNELSTREAM_PORT=10.96.0.7:8000"}, ""); !errors.As(err, &faults) {
		t.Errorf("a port that is none: %v", err)
	}
}

func TestASecretIsReadFromItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("kept in a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustLoad(t, "", "CHANNELSTREAM_SECRET_FILE="+path, "CHANNELSTREAM_ADMIN_SECRET_FILE="+path)
	if len(s.Access.Secrets) != 1 || s.Access.Secrets[0] != "kept in a file" || s.Access.AdminSecret != "kept in a file" {
		t.Errorf("%q, %q", s.Access.Secrets, s.Access.AdminSecret)
	}
}

func TestTheURLOfNATSIsReadFromAFileSinceAPasswordMayStandInIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("nats://user:password@one:4222\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, "url", mustLoad(t, "", "CHANNELSTREAM_NATS_URL_FILE="+path).NATS.URL, "nats://user:password@one:4222")
}

func TestAFileOfASecretThatCanNotBeUsedIsSaidSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, environ := range map[string][]string{
		"can not be read":                   {"CHANNELSTREAM_SECRET_FILE=" + filepath.Join(dir, "none")},
		"is empty":                          {"CHANNELSTREAM_SECRET_FILE=" + empty},
		"given beside CHANNELSTREAM_SECRET": {"CHANNELSTREAM_SECRET_FILE=" + empty, "CHANNELSTREAM_SECRET=x"},
		"names no file":                     {"CHANNELSTREAM_SECRET_FILE="},
		"unknown key":                       {"CHANNELSTREAM_LINGER_FILE=" + empty}, // no secret
	} {
		if _, err := settings.Load(t.Context(), environ, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", environ, err)
		}
	}
}

func TestQuotesThatBelongToAValueAreRemarked(t *testing.T) {
	t.Parallel()
	s := mustLoad(t, "", `CHANNELSTREAM_SECRET="secret"`)
	if len(s.Remarks) != 1 || s.Remarks[0].Key != "CHANNELSTREAM_SECRET" || strings.Contains(s.Remarks[0].Problem, "secret") {
		t.Errorf("%+v", s.Remarks)
	}
}
