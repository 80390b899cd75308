// Command infra writes the cloud assembly of a deployment: the CloudFormation template and what goes with it. It needs
// Node.js, and neither a network nor an AWS account.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/jsii-runtime-go"

	"zapas/infra/check"
	"zapas/infra/settings"
	"zapas/infra/stack"
)

func main() { os.Exit(start(os.Args[1:])) }

// quiet makes CDK's runtime say nothing of the age of a Node that serves it well. It looks at its environment before main
// begins, so that another process must be started with it.
const quiet, versions = "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23"

// start answers the program's exit status.
func start(args []string) int {
	defer jsii.Close()          // which removes what the runtime has unpacked, used or not
	if os.Getenv(quiet) == "" { //nolint:forbidigo // see above
		return again(args)
	}
	if err := run(args, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		return 1
	}
	return 0
}

// again starts this program once more, quietly.
func again(args []string) int {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "infra: this program does not find itself: set", quiet+"="+versions, "and try again:", err)
		return 1
	}
	same := exec.Command(self, args...) //nolint:noctx,gosec // it is this very program with its own arguments, and ends with its group
	same.Env = append(os.Environ(), quiet+"="+versions)
	same.Stdin, same.Stdout, same.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = same.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok { // it has said why
		return ended.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		return 1
	}
	return 0
}

func run(args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("infra", flag.ContinueOnError)
	file := flags.String("settings", filepath.Join("infra", "settings.json"), "the organisation's settings")
	dist := flags.String("dist", "dist", "the folder of the compiled functions")
	to := flags.String("out", "cdk.out", "the folder to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := settings.Read(*file)
	if err != nil {
		return err
	}
	cfg := stack.Config{Settings: s, Dist: *dist, Out: *to, Strict: true}
	if err := cfg.Ready(stack.NodeVersion); err != nil {
		return err
	}
	defer func() { // CDK speaks of what is wrong by panics
		if p := recover(); p != nil {
			err = errors.New(strings.TrimSpace(fmt.Sprint(p)))
		}
	}()
	app, _ := cfg.App()
	app.Synth(nil)
	made := filepath.Join(*to, s.Stack()+".template.json")
	b, err := os.ReadFile(made)
	if err != nil {
		return err
	}
	if err := check.Verify(b); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: nothing amiss\n", made)
	return err
}
