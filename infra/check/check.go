// Package check knows what must be true of a deployment's template: who may never do what together, what guards what, what
// stays when the stack goes. It does not know how the template is made, so that a changed one can be held against it.
package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Check is one thing that must be true. It answers each way in which it is not in one sentence.
type Check struct {
	Name string
	Run  func(Template) []string
}

// All are all checks.
func All() []Check {
	return []Check{
		{"Separation", separation}, {"RolesAreWhole", rolesAreWhole}, {"RowsAreNarrowed", rowsAreNarrowed}, {"KeysAreBound", keysAreBound},
		{"GuardsStand", guardsStand}, {"KeysAreManagedNotUsed", managedNotUsed}, {"WildcardsAreReviewed", wildcards}, {"ActionsAreReal", actionsAreReal},
		{"ServicesActForUs", servicesActForUs}, {"KeptWhenTheStackGoes", keptWhenTheStackGoes}, {"BucketsAreClosed", bucketsAreClosed},
		{"TablesComeBack", tablesComeBack}, {"FunctionsStandAlone", functionsStandAlone}, {"RoutesAreTheContract", routesAreTheContract}, {"AlarmsTell", alarmsTell},
		{"PoliciesAreRead", policiesAreRead}, {"TrustIsExact", trustIsExact}, {"AllowedIsListed", allowedIsListed}, {"ShapesAreListed", shapesAreListed}, {"LimitsAreKept", limitsAreKept},
	}
}

// Template is a CloudFormation template.
type Template struct{ Resources map[string]Resource }

// Resource is one of its resources.
type Resource struct {
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// Read reads a template.
func Read(b []byte) (t Template, err error) {
	if err := json.Unmarshal(b, &t); err != nil {
		return Template{}, fmt.Errorf("the template cannot be read: %w", err)
	}
	return t, nil
}

// Verify holds a template against everything that must be true of a deployment: settings cannot make it false, and a
// change of the program that does must not be deployed.
func Verify(b []byte) error {
	t, err := Read(b)
	if err != nil {
		return err
	}
	var wrong []error
	for _, c := range All() {
		for _, w := range c.Run(t) {
			wrong = append(wrong, fmt.Errorf("%s: %s", c.Name, w))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, errors.New("the template must not be deployed: mend infra/policy or infra/stack"))
	}
	return errors.Join(wrong...)
}

// of are the logical ids of a type, in order.
func (t Template) of(kind string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.Resources)), func(id string) bool { return t.Resources[id].Type != kind })
}

// text is a value as it is written in Fn::Sub, whichever intrinsic it is.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok {
			return "${" + ref + "}"
		}
		if of, ok := v["Fn::GetAtt"].([]any); ok && len(of) == 2 {
			return fmt.Sprintf("${%v.%v}", of[0], of[1])
		}
		if sub, ok := v["Fn::Sub"].(string); ok {
			return sub
		}
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

// texts is a list, or its only member.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil
		}
		return []string{text(v)}
	}
	all := make([]string, len(list))
	for i, m := range list {
		all[i] = text(m)
	}
	return all
}

// at goes down a tree of objects.
func at(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// statement is one statement of a policy.
type statement struct {
	where, sid string
	deny       bool
	who        []string // principals; "service:<name>"
	actions    []string
	resources  []string
	when       map[string]map[string][]string
}

// statements reads a policy's.
func statements(where string, document any) (all []statement) {
	list, _ := at(document, "Statement").([]any)
	for _, s := range list {
		one := statement{where: where, sid: text(at(s, "Sid")), deny: text(at(s, "Effect")) == "Deny", actions: texts(at(s, "Action")), resources: texts(at(s, "Resource")),
			who: texts(at(s, "Principal", "AWS")), when: map[string]map[string][]string{}}
		for _, service := range texts(at(s, "Principal", "Service")) {
			one.who = append(one.who, "service:"+service)
		}
		if bare, ok := at(s, "Principal").(string); ok {
			one.who = append(one.who, bare)
		}
		conditions, _ := at(s, "Condition").(map[string]any)
		for operator, keys := range conditions {
			one.when[operator] = map[string][]string{}
			of, _ := keys.(map[string]any)
			for key, v := range of {
				one.when[operator][key] = texts(v)
			}
		}
		all = append(all, one)
	}
	return all
}

// String names a statement.
func (s statement) String() string { return s.where + "/" + s.sid }

// documents are the properties in which policies are, by resource type.
var documents = map[string][]string{
	"AWS::IAM::Policy": {"PolicyDocument"}, "AWS::S3::BucketPolicy": {"PolicyDocument"}, "AWS::SNS::TopicPolicy": {"PolicyDocument"}, "AWS::SQS::QueuePolicy": {"PolicyDocument"},
	"AWS::KMS::Key": {"KeyPolicy"}, "AWS::DynamoDB::Table": {"ResourcePolicy", "PolicyDocument"}, "AWS::IAM::Role": {"AssumeRolePolicyDocument"},
}

// statements are all of a type of resource.
func (t Template) statements(kind string) (all []statement) {
	for _, id := range t.of(kind) {
		all = append(all, statements(id, at(t.Resources[id].Properties, documents[kind]...))...)
	}
	return all
}

// all are the statements of all policies.
func (t Template) all() (all []statement) {
	for _, kind := range slices.Sorted(maps.Keys(documents)) {
		all = append(all, t.statements(kind)...)
	}
	return all
}

// like matches as IAM does: * is any text, ? any letter; names of actions have no case.
func like(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return like(pattern[1:], s) || s != "" && like(pattern, s[1:])
	case s == "":
		return false
	case pattern[0] == '?' || pattern[0] == s[0]:
		return like(pattern[1:], s[1:])
	}
	return false
}

func (s statement) covers(action string) bool {
	return slices.ContainsFunc(s.actions, func(a string) bool { return like(strings.ToLower(a), strings.ToLower(action)) })
}

// touches reports whether a statement speaks of a resource, or of something in it.
func (s statement) touches(id string) bool {
	return slices.ContainsFunc(s.resources, func(r string) bool {
		return r == "*" || strings.HasPrefix(r, "${"+id+".Arn}") || strings.HasPrefix(r, "${"+id+"}") || !strings.Contains(r, "${") && strings.Contains(r, "*") ||
			strings.HasPrefix(r, "arn:") && strings.Contains(r, "${"+id+"}")
	})
}

// may are the statements that allow a role something, whatever their conditions and whatever denies it: nothing that is
// not in them can be done. Resources' own policies are among them.
func (t Template) may(role string) (all []statement) {
	for _, id := range t.of("AWS::IAM::Policy") {
		if slices.Contains(texts(t.Resources[id].Properties["Roles"]), "${"+role+"}") {
			all = append(all, statements(id, t.Resources[id].Properties["PolicyDocument"])...)
		}
	}
	for kind := range documents {
		if kind == "AWS::IAM::Policy" || kind == "AWS::IAM::Role" {
			continue
		}
		for _, id := range t.of(kind) {
			for _, s := range statements(id, at(t.Resources[id].Properties, documents[kind]...)) {
				if !slices.Contains(s.who, "${"+role+".Arn}") && !slices.Contains(s.who, "*") {
					continue
				}
				if kind == "AWS::KMS::Key" || kind == "AWS::DynamoDB::Table" {
					s.resources = []string{"${" + id + ".Arn}"} // "*" in them is the resource itself
				}
				all = append(all, s)
			}
		}
	}
	return slices.DeleteFunc(all, func(s statement) bool { return s.deny })
}

// can reports whether anything allows a role an action on a resource.
func (t Template) can(role, action, id string) bool {
	return slices.ContainsFunc(t.may(role), func(s statement) bool { return s.covers(action) && s.touches(id) })
}
