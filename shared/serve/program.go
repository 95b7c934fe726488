package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/shared/settings"
	"github.com/channelstream/channelstream/shared/telemetry"
)

// Exit codes of every program.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2 // wrong arguments or configuration: trying again does not help
)

// ErrUsage is returned by a Command for arguments it can not use.
var ErrUsage = errors.New("wrong arguments")

// Call is what a command is run with.
type Call struct {
	Settings settings.Settings
	Log      *slog.Logger
	Stages   *Stages  // of a server; nil for other commands
	Args     []string // behind the command's name
	Out      io.Writer
}

// Command is a subcommand. Its error decides the exit code.
type Command struct {
	Doc string
	Run func(ctx context.Context, call Call) error
}

// Program is a binary: it serves, and it can check its health and say its version.
type Program struct {
	Name    string
	Version string
	// Serve runs until ctx ends. What may take time to end it notes as a stage.
	Serve func(ctx context.Context, call Call) error
	// Commands are further subcommands by name.
	Commands map[string]Command
}

// SignalContext ends with SIGINT or SIGTERM. A second signal has its default effect and ends the process at once.
func SignalContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// Main runs the program with args (without its name) and environ (as from os.Environ) and returns its exit code.
func (p Program) Main(ctx context.Context, args, environ []string, out, errOut io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // whoever read the log has gone, which is no reason to end
	ctx, stop := SignalContext(ctx)
	defer stop()
	flags := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	var iniPath string
	for _, name := range []string{"config", "ini", "i"} { // the last two are those of the Python original, as are these:
		flags.StringVar(&iniPath, name, "", "ini file")
	}
	version := flags.Bool("version", false, "print the version")
	flags.BoolVar(version, "v", false, "print the version")
	name, rest, err := p.parse(flags, args)
	if *version {
		name, rest = "version", nil
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, p.usage()) //nolint:errcheck // nobody left to tell
		return ExitOK
	}
	if err == nil {
		err = p.run(ctx, name, rest, environ, iniPath, out, errOut)
	}
	return p.Report(err, errOut)
}

// parse accepts flags before and after the command's name.
func (p Program) parse(flags *flag.FlagSet, args []string) (name string, rest []string, err error) {
	if err := flags.Parse(args); err != nil {
		return "", nil, usageError(err)
	}
	if flags.NArg() == 0 {
		return "serve", nil, nil
	}
	name = flags.Arg(0)
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", nil, usageError(err)
	}
	return name, flags.Args(), nil
}

func usageError(err error) error { return fmt.Errorf("%w: %w", ErrUsage, err) }

func (p Program) run(ctx context.Context, name string, args, environ []string, iniPath string, out, errOut io.Writer) error {
	command, found := p.commands()[name]
	if !found {
		return UnknownCommand(p.Name, name, maps.Keys(p.commands()))
	}
	if name == "version" || name == "help" { // also with a broken configuration
		return command.Run(ctx, Call{Args: args, Out: out})
	}
	call, err := Load(ctx, environ, iniPath, out, errOut)
	if err != nil {
		return err
	}
	call.Args = args
	return command.Run(ctx, call)
}

// UnknownCommand says that a program has no such command, and which of those that it has may be meant.
func UnknownCommand(program, name string, known iter.Seq[string]) error {
	return fmt.Errorf("%w: unknown command %q%s; %s help lists them", ErrUsage, name, settings.Suggestion(name, known), program)
}

// Load is what commands are run with by this configuration. Faults of the configuration have the exit code ExitUsage.
func Load(ctx context.Context, environ []string, iniPath string, out, errOut io.Writer) (Call, error) {
	loaded, err := settings.Load(ctx, environ, iniPath)
	if err != nil {
		return Call{}, &configError{err}
	}
	level, err := telemetry.ParseLevel(loaded.Log.Level)
	if err != nil {
		return Call{}, &configError{err}
	}
	return Call{Settings: loaded, Log: telemetry.NewLogger(errOut, level, loaded.Log.Format), Out: out}, nil
}

// commands are the program's own and those that every program has.
func (p Program) commands() map[string]Command {
	all := map[string]Command{
		"serve":       {"run the server (default)", p.RunServer},
		"healthcheck": {"exit with 0 if the server is ready; [URL]", CheckHealth},
		"version":     {"print the version", p.version},
		"help":        {"print this", p.help},
	}
	maps.Copy(all, p.Commands)
	return all
}

// RunServer is the command serve: it runs the server until ctx ends, which is no error.
func (p Program) RunServer(ctx context.Context, call Call) error {
	if len(call.Args) > 0 {
		return fmt.Errorf("%w: serve takes none", ErrUsage)
	}
	for _, remark := range call.Settings.Remarks {
		call.Log.Warn("about the configuration", "key", remark.Key, "remark", remark.Problem)
	}
	defer heedLevelSignal(call.Log)()
	call.Stages = NewStages()
	err := p.ends(ctx, call)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped as asked
	}
	return err
}

// ends runs the server, and gives it up when it is to end and does not do so in time.
func (p Program) ends(ctx context.Context, call Call) error {
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx, call) }() // ends with the process at the latest
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	case <-call.Stages.ending: // by itself
	}
	limit := time.NewTimer(call.Settings.Timing.Shutdown)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		return fmt.Errorf("the stop took longer than %sSHUTDOWN_TIMEOUT (%v) and was given up: still running: %s",
			settings.Prefix, call.Settings.Timing.Shutdown, call.Stages)
	}
}

// CheckHealth is the command healthcheck: it asks the server of this configuration, or the URL that it is given.
func CheckHealth(ctx context.Context, call Call) error {
	switch len(call.Args) {
	case 0:
		return Healthcheck(ctx, ReadyURL(call.Settings.OperatorAddress()))
	case 1:
		return Healthcheck(ctx, call.Args[0])
	default:
		return fmt.Errorf("%w: healthcheck takes one URL at most", ErrUsage)
	}
}

func (p Program) version(_ context.Context, call Call) error {
	_, err := fmt.Fprintln(call.Out, p.VersionLine())
	return err
}

// VersionLine says in one line what is running.
func (p Program) VersionLine() string {
	build := Build(p.Version)
	return strings.TrimSpace(strings.Join([]string{p.Name, build.Version, build.Go, build.Revision}, " "))
}

func (p Program) help(_ context.Context, call Call) error {
	_, err := io.WriteString(call.Out, p.usage())
	return err
}

// configError marks what Load returned.
type configError struct{ error }

func (e *configError) Unwrap() error { return e.error }

// Report writes an error, one line for each fault, and returns the exit code.
func (p Program) Report(err error, errOut io.Writer) int {
	if err == nil {
		return ExitOK
	}
	code := ExitFailed
	var config *configError
	var fault settings.Fault
	switch {
	case errors.As(err, &fault): // whoever came upon it
		err, code = fault, ExitUsage
	case errors.As(err, &config) || errors.Is(err, ErrUsage):
		code = ExitUsage
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(errOut, "%s: %s\n", p.Name, line) //nolint:errcheck // nobody left to tell
	}
	return code
}

func (p Program) usage() string {
	var text strings.Builder
	fmt.Fprintf(&text, "usage: %s [--config FILE | --ini FILE | -i FILE] [--version | -v] [command]\n\ncommands:\n", p.Name)
	all := p.commands()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "  %-12s %s\n", name, all[name].Doc)
	}
	fmt.Fprintf(&text, "\nThe environment (%s...) wins over the ini file.\n", settings.Prefix)
	return text.String()
}
