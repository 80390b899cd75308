// Command show prints what a deployment's settings say of where it is: its stack, tenant, region or account. It does not
// know what is deployed, and needs neither CDK nor Node.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"zapas/infra/settings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "show:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("show", flag.ContinueOnError)
	file := flags.String("settings", filepath.Join("infra", "settings.json"), "the organisation's settings")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := settings.Read(*file)
	if err != nil {
		return err
	}
	values := map[string]string{"stack": s.Stack(), "tenant": s.Tenant, "region": s.Region, "account": s.Account}
	value, known := values[flags.Arg(0)]
	if !known || flags.NArg() != 1 {
		return fmt.Errorf("%q is not one of stack, tenant, region and account: name one", flags.Args())
	}
	_, err = fmt.Fprintln(out, value)
	return err
}
