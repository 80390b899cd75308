package stack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"

	"zapas/infra/settings"
	"zapas/infra/stack"
)

var update = flag.Bool("update", false, "write the golden template as it is made now")

// made is a deployment's app, made once for all tests.
type made struct {
	app      cdk.App
	stack    cdk.Stack
	template map[string]any
}

// The deployments that are tested: the default, and one that uses every setting.
const standard, every = "../settings.json", "testdata/every.settings.json"

var deployments = map[string]made{}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		defer jsii.Close()
		dir, err := os.MkdirTemp("", "zapas-infra")
		if err == nil {
			defer os.RemoveAll(dir)
			err = makeAll(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func makeAll(dir string) error {
	for _, file := range []string{standard, every} {
		s, err := settings.Read(file)
		if err != nil {
			return err
		}
		cfg := stack.Config{Settings: s, Dist: filepath.Join(dir, "dist"), Out: filepath.Join(dir, filepath.Base(file))}
		for _, f := range stack.Functions { // what a function does is nothing to the template
			if err := os.MkdirAll(filepath.Join(cfg.Dist, f), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(cfg.Dist, f, "bootstrap"), []byte(f), 0o600); err != nil {
				return err
			}
		}
		if err := cfg.Ready(stack.LookPath); err != nil {
			return err
		}
		for name, v := range cfg.Environment() {
			if err := os.Setenv(name, v); err != nil {
				return err
			}
		}
		m := made{}
		m.app, m.stack = cfg.App()
		m.app.Synth(nil)
		b, err := os.ReadFile(filepath.Join(cfg.Out, stack.Name(s)+".template.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &m.template); err != nil {
			return err
		}
		codes(m.template)
		deployments[file] = m
	}
	return nil
}

// codes gives each function's code the function's name in the place of its hash.
func codes(template map[string]any) {
	for id, r := range template["Resources"].(map[string]any) {
		if r := r.(map[string]any); r["Type"] == "AWS::Lambda::Function" {
			r["Properties"].(map[string]any)["Code"].(map[string]any)["S3Key"] = strings.ToLower(strings.TrimPrefix(id, "Function")) + ".zip"
		}
	}
}

// TestGolden: the template that is kept is the one that is made; -update makes it so.
func TestGolden(t *testing.T) {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(deployments[standard].template); err != nil {
		t.Fatal(err)
	}
	const kept = "../golden/zapas.template.json"
	if *update {
		if err := os.WriteFile(kept, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("the template is another (+) than the one kept (-); if it should be, go test ./infra/stack -update, and read the difference:\n%s", d)
	}
}
