// Command localstack runs all of Zapas on this machine: it starts what stands in for AWS and the development issuer on
// loopback, and the functions' binaries that were built beside it, and plays the main job on sample phones. It does not
// know what the functions do: it starts their binaries, as Lambda would.
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
)

// tale is what is played, the same file that the tests play.
const tale = "functions/testdata/story/main_job.txt"

type options struct {
	once             bool
	dir              string
	apiPort, awsPort string
}

func main() {
	var o options
	flag.BoolVar(&o.once, "once", false, "play the story in a folder of its own, on any free ports, and end")
	flag.StringVar(&o.dir, "dir", ".zapas", "where everything is kept")
	flag.StringVar(&o.apiPort, "api-port", "7420", "port of the API and of sign-in")
	flag.StringVar(&o.awsPort, "aws-port", "7421", "port of what stands in for AWS")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "zapas: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
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
	s, log, err := start(o, programs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), log.Close()) }()
	fmt.Fprintf(out, "Running on this machine alone: API and sign-in %s, AWS stand-in %s, log %s\n", s.URL, s.AWSURL, log.Name())
	if err := play(story.Teller{Stack: s, Phone: programs.Phone, Out: out}, root, o); err != nil {
		return err
	}
	if !o.once {
		fmt.Fprintf(out, "\nServing until Ctrl-C. A token for curl: curl -s %s/oidc/token -d grant_type=urn:zapas:development -d user=anna\n", s.URL)
		fmt.Fprintf(out, "What is stored stays in %s; make reset removes it.\n", o.dir)
		<-ctx.Done()
	}
	return nil
}

// start brings the stack up; what the functions print goes to a file.
func start(o options, programs build.Programs) (*stack.Stack, *os.File, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(o.dir, "stack.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	s, err := stack.Start(stack.Config{Dir: o.dir, Programs: programs, API: "127.0.0.1:" + o.apiPort, AWS: "127.0.0.1:" + o.awsPort,
		Log: log, Sync: !o.once, Now: time.Now})
	if err != nil {
		return nil, nil, errors.Join(err, log.Close())
	}
	return s, log, nil
}

// play shows the main job, once for each data folder.
func play(t story.Teller, root string, o options) error {
	mark := filepath.Join(o.dir, "story-played")
	if at, err := os.ReadFile(mark); err == nil {
		fmt.Fprintf(t.Out, "The story was played here %s; make reset, then make run, plays it anew.\n", at)
		return nil
	}
	if err := t.Play(filepath.Join(root, filepath.FromSlash(tale))); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(time.Now().UTC().Format(time.RFC3339)), 0o600)
}
