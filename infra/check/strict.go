package check

import (
	"fmt"
	"slices"
	"strings"
)

// members are those that a statement of each kind of policy has here. Another, such as NotAction, would mean more than
// what these checks read.
func members(kind string) (needed, allowed []string) {
	needed = []string{"Action", "Effect", "Sid"}
	if kind != "AWS::IAM::Role" {
		needed = append(needed, "Resource")
	}
	if kind != "AWS::IAM::Policy" {
		needed = append(needed, "Principal")
	}
	return needed, append([]string{"Condition"}, needed...)
}

// policiesAreRead: every policy is written in the one form that these checks read whole. What they would pass over is
// refused here.
func policiesAreRead(t Template) (wrong []string) {
	for kind, path := range documents {
		for _, id := range t.of(kind) {
			document := at(t.Resources[id].Properties, path...)
			if document == nil && kind == "AWS::DynamoDB::Table" { // that a table is guarded is said elsewhere
				continue
			}
			wrong = append(wrong, readable(id, kind, document)...)
		}
	}
	for _, id := range t.of("AWS::IAM::Policy") {
		if roles := t.Resources[id].Properties["Roles"]; !plain(roles, "Role"+strings.TrimPrefix(id, "Policy")) {
			wrong = append(wrong, fmt.Sprintf("%s is for %v, and must be for the one role of its name", id, roles))
		}
	}
	policies := map[string]int{}
	for _, id := range t.of("AWS::S3::BucketPolicy") {
		policies[text(t.Resources[id].Properties["Bucket"])]++
	}
	for _, id := range t.of("AWS::S3::Bucket") {
		if n := policies["${"+id+"}"]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s has %d policies, and must have one", id, n))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// plain reports whether a list is of one Ref.
func plain(v any, id string) bool {
	list, _ := v.([]any)
	return len(list) == 1 && isObject(list[0], "Ref") && at(list[0], "Ref") == id
}

// isObject reports whether a value is an object with no other members than these.
func isObject(v any, names ...string) bool {
	m, ok := v.(map[string]any)
	for name := range m {
		ok = ok && slices.Contains(names, name)
	}
	return ok && len(m) > 0
}

func readable(id, kind string, document any) (wrong []string) {
	list, ok := at(document, "Statement").([]any)
	if !isObject(document, "Version", "Statement") || at(document, "Version") != "2012-10-17" || !ok || len(list) == 0 {
		return []string{id + " has a policy that is not a version and a list of statements"}
	}
	needed, allowed := members(kind)
	for i, s := range list {
		where := fmt.Sprintf("%s, statement %d (%v)", id, i, at(s, "Sid"))
		m, _ := s.(map[string]any)
		if !isObject(s, allowed...) || slices.ContainsFunc(needed, func(name string) bool { return m[name] == nil }) {
			wrong = append(wrong, fmt.Sprintf("%s must have %v and may have %v", where, needed, allowed))
		}
		if who := m["Principal"]; who != nil && (!isObject(who, "AWS", "Service") || isObject(who, "AWS") == isObject(who, "Service")) {
			wrong = append(wrong, where+" speaks of another than one kind of principal, AWS or Service")
		}
		if effect := m["Effect"]; effect != "Allow" && effect != "Deny" {
			wrong = append(wrong, where+" has no effect")
		}
		for _, name := range []string{"Action", "Resource", "Principal", "Condition"} {
			if bad := unread(m[name]); bad != "" {
				wrong = append(wrong, fmt.Sprintf("%s has in %s what these checks do not read: %s", where, name, bad))
			}
		}
	}
	return wrong
}

// unread finds what text would pass over or take for something else: another intrinsic than Ref, Fn::GetAtt and Fn::Sub
// of one text, or a text that only looks like one.
func unread(v any) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") {
			return v
		}
	case []any:
		for _, m := range v {
			if bad := unread(m); bad != "" {
				return bad
			}
		}
	case map[string]any:
		if intrinsic(v) {
			return ""
		}
		for name, m := range v {
			if name == "Ref" || strings.HasPrefix(name, "Fn::") {
				return name
			}
			if bad := unread(m); bad != "" {
				return bad
			}
		}
	case nil:
	default:
		return fmt.Sprint(v)
	}
	return ""
}

// intrinsic reports whether text knows what an object says.
func intrinsic(m map[string]any) bool {
	_, ref := m["Ref"].(string)
	_, sub := m["Fn::Sub"].(string)
	of, _ := m["Fn::GetAtt"].([]any)
	return len(m) == 1 && (ref || sub || len(of) == 2)
}
