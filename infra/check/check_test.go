package check_test

import (
	"os"
	"strings"
	"testing"

	"zapas/infra/check"
	"zapas/infra/golden"
)

func read(t *testing.T) check.Template {
	t.Helper()
	template, err := check.Read(golden.Template())
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// TestGolden: everything that must be true of a deployment is true of the template that is kept.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, c := range check.All() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for _, wrong := range c.Run(read(t)) {
				t.Error(wrong)
			}
		})
	}
}

// TestRunbooks: whoever is woken by an alarm finds what to do under its name.
func TestRunbooks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for id, r := range read(t).Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		alarms++
		name := strings.TrimPrefix(id, "Alarm")
		for _, f := range []string{"Profiles", "Devices", "Sessions", "Uploads", "Restores", "Triggers"} {
			name = strings.TrimSuffix(name, f)
		}
		if !strings.Contains(string(page), "\n### "+name+"\n") {
			t.Errorf("README.md has no runbook %q", name)
		}
	}
	if alarms == 0 {
		t.Error("there is no alarm")
	}
}
