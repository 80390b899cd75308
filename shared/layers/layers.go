// Package layers knows who may import whom in this house, and why. Its test reads every file's imports, and nothing else
// of it; it does not know what the packages do.
package layers

import "strings"

// Rule is one wall of the house.
type Rule struct {
	Name   string
	Why    string
	From   func(pkg string) bool // the packages that it binds
	Except func(pkg string) bool // of which these are free; nil: none
	To     func(pkg string) bool // what they may not import
	Tests  bool                  // it binds test files too
}

const house = "zapas/"

// under reports whether pkg is one of the trees or below one.
func under(trees ...string) func(string) bool {
	return func(pkg string) bool {
		for _, t := range trees {
			if pkg == t || strings.HasPrefix(pkg, t+"/") {
				return true
			}
		}
		return false
	}
}

// ours is every package of the house that keep refuses.
func oursBut(keep ...string) func(string) bool {
	kept := under(keep...)
	return func(pkg string) bool { return strings.HasPrefix(pkg, house) && !kept(pkg) }
}

func everything(string) bool { return true }

// Rules are all walls. Each has a name under which the test runs it.
var Rules = []Rule{
	{
		Name: "OnlyDeviceOpensContent", Tests: true,
		Why:  "the privacy promise is a missing edge: nobody but the device can import what reads or seals content",
		From: everything, Except: under("zapas/device"), To: under("zapas/device/internal"),
	},
	{
		Name: "OnlyAdaptersSpeakToAWS",
		Why:  "rules and handlers stay free of the cloud's client; test support may hold it, and so must what makes tables elsewhere, by calls",
		From: everything,
		Except: under("zapas/shared/aws", "zapas/functions/profiles", "zapas/functions/devices", "zapas/functions/sessions",
			"zapas/functions/uploads", "zapas/functions/restores", "zapas/functions/triggers", "zapas/localstack/standin/standintest", "zapas/localstack/conformance",
			"zapas/localstack/outside"),
		To: under("github.com/aws/aws-sdk-go-v2"),
	},
	{
		Name: "OnlyFunctionsMeetLambda",
		Why:  "what a function is called by is its own matter",
		From: everything, Except: under("zapas/functions"), To: under("github.com/aws/aws-lambda-go"),
	},
	{
		Name: "OnlyInfraMeetsCDK", Tests: true,
		Why:  "nothing but infra's own tests pays for compiling CDK",
		From: everything, Except: under("zapas/infra"), To: under("github.com/aws/aws-cdk-go", "github.com/aws/jsii-runtime-go", "github.com/cdklabs"),
	},
	{
		Name: "PermissionsKnowNoCDK", Tests: true,
		Why:  "settings, permissions, checks and the template are data, which everybody can read without compiling CDK",
		From: under("zapas/infra/settings", "zapas/infra/policy", "zapas/infra/check", "zapas/infra/golden"),
		To:   under("github.com/aws/aws-cdk-go", "github.com/aws/jsii-runtime-go", "github.com/cdklabs", "zapas/infra/stack"),
	},
	{
		Name: "NobodyElseMakesTheStack", Tests: true,
		Why:  "whoever imports the stack compiles CDK; the template that it makes is in infra/golden",
		From: everything, Except: under("zapas/infra"), To: under("zapas/infra/stack"),
	},
	{
		Name: "NobodyImportsFunctions", Tests: true,
		Why:  "functions are programs: the local stack starts their binaries, infra names their folders",
		From: everything, Except: under("zapas/functions", "zapas/device"), To: under("zapas/functions"),
	},
	{
		Name: "DeviceKnowsTheAPIAlone",
		Why:  "a phone talks to the contract, not to what is behind it",
		From: under("zapas/device"), To: oursBut("zapas/device", "zapas/shared/api"),
	},
	{
		Name: "ItemsAreTheBottomOfAPhone",
		Why:  "every package of the device speaks of items, so they may know none of it",
		From: under("zapas/device/internal/item"), To: oursBut(),
	},
	{
		Name: "FilesKnowNoContent",
		Why:  "what keeps a user's files whole must do so whatever is in them",
		From: under("zapas/device/internal/infile", "zapas/device/internal/outfile"), To: oursBut(),
	},
	{
		Name: "WhatAPhoneShowsKnowsNoBackup",
		Why:  "what reads and writes the files that stand for a phone does so whatever becomes of the items",
		From: under("zapas/device/android", "zapas/device/vcard", "zapas/device/sample", "zapas/device/cli/export"),
		To: under("zapas/device/internal/pack", "zapas/device/internal/unpack", "zapas/device/internal/gather", "zapas/device/internal/rebuild",
			"zapas/device/internal/seal", "zapas/device/internal/index", "zapas/device/internal/remote", "zapas/device/internal/state"),
	},
	{
		Name: "MatchingKnowsItemsAlone",
		Why:  "whether a phone holds an item already is decided by the two items, wherever they come from and go to",
		From: under("zapas/device/internal/match"), To: oursBut("zapas/device/internal/item"),
	},
	{
		Name: "RecallKnowsNoDisk",
		Why:  "what a phone remembers is the same whether it is read from its own disk or again from its backup",
		From: under("zapas/device/internal/recall", "zapas/device/internal/rebuild"),
		To:   under("zapas/device/internal/state", "zapas/device/internal/pack", "zapas/device/internal/gather", "zapas/device/internal/remote"),
	},
	{
		Name: "TheContractImportsNothingOfOurs", Tests: true,
		Why:  "everyone may import the contract, so it may import nobody",
		From: under("zapas/shared/api"), To: oursBut("zapas/shared/api"),
	},
	{
		Name: "FaultsAreTheBottom",
		Why:  "every noun fails by them",
		From: under("zapas/shared/fault"), To: oursBut(),
	},
	{
		Name: "CallersAreTheBottom",
		Why:  "every noun decides by them",
		From: under("zapas/shared/caller"), To: oursBut(),
	},
	{
		Name: "EventsKnowCallersAlone",
		Why:  "every noun may tell what has happened, so what is told may know none of them",
		From: under("zapas/shared/event"), To: oursBut("zapas/shared/caller"),
	},
	{
		Name: "VaultKnowsNoOtherNoun",
		Why:  "the protocol stands alone, so that it can be checked alone",
		From: under("zapas/shared/vault"), To: oursBut("zapas/shared/caller", "zapas/shared/fault"),
	},
	{
		Name: "NounsKnowNoAdapter",
		Why:  "rules declare the stores that they need; adapters implement them",
		From: under("zapas/shared/audit", "zapas/shared/profile", "zapas/shared/fleet", "zapas/shared/restore", "zapas/shared/idempotency"),
		To:   oursBut("zapas/shared/caller", "zapas/shared/fault", "zapas/shared/audit", "zapas/shared/event", "zapas/shared/profile", "zapas/shared/vault"),
	},
	{
		Name: "SharedKnowsNobodyAbove",
		Why:  "what two functions share knows neither of them, nor devices, nor what stands in for AWS",
		From: under("zapas/shared"), To: under("zapas/functions", "zapas/device", "zapas/infra", "zapas/localstack", "zapas/console"),
	},
	{
		Name: "FunctionsKnowNoDevice",
		Why:  "no function can hold the code of a phone",
		From: under("zapas/functions"), To: under("zapas/device", "zapas/infra", "zapas/localstack"),
	},
	{
		Name: "StandInKnowsNoProduct",
		Why:  "what plays AWS must not know what it is played for",
		From: under("zapas/localstack/standin"), To: oursBut("zapas/localstack/standin"),
	},
	{
		Name: "TemplateKnowsNoProduct",
		Why:  "what reads a template must take it at its word, whatever the product would like to find there",
		From: under("zapas/localstack/template"), To: oursBut("zapas/localstack/standin", "zapas/localstack/template"),
	},
}
