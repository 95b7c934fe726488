// Package commands is the command line of the program channelstream: it runs the server, and it asks one that runs, by the
// HTTP API, to publish, to tell who is where, to listen, to change channels and to send clients away.
//
// What a person reads goes to the output in aligned columns, or with --json as JSON; notices and errors go to the error
// output. The exit code is 0 when all was done, 1 when something failed, and 2 for wrong arguments or a configuration that does
// not hold: trying again does not help then.
package commands

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/channelstream/channelstream/shared/serve"
)

const name = "channelstream"

// Program is what the command line works with.
type Program struct {
	Version     string
	Environ     []string // as from os.Environ
	In          io.Reader
	Out, ErrOut io.Writer
}

// Main runs a command by its arguments, without the program's name, until it ends or ctx does. It returns the exit code.
func (p Program) Main(ctx context.Context, args []string) int {
	signal.Ignore(syscall.SIGPIPE) // whoever read the output has gone, which the next write says
	ctx, stop := serve.SignalContext(ctx)
	defer stop()
	l := &line{Program: p}
	l.server = serve.Program{Name: name, Version: p.Version, Serve: l.run}
	root := l.root()
	root.SetArgs(spelled(args))
	return l.server.Report(root.ExecuteContext(ctx), p.ErrOut)
}

// The package flag of Go, and so this program, took words behind a single dash and letters behind two.
var (
	word   = regexp.MustCompile(`^-(config|ini|version|help)(=|$)`)
	letter = regexp.MustCompile(`^--[ivh](=|$)`)
)

// spelled writes such flags as they are written now.
func spelled(args []string) []string {
	now := make([]string, 0, len(args)) // not nil, which would be the arguments of the process to cobra
	for i, arg := range args {
		if arg == "--" {
			return append(now, args[i:]...)
		}
		switch {
		case word.MatchString(arg):
			arg = "-" + arg
		case letter.MatchString(arg):
			arg = arg[1:]
		}
		now = append(now, arg)
	}
	return now
}

// line is one command line.
type line struct {
	// set at construction
	Program
	server serve.Program

	// set by flags
	ini  string
	url  string
	json bool
}

// The two groups of commands in the help.
const (
	groupServer = "server"
	groupAsk    = "ask"
)

func (l *line) root() *cobra.Command {
	root := &cobra.Command{
		Use: name, Short: "A push server: an app posts messages, clients get them at once",
		Long: "A push server: an app posts messages over signed HTTP, and browsers and devices get them at once.\n" +
			"Without a command it runs the server. The environment (CHANNELSTREAM_...) wins over the ini file.\n" +
			"Exit codes: 0 all was done, 1 something failed, 2 wrong arguments or configuration.",
		SilenceErrors: true, SilenceUsage: true,
		Args: l.known,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.runServer(cmd, nil) },
	}
	root.SetIn(l.In)
	root.SetOut(l.Out)
	root.SetErr(l.ErrOut)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&l.ini, "config", "", "ini `FILE`")
	flags.StringVarP(&l.ini, "ini", "i", "", "ini `FILE`, as the Python original names it")
	root.AddGroup(&cobra.Group{ID: groupServer, Title: "The server:"}, &cobra.Group{ID: groupAsk, Title: "Ask a server that runs:"})
	help := helpCommand()
	root.SetHelpCommand(help)
	l.add(root, groupServer, l.serveCommand(), l.healthcheckCommand(), l.signCommand(), l.versionCommand(), completionCommand(), help)
	l.add(root, groupAsk, l.asking()...)
	root.SetVersionTemplate("{{.Version}}\n")
	root.Version = l.server.VersionLine()
	return root
}

// add puts commands into a group. Each of them takes --version, as the program does.
func (l *line) add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, command := range commands {
		command.GroupID, command.Version = group, l.server.VersionLine()
		command.DisableFlagsInUseLine = true
		if command.ValidArgsFunction == nil && command.ValidArgs == nil {
			command.ValidArgsFunction = cobra.NoFileCompletions
		}
		root.AddCommand(command)
	}
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain the program, or a command",
		Args: takes(0, 1, "one command at most"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			var fit []string
			for name := range commandNames(cmd.Root()) {
				if len(args) == 0 && strings.HasPrefix(name, begun) {
					fit = append(fit, name)
				}
			}
			return fit, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return serve.UnknownCommand(name, args[0], commandNames(cmd.Root()))
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

// known lets the program run without a command, and refuses one that it does not have.
func (l *line) known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return serve.UnknownCommand(name, args[0], commandNames(cmd))
}

func commandNames(cmd *cobra.Command) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, c := range cmd.Commands() {
			if !c.Hidden && !yield(c.Name()) {
				return
			}
		}
	}
}

// usage is an error of who wrote the command line.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", serve.ErrUsage, fmt.Errorf(format, args...))
}

// takes is the rule of a command for its arguments: from least to most of them, any number if most is negative. what says
// which they are.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usage("%s takes %s", cmd.Name(), what)
		}
		return nil
	}
}

// load is what the configuration says.
func (l *line) load(ctx context.Context, args []string) (serve.Call, error) {
	call, err := serve.Load(ctx, l.Environ, l.ini, l.Out, l.ErrOut)
	call.Args = args
	return call, err
}
