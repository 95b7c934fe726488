package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/channelstream/channelstream/shared/serve"
	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

func program(run func(context.Context, settings.Settings) error) serve.Program {
	return serve.Program{
		Name:    "gateway",
		Version: "1.2.3",
		Serve: func(ctx context.Context, call serve.Call) error {
			call.Log.Info("serving")
			return run(ctx, call.Settings)
		},
		Commands: map[string]serve.Command{"echo": {Doc: "print", Run: func(_ context.Context, c serve.Call) error {
			_, err := fmt.Fprint(c.Out, c.Settings.Listen.Port, c.Args)
			return err
		}}},
	}
}

func TestMainExitCodes(t *testing.T) {
	t.Parallel()
	ini := filepath.Join(t.TempDir(), "c.ini")
	if err := os.WriteFile(ini, []byte("[app:main]\nport = 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	healthy := httptest.NewServer(serve.Operations(serve.Health{}, telemetry.NewRegistry(), "", quiet))
	t.Cleanup(healthy.Close)
	fails := errors.New("no luck")
	cases := map[string]struct {
		args, environ []string
		run           error
		code          int
		out, errOut   string
	}{
		"serve by default":     {code: serve.ExitOK, errOut: "msg=serving"},
		"serve fails":          {args: []string{"serve"}, run: fails, code: serve.ExitFailed, errOut: "gateway: no luck\n"},
		"no secret":            {run: settings.ErrNoSecret, code: serve.ExitUsage, errOut: "CHANNELSTREAM_SECRET"},
		"serve arguments":      {args: []string{"serve", "now"}, code: serve.ExitUsage, errOut: "serve takes none"},
		"unknown command":      {args: []string{"dance"}, code: serve.ExitUsage, errOut: `unknown command "dance"; gateway help lists them`},
		"mistyped command":     {args: []string{"helthcheck"}, code: serve.ExitUsage, errOut: "did you mean healthcheck?"},
		"help as a command":    {args: []string{"help"}, environ: []string{"CHANNELSTREAM_PORT=x"}, code: serve.ExitOK, out: "usage: gateway [--config FILE"},
		"unknown flag":         {args: []string{"--loud"}, code: serve.ExitUsage, errOut: "loud"},
		"help":                 {args: []string{"--help"}, code: serve.ExitOK, out: "usage: gateway [--config FILE"},
		"config before":        {args: []string{"--config", ini, "echo", "a"}, code: serve.ExitOK, out: "99 [a]"},
		"config behind":        {args: []string{"echo", "--config=" + ini, "a", "b"}, code: serve.ExitOK, out: "99 [a b]"},
		"the original's -i":    {args: []string{"-i", ini, "echo", "a"}, code: serve.ExitOK, out: "99 [a]"},
		"the original's --ini": {args: []string{"echo", "--ini", ini}, code: serve.ExitOK, out: "99 []"},
		"the original's -v":    {args: []string{"-v"}, environ: []string{"CHANNELSTREAM_PORT=x"}, code: serve.ExitOK, out: "gateway 1.2.3 go"},
		"remarks":              {environ: []string{"CHANNELSTREAM_HTTP_SCHEME=https"}, code: serve.ExitOK, errOut: "key=CHANNELSTREAM_HTTP_SCHEME"},
		"missing config":       {args: []string{"--config", ini + ".none"}, code: serve.ExitUsage, errOut: "read configuration"},
		"healthy":              {args: []string{"healthcheck", healthy.URL + "/readyz"}, code: serve.ExitOK},
		"unhealthy":            {args: []string{"healthcheck"}, environ: []string{"CHANNELSTREAM_PORT=1"}, code: serve.ExitFailed, errOut: "check health"},
		"healthcheck usage":    {args: []string{"healthcheck", "a", "b"}, code: serve.ExitUsage, errOut: "one URL"},
		"version":              {args: []string{"version"}, environ: []string{"CHANNELSTREAM_PORT=x"}, code: serve.ExitOK, out: "gateway 1.2.3 go"},
		"configuration fault":  {environ: []string{"CHANNELSTREAM_PORT=x"}, code: serve.ExitUsage, errOut: "gateway: CHANNELSTREAM_PORT: \"x\""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			p := program(func(context.Context, settings.Settings) error { return c.run })
			if code := p.Main(t.Context(), c.args, c.environ, &out, &errOut); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, errOut.String())
			}
			if !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.errOut) {
				t.Errorf("out %q, error out %q", out.String(), errOut.String())
			}
		})
	}
}

func TestMainPrintsOneLineForEachFault(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	p := program(func(context.Context, settings.Settings) error { return nil })
	p.Main(t.Context(), nil, []string{"CHANNELSTREAM_PORT=x", "CHANNELSTREAM_LINGER=y", "CHANNELSTREAM_COLOUR=z"}, &out, &errOut)
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines:\n%s", len(lines), errOut.String())
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "gateway: CHANNELSTREAM_") {
			t.Errorf("line %q", line)
		}
	}
}

func TestMainTakesStopAsSuccess(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := program(func(ctx context.Context, _ settings.Settings) error {
		cancel()
		<-ctx.Done()
		return fmt.Errorf("stop: %w", ctx.Err())
	})
	var out, errOut bytes.Buffer
	if code := p.Main(ctx, nil, nil, &out, &errOut); code != serve.ExitOK {
		t.Errorf("exit code %d\n%s", code, errOut.String())
	}
}

// Whatever hangs: the process ends, and says what it was.
func TestAStopThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, byItself := range map[string]bool{"when it is asked to stop": false, "when a part has failed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			hang, ended := make(chan struct{}), make(chan struct{})
			p := program(nil)
			p.Serve = func(_ context.Context, call serve.Call) error {
				defer close(ended)
				call.Stages.Begin("the store")
				call.Stages.Begin("requests")
				fails := call.Stages.Begin("the gateway")
				if byItself {
					fails()
				} else {
					cancel()
				}
				<-hang
				return nil
			}
			var out, errOut bytes.Buffer
			code := p.Main(ctx, nil, []string{"CHANNELSTREAM_SHUTDOWN_TIMEOUT=1s", "CHANNELSTREAM_DRAIN_WINDOW=0s"}, &out, &errOut)
			want := "gateway: the stop took longer than CHANNELSTREAM_SHUTDOWN_TIMEOUT (1s) and was given up: still running: "
			if !byItself {
				want += "the gateway, "
			}
			if want += "requests, the store\n"; code != serve.ExitFailed || errOut.String() != want {
				t.Errorf("exit code %d, %q", code, errOut.String())
			}
			cancel()
			close(hang)
			<-ended
		})
	}
}
