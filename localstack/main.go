// Command localstack runs all of Zapas on this machine: it starts what stands in for AWS and the development issuer on
// loopback, and the functions' binaries that were built beside it, and plays stories on sample phones. It does not know
// what the functions do: it starts their binaries, as Lambda would.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"zapas/localstack/build"
	"zapas/localstack/stack"
	"zapas/localstack/story"
	"zapas/localstack/tour"
)

type options struct {
	once, story      bool
	befalls          string
	dir              string
	apiPort, awsPort string
}

func main() {
	var o options
	options := flag.NewFlagSet("localstack", flag.ExitOnError) // not the program's own, to which the story player adds those of tests
	options.BoolVar(&o.once, "once", false, "play the story in a folder of its own, on any free ports, and end")
	options.BoolVar(&o.story, "story", true, "play the story, or another day of it")
	options.StringVar(&o.befalls, "befalls", "", "what befalls the N-th call of AWS, to see what survives: N:die, this process, when the call has taken effect; N:full, the disk, from then on")
	options.StringVar(&o.dir, "dir", ".zapas", "where everything is kept")
	options.StringVar(&o.apiPort, "api-port", "7420", "port of the API and of sign-in")
	options.StringVar(&o.awsPort, "aws-port", "7421", "port of what stands in for AWS")
	_ = options.Parse(os.Args[1:]) // exits by itself
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "zapas: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, errs io.Writer) (err error) {
	root, err := build.Root()
	if err != nil {
		return err
	}
	if o.once {
		if o.dir, err = os.MkdirTemp("", "zapas-once-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
		o.apiPort, o.awsPort = "0", "0"
	} else if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	programs := build.In(filepath.Dir(own))
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	var way *tour.Tour // nil: without a story
	if o.story {
		if way, err = tour.In(o.dir, out); err != nil {
			return err
		}
	}
	s, log, err := start(o, programs, errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), log.Close()) }()
	fmt.Fprintf(out, "Running on this machine alone: API and sign-in %s, AWS stand-in %s, log %s\n", s.URL, s.AWSURL, log.Name())
	if way != nil {
		ended, err := play(ctx, way, story.Teller{Stack: s, Phone: programs.Phone, Out: out}, root)
		if err != nil && !o.once && way.Played(s.URL) { // what is kept can be looked at all the same
			fmt.Fprintf(out, "\nThe story does not go on: %v\n", err)
			err = nil
		}
		if err != nil || !ended || o.once {
			return err
		}
	}
	return serve(ctx, out, way, tour.Place{Root: root, Data: o.dir, Device: device(programs), API: s.URL})
}

// play plays what comes next; ended is false when the person has had enough before.
func play(ctx context.Context, way *tour.Tour, teller story.Teller, root string) (ended bool, err error) {
	played := make(chan error, 1)
	go func() { played <- way.Play(teller, root) }()
	select {
	case err := <-played:
		return true, err
	case <-ctx.Done():
		fmt.Fprintln(teller.Out, "\nInterrupted; the next make run plays this story again.")
		return false, nil
	}
}

// serve tells what can be tried, and waits for the end.
func serve(ctx context.Context, out io.Writer, way *tour.Tour, here tour.Place) error {
	if way != nil && way.Played(here.API) {
		fmt.Fprintln(out, "\nTry it yourself: paste this into bash in another terminal.")
		fmt.Fprintln(out)
		if err := tour.Try(out, here); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\nServing until Ctrl-C. What is stored stays in %s, and the next make run plays another day; make reset removes it.\n", here.Data)
	<-ctx.Done()
	return nil
}

// device is zapas-device by its own name, where make run has given it one.
func device(p build.Programs) string {
	if named := filepath.Join(filepath.Dir(p.Phone), "zapas-device"); exists(named) {
		return named
	}
	return p.Phone
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// start brings the stack up; what the functions print goes to a file.
func start(o options, programs build.Programs, errs io.Writer) (*stack.Stack, *os.File, error) {
	b, err := parseBefall(o.befalls)
	if err != nil {
		return nil, nil, err
	}
	log, err := os.OpenFile(filepath.Join(o.dir, "stack.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	s, err := stack.Start(stack.Config{Dir: o.dir, Programs: programs, API: "127.0.0.1:" + o.apiPort, AWS: "127.0.0.1:" + o.awsPort,
		Log: log, Errors: errs, Sync: !o.once, Now: time.Now, Around: b.around})
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return s, log, nil
}
