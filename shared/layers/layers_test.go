package layers_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zapas/shared/layers"
)

// file is what one source file imports.
type file struct {
	path    string
	pkg     string // its import path
	test    bool
	imports []string
}

func files(t *testing.T) (all []file) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(p) != ".go":
			return nil
		}
		src, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := file{path: rel, pkg: path.Join("zapas", path.Dir(rel)), test: strings.HasSuffix(p, "_test.go")}
		for _, i := range src.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRules holds every import in the house against every rule.
func TestRules(t *testing.T) {
	t.Parallel()
	all := files(t)
	for _, r := range layers.Rules {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			bound := 0
			for _, f := range all {
				if !r.From(f.pkg) || r.Except != nil && r.Except(f.pkg) || f.test && !r.Tests {
					continue
				}
				bound++
				for _, i := range f.imports {
					if r.To(i) {
						t.Errorf("%s imports %s: %s", f.path, i, r.Why)
					}
				}
			}
			if bound == 0 {
				t.Error("the rule binds no file: its packages are gone or renamed")
			}
			t.Log(r.Why)
		})
	}
}

// TestRulesBite proves that each rule refuses something that somebody might write.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	tempting := map[string][2]string{
		"OnlyDeviceOpensContent":          {"zapas/functions/internal/sessions", "zapas/device/internal/seal"},
		"OnlyAdaptersSpeakToAWS":          {"zapas/shared/vault", "github.com/aws/aws-sdk-go-v2/service/s3"},
		"OnlyFunctionsMeetLambda":         {"zapas/shared/fleet", "github.com/aws/aws-lambda-go/events"},
		"OnlyInfraMeetsCDK":               {"zapas/localstack", "github.com/aws/aws-cdk-go/awscdk/v2"},
		"PermissionsKnowNoCDK":            {"zapas/infra/check", "zapas/infra/stack"},
		"NobodyElseMakesTheStack":         {"zapas/localstack/template", "zapas/infra/stack"},
		"NobodyImportsFunctions":          {"zapas/localstack", "zapas/functions/internal/gateway"},
		"DeviceKnowsTheAPIAlone":          {"zapas/device", "zapas/shared/vault"},
		"ItemsAreTheBottomOfAPhone":       {"zapas/device/internal/item", "zapas/device/internal/index"},
		"FilesKnowNoContent":              {"zapas/device/internal/infile", "zapas/device/internal/item"},
		"WhatAPhoneShowsKnowsNoBackup":    {"zapas/device/cli/export", "zapas/device/internal/seal"},
		"MatchingKnowsItemsAlone":         {"zapas/device/internal/match", "zapas/device/internal/unpack"},
		"RecallKnowsNoDisk":               {"zapas/device/internal/rebuild", "zapas/device/internal/state"},
		"TheContractImportsNothingOfOurs": {"zapas/shared/api", "zapas/shared/fault"},
		"EventsKnowCallersAlone":          {"zapas/shared/event", "zapas/shared/profile"},
		"FaultsAreTheBottom":              {"zapas/shared/fault", "zapas/shared/api"},
		"CallersAreTheBottom":             {"zapas/shared/caller", "zapas/shared/fault"},
		"VaultKnowsNoOtherNoun":           {"zapas/shared/vault", "zapas/shared/restore"},
		"NounsKnowNoAdapter":              {"zapas/shared/profile", "zapas/shared/aws/table"},
		"SharedKnowsNobodyAbove":          {"zapas/shared/aws/table", "zapas/localstack/standin"},
		"FunctionsKnowNoDevice":           {"zapas/functions/devices", "zapas/device"},
		"StandInKnowsNoProduct":           {"zapas/localstack/standin/s3", "zapas/shared/vault"},
		"TemplateKnowsNoProduct":          {"zapas/localstack/template", "zapas/infra/golden"},
	}
	for _, r := range layers.Rules {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			edge, ok := tempting[r.Name]
			if !ok {
				t.Fatal("nothing here tempts this rule")
			}
			if !r.From(edge[0]) || r.Except != nil && r.Except(edge[0]) || !r.To(edge[1]) {
				t.Errorf("%s may import %s", edge[0], edge[1])
			}
		})
	}
}
