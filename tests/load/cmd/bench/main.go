// Bench measures this project beside the floor and the stock Socket.IO server and prints one table.
//
// It starts each contestant as the processes a user would run, drives it from a load generator in a process of its own,
// and does so in turns (A-B-A-B), so that a change of the machine's mood meets all alike. Every process runs on loopback and
// is ended by its id. It exits with 1 when a message was lost, duplicated or reordered, a socket was closed, or a run failed.
//
//	bench                                  everything, three rounds
//	bench -works paced,idle -contestants floor,all-in-one -rounds 1
//	bench -works paced,saturated -contestants before,all-in-one -before DIR
//	                                       this checkout beside another, in turns
//	bench -smoke                           a few seconds, only checks that nothing is lost
//	bench -write docs/benchmarks.md        writes the page too
//	bench -list                            what there is to choose from
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/channelstream/channelstream/tests/load/contestant"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	works, contestants string
	rounds             int
	duration, warmup   time.Duration
	smoke, list        bool
	shared             bool
	page, raw          string
	before             string
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == generateCommand {
		return generate(ctx, os.Stdin, os.Stdout)
	}
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.works, "works", "", "works to do, comma-separated (default all)")
	flags.StringVar(&o.contestants, "contestants", "", "contestants to measure, comma-separated (default those of -list without a star)")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; the table shows medians")
	flags.DurationVar(&o.duration, "duration", 0, "measured time of each run (default by work)")
	flags.DurationVar(&o.warmup, "warmup", 0, "time before it (default by work)")
	flags.BoolVar(&o.smoke, "smoke", false, "a few seconds, of the all-in-one where it will do, to see that nothing is lost")
	flags.BoolVar(&o.shared, "shared", false, "server and load share all processors, also in works that give each half of them")
	flags.BoolVar(&o.list, "list", false, "list works and contestants")
	flags.StringVar(&o.page, "write", "", "write the page with the table to this file")
	flags.StringVar(&o.raw, "raw", "", "append every run's result to this file, a JSON object a line")
	flags.StringVar(&o.before, "before", "", "another checkout of this project, which the contestant before is built from")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.list {
		list()
		return nil
	}
	return bench(ctx, o)
}

func list() {
	for _, w := range works() {
		fmt.Printf("work        %-18s %s\n", w.name, w.about)
	}
	for _, c := range contestant.All() {
		star := ""
		if !c.Default {
			star = " *"
		}
		fmt.Printf("contestant  %-18s %s\n", c.Name+star, c.About)
	}
}

// chosen returns the works and contestants that the options name.
func (o *options) chosen() ([]work, []contestant.Contestant, error) {
	all, picked := works(), o.contestants
	if o.smoke {
		all, o.rounds = smoke(), 1
		if picked == "" {
			all, picked = quick(all), contestant.AllInOne+","+contestant.Processes
		}
	}
	doing, err := pick(all, o.works, func(w work) (string, bool) { return w.name, true })
	if err != nil {
		return nil, nil, fmt.Errorf("choose works: %w", err)
	}
	for i := range doing {
		if o.duration > 0 {
			doing[i].load.Duration = o.duration
		}
		if o.warmup > 0 {
			doing[i].load.Warmup = o.warmup
		}
	}
	measured, err := pick(contestant.All(), picked, func(c contestant.Contestant) (string, bool) { return c.Name, c.Default })
	if err != nil {
		return nil, nil, fmt.Errorf("choose contestants: %w", err)
	}
	return doing, measured, nil
}

// pick returns those that names lists, or the default ones when it lists none, in the order of all.
func pick[T any](all []T, names string, about func(T) (name string, byDefault bool)) (picked []T, err error) {
	wanted := strings.FieldsFunc(names, func(r rune) bool { return r == ',' })
	var known []string
	for _, one := range all {
		name, byDefault := about(one)
		known = append(known, name)
		if slices.Contains(wanted, name) || len(wanted) == 0 && byDefault {
			picked = append(picked, one)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(known, ", "))
		}
	}
	return picked, nil
}
