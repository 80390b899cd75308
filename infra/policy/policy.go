// Package policy knows who may do what in a deployment: every role's permissions, and what keys, buckets and tables refuse
// whatever a role says. It does not know how resources are made, nor CDK: statements are data, written by hand, and become
// JSON here.
//
// A value may name resources of the template as ${Resource} or ${Resource.Arn}, and AWS's pseudo parameters as
// ${AWS::Region}.
package policy

import "regexp"

// Statement is one statement of a policy. Its effect is Allow unless Deny is set.
type Statement struct {
	Sid       string
	Deny      bool
	Who       Principal // of a resource's policy only
	Actions   []string
	Resources []string
	When      Condition
}

// Principal is who a statement of a resource's policy speaks of.
type Principal struct {
	AWS     []string // ARNs; "*" is everybody
	Service string
}

// Condition is operator -> key -> values, all of which must hold.
type Condition map[string]map[string][]string

// Role is what a function, or a service on our behalf, may do.
type Role struct {
	Name       string // in logical ids: Role<Name>, Policy<Name>
	About      string
	Trust      []Statement
	Statements []Statement
}

var (
	whole     = regexp.MustCompile(`^\$\{([A-Za-z0-9:]+)\}$`)
	attribute = regexp.MustCompile(`^\$\{([A-Za-z0-9]+)\.([A-Za-z0-9.]+)\}$`)
	part      = regexp.MustCompile(`\$\{`)
)

// Value is what stands in the template for a value: itself, a Ref, a Fn::GetAtt, or a Fn::Sub of more than one part.
func Value(v string) any {
	switch {
	case whole.MatchString(v):
		return map[string]any{"Ref": whole.FindStringSubmatch(v)[1]}
	case attribute.MatchString(v):
		m := attribute.FindStringSubmatch(v)
		return map[string]any{"Fn::GetAtt": []any{m[1], m[2]}}
	case part.MatchString(v):
		return map[string]any{"Fn::Sub": v}
	}
	return v
}

// values is a list, or its only member.
func values(list []string) any {
	if len(list) == 1 {
		return Value(list[0])
	}
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = Value(v)
	}
	return all
}

// Document is a policy as JSON has it.
func Document(statements []Statement) map[string]any {
	all := make([]any, len(statements))
	for i, s := range statements {
		all[i] = s.object()
	}
	return map[string]any{"Version": "2012-10-17", "Statement": all}
}

func (s Statement) object() map[string]any {
	o := map[string]any{"Sid": s.Sid, "Effect": "Allow", "Action": values(s.Actions)}
	if s.Deny {
		o["Effect"] = "Deny"
	}
	if len(s.Resources) > 0 {
		o["Resource"] = values(s.Resources)
	}
	switch {
	case s.Who.Service != "":
		o["Principal"] = map[string]any{"Service": s.Who.Service}
	case len(s.Who.AWS) > 0:
		o["Principal"] = map[string]any{"AWS": values(s.Who.AWS)}
	}
	if len(s.When) > 0 {
		when := map[string]any{}
		for operator, keys := range s.When {
			of := map[string]any{}
			for key, list := range keys {
				of[key] = values(list)
			}
			when[operator] = of
		}
		o["Condition"] = when
	}
	return o
}
