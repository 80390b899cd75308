// Command infra writes the cloud assembly of a deployment: the CloudFormation template and what goes with it. It needs
// Node.js, and neither a network nor an AWS account.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/jsii-runtime-go"

	"zapas/infra/settings"
	"zapas/infra/stack"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
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
	if err := cfg.Ready(stack.LookPath); err != nil {
		return err
	}
	for name, v := range cfg.Environment() {
		if err := os.Setenv(name, v); err != nil {
			return err
		}
	}
	defer jsii.Close()
	defer func() { // CDK speaks of what is wrong by panics
		if p := recover(); p != nil {
			err = errors.New(strings.TrimSpace(fmt.Sprint(p)))
		}
	}()
	app, _ := cfg.App()
	app.Synth(nil)
	fmt.Fprintf(out, "%s: the template of %s\n", filepath.Join(*to, stack.Name(s)+".template.json"), stack.Name(s))
	return nil
}
