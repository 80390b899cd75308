// Package stack knows of which AWS resources a deployment consists, and how they are joined. It does not know who may do
// what with them, which package policy says, nor what an organisation chose, which package settings reads.
//
// Resources are made at CDK's lowest level. The higher ones add policies, functions and resources of their own, wider than
// what is asked for; here the template holds what is written, and no more. Logical ids are the ids given here.
package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	cdk "github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/policy"
	"zapas/infra/settings"
)

// Config is a deployment to be described.
type Config struct {
	Settings settings.Settings
	Dist     string // the folder with <function>/bootstrap
	Out      string // the folder for the cloud assembly
	Strict   bool   // findings of CDK's own validator are errors
}

// Functions are the programs that are deployed, by the folders below functions/.
var Functions = slices.Concat(answering, []string{scheduled})

// answering are those that the API calls; scheduled is the one that schedules call.
var answering = []string{"profiles", "devices", "sessions", "uploads", "restores"}

const scheduled = "triggers"

// Ready says what CDK misses on this machine, in one sentence with its remedy. It asks Node for its version.
func (c Config) Ready(node func() (version string, err error)) error {
	const remedy = "install Node 20 or later, or put its folder on PATH, and try again"
	version, err := node()
	if err != nil {
		return fmt.Errorf("CDK needs Node.js, which does not run here: %s: %w", remedy, err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 20 {
		return fmt.Errorf("CDK needs Node 20 or later, and node --version says %.40q: %s", version, remedy)
	}
	for _, f := range Functions {
		if _, err := os.Stat(filepath.Join(c.Dist, f, "bootstrap")); err != nil {
			return fmt.Errorf("%s is missing: run make build first", filepath.Join(c.Dist, f, "bootstrap"))
		}
	}
	return nil
}

// NodeVersion asks the Node that CDK's runtime will start.
func NodeVersion() (string, error) {
	node := "node"
	if n := os.Getenv("JSII_NODE"); n != "" { //nolint:forbidigo // the runtime under CDK reads it itself
		node = n
	}
	b, err := exec.Command(node, "--version").Output() //nolint:noctx,gosec // it ends at once, and is what the runtime starts anyway
	return string(b), err
}

// App describes the deployment. Feature flags stand here and in no file, so that every way to synthesise gives the same.
func (c Config) App() (cdk.App, cdk.Stack) {
	app := cdk.NewApp(&cdk.AppProps{AnalyticsReporting: jsii.Bool(false), TreeMetadata: jsii.Bool(false), Outdir: text(c.Out), Context: &map[string]any{
		"@aws-cdk/core:validateAgainstDefaultRules": c.Strict,
		"aws:cdk:disable-asset-staging-context":     false,
	}})
	props := &cdk.StackProps{
		Description: text("Zapas: backups of a company's phones"), AnalyticsReporting: jsii.Bool(false), TerminationProtection: jsii.Bool(true),
		Synthesizer: cdk.NewDefaultStackSynthesizer(&cdk.DefaultStackSynthesizerProps{GenerateBootstrapVersionRule: jsii.Bool(false)}),
		Tags:        &map[string]*string{"zapas:tenant": text(c.Settings.Tenant)},
	}
	if c.Settings.Region != "" {
		props.Env = &cdk.Environment{Account: text(c.Settings.Account), Region: text(c.Settings.Region)}
	}
	s := cdk.NewStack(app, text(c.Settings.Stack()), props)
	d := &deployment{stack: s, settings: c.Settings, dist: c.Dist}
	d.keys()
	d.tables()
	d.logs()
	d.locations()
	d.roles()
	d.identityProvider()
	d.functions()
	d.api()
	d.console()
	d.trail()
	d.alarms()
	d.events()
	d.outputs()
	return app, s
}

// deployment is the stack while it is made.
type deployment struct {
	stack    cdk.Stack
	settings settings.Settings
	dist     string
}

// permissions are what policies depend on.
func (d *deployment) permissions() policy.Deployment {
	p := policy.Deployment{Tenant: d.settings.Tenant}
	for _, l := range d.settings.Locations {
		p.Locations = append(p.Locations, location(l.ID))
	}
	return p
}

// location is the logical id of a location's bucket, which has no room for a dash.
func location(id string) string {
	return "Location" + title(strings.ReplaceAll(id, "-", "X"))
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// text is a string of the template. It may name resources as policy.Value takes it.
func text(v string) *string {
	switch value := policy.Value(v).(type) {
	case map[string]any:
		if name, ok := value["Ref"].(string); ok {
			return cdk.Fn_Ref(&name)
		}
		if of, ok := value["Fn::GetAtt"].([]any); ok {
			return cdk.Fn_GetAtt(jsii.String(of[0].(string)), jsii.String(of[1].(string))).ToString()
		}
		return cdk.Fn_Sub(&v, nil)
	}
	return &v
}

func texts(list ...string) *[]*string {
	all := make([]*string, len(list))
	for i, v := range list {
		all[i] = text(v)
	}
	return &all
}

func number(n int) *float64 { return jsii.Number(float64(n)) }

// kept stays in the account when the stack goes: what it holds is nowhere else.
func kept(r cdk.CfnResource) {
	r.ApplyRemovalPolicy(cdk.RemovalPolicy_RETAIN, nil)
}

// after makes resources wait for others that they do not name.
func (d *deployment) after(r cdk.CfnResource, ids ...string) {
	for _, id := range ids {
		if other, ok := d.stack.Node().FindChild(text(id)).(cdk.CfnResource); ok {
			r.AddResourceDependency(other, nil)
		}
	}
}
