package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits that AWS refuses to pass, half-way through a deployment: characters of a function's environment (Lambda quotas),
// of a role's inline policies (IAM and STS quotas) and of a filter's pattern (CloudWatch Logs quotas).
const (
	environmentAtMost = 4_096
	policyAtMost      = 10_240
	patternAtMost     = 1_024
)

var reference = regexp.MustCompile(`\$\{[A-Za-z0-9:.]+\}`)

// longest is a text with each reference as long as what it stands for can be, rounded up.
func longest(s string) string {
	return reference.ReplaceAllStringFunc(s, func(ref string) string {
		n := 64 // names that CloudFormation makes
		switch {
		case ref == "${AWS::AccountId}":
			n = 12
		case ref == "${AWS::Region}", ref == "${AWS::Partition}", ref == "${AWS::URLSuffix}":
			n = 14
		case ref == "${AWS::StackName}":
			n = 30
		case strings.HasSuffix(ref, "Key}"):
			n = 36
		case strings.HasSuffix(ref, "Key.Arn}"):
			n = 92
		case strings.HasSuffix(ref, ".Arn}"):
			n = 120
		}
		return strings.Repeat("x", n)
	})
}

func limitsAreKept(t Template) (wrong []string) {
	over := func(id, what string, n, most int) {
		if n > most {
			wrong = append(wrong, fmt.Sprintf("%s: %s can have %d characters, and AWS takes %d: shorten the settings", id, what, n, most))
		}
	}
	for _, id := range t.of("AWS::Lambda::Function") {
		n := 0
		variables, _ := at(t.Resources[id].Properties, "Environment", "Variables").(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			n += len(name) + len(longest(text(variables[name])))
		}
		over(id, "its environment", n, environmentAtMost)
	}
	for _, id := range t.of("AWS::IAM::Policy") {
		over(id, "its policy", size(t.Resources[id].Properties["PolicyDocument"]), policyAtMost)
	}
	for _, id := range t.of("AWS::Logs::MetricFilter") {
		over(id, "its pattern", utf8.RuneCountInString(longest(text(t.Resources[id].Properties["FilterPattern"]))), patternAtMost)
	}
	return wrong
}

// size is how long a policy is as JSON without white space, which IAM does not count.
func size(v any) int {
	switch v := v.(type) {
	case map[string]any:
		if intrinsic(v) {
			return len(longest(text(v))) + 2
		}
		n := 2
		for name, below := range v {
			n += len(name) + 4 + size(below)
		}
		return n
	case []any:
		n := 2
		for _, below := range v {
			n += 1 + size(below)
		}
		return n
	}
	b, _ := json.Marshal(v) // texts and numbers, which JSON always has
	return len(b)
}
