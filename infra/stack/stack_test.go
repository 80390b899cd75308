package stack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"github.com/google/go-cmp/cmp"

	"zapas/infra/check"
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
		cfg, err := configure(dir, file)
		if err != nil {
			return err
		}
		m := made{}
		m.app, m.stack = cfg.App()
		cdk.Aspects_Of(m.app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)
		m.app.Synth(nil)
		b, err := os.ReadFile(filepath.Join(cfg.Out, cfg.Settings.Stack()+".template.json"))
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

// configure readies a deployment; what a function does is nothing to its template.
func configure(dir, file string) (stack.Config, error) {
	s, err := settings.Read(file)
	cfg := stack.Config{Settings: s, Dist: filepath.Join(dir, "dist"), Out: filepath.Join(dir, filepath.Base(file)), Strict: true}
	for _, f := range stack.Functions {
		if err == nil {
			err = os.MkdirAll(filepath.Join(cfg.Dist, f), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(cfg.Dist, f, "bootstrap"), []byte(f), 0o600)
		}
	}
	if err == nil {
		err = cfg.Ready(stack.NodeVersion)
	}
	return cfg, err
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

// TestEverySetting: each setting is in the template that it is for.
func TestEverySetting(t *testing.T) {
	b, err := json.Marshal(deployments[every].template)
	if err != nil {
		t.Fatal(err)
	}
	template, err := check.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check.All() {
		for _, wrong := range c.Run(template) {
			t.Errorf("%s: %s", c.Name, wrong)
		}
	}
	has := func(id, want string) {
		t.Helper()
		got, err := json.Marshal(template.Resources[id].Properties)
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s has no %s: %s", id, want, got)
		}
	}
	has("Authorizer", `"JwtConfiguration":{"Audience":["zapas-console","zapas-tools"],"Issuer":"https://login.acme.example/realms/acme"}`)
	has("FunctionDevices", `"ZAPAS_GROUPS_CLAIM":"roles"`)
	has("FunctionDevices", `"ZAPAS_ROLES":"{\"helpdesk\":\"operator\",\"it-admins\":\"admin\",\"works-council\":\"auditor\"}"`)
	has("FunctionDevices", `"ZAPAS_API":"https://backup.acme.example"`)
	has("FunctionSessions", `"ZAPAS_QUOTA":"107374182400"`)
	has("FunctionUploads", `\"bucket\":\"${LocationEuX2}\",\"id\":\"eu-2\",\"name\":\"Frankfurt, subsidiaries\"`)
	has("Api", `"AllowOrigins":["https://backup.acme.example"]`)
	has("Distribution", `"Aliases":["backup.acme.example"]`)
	has("Distribution", `"MinimumProtocolVersion":"TLSv1.2_2021"`)
	has("ConsoleHeaders", `connect-src 'self' https://login.acme.example;`)
	has("AlarmsByMail", `"Endpoint":"backup-alarms@acme.example"`)
	has("LogsUploads", `"RetentionInDays":365`)
	has("Stage", `"ThrottlingBurstLimit":1000,"ThrottlingRateLimit":500`)
	has("Trail", `AWS::S3::Object`)
	has("Trail", `{"Fn::Sub":"${LocationEuX2.Arn}/"}`)
	for _, id := range []string{"UserPool", "UserPoolClient", "UserPoolDomain"} {
		if _, ok := template.Resources[id]; ok {
			t.Errorf("%s is made beside an issuer", id)
		}
	}
	if _, ok := template.Resources["FunctionSessions"].Properties["ReservedConcurrentExecutions"]; ok {
		t.Error("a limit that is not set is made")
	}
}

// TestIntrinsics: a template says no more than Ref, Fn::GetAtt and Fn::Sub of one argument, which is all that the local
// stack has to understand.
func TestIntrinsics(t *testing.T) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, below := range v {
				_, one := below.(string)
				if strings.HasPrefix(name, "Fn::") && name != "Fn::GetAtt" && (name != "Fn::Sub" || !one) {
					t.Errorf("%s uses %s", at, name)
				}
				walk(at+"/"+name, below)
			}
		case []any:
			for i, below := range v {
				walk(fmt.Sprintf("%s/%d", at, i), below)
			}
		}
	}
	for name, m := range deployments {
		walk(name, m.template)
		for section := range m.template {
			if section != "Description" && section != "Resources" && section != "Outputs" {
				t.Errorf("%s has the section %s", name, section)
			}
		}
	}
}

// TestReady: what is missing is said in one sentence with its remedy.
func TestReady(t *testing.T) {
	dist := t.TempDir()
	says := func(version string) func() (string, error) {
		return func() (string, error) { return version, nil }
	}
	there := says("v20.0.0\n")
	gone := func() (string, error) { return "", exec.ErrNotFound }
	cfg := stack.Config{Dist: dist}
	if err := cfg.Ready(gone); err == nil || !strings.Contains(err.Error(), "install Node 20") {
		t.Errorf("without Node: %v", err)
	}
	for _, old := range []string{"v19.9.9\n", "v8.1.0\n", "20\nsomething", "", "vx.1"} {
		if err := cfg.Ready(says(old)); err == nil || !strings.Contains(err.Error(), "install Node 20") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Node %q: %v", old, err)
		}
	}
	if err := cfg.Ready(there); err == nil || !strings.Contains(err.Error(), "make build") || !strings.Contains(err.Error(), filepath.Join(dist, "profiles", "bootstrap")) {
		t.Errorf("without functions: %v", err)
	}
}
