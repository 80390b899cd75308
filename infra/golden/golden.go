// Package golden holds the CloudFormation template of a deployment with infra/settings.json, as infra makes it. It does not
// know how it is made: whoever reads it needs neither CDK nor Node.
//
// It differs from what is deployed in one thing: a function's code is named <function>.zip, not by what is in it.
package golden

import (
	_ "embed"
)

//go:embed zapas.template.json
var template []byte

// Template is the template as JSON.
func Template() []byte { return template }
