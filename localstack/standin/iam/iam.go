// Package iam knows how AWS decides whether a request is allowed: it reads policies of roles, buckets, tables and keys and
// evaluates them for requests within one account. It does not know what the services do, nor which policies there are.
//
// It follows the pages "Policy evaluation logic", "IAM JSON policy elements reference", "Creating a condition with multiple
// keys or values" and "Single-valued vs. multivalued context keys" (IAM User Guide), and for keys "Key policies in AWS KMS"
// (AWS KMS Developer Guide). It has the operators and condition keys that policies here use. A policy with anything else is
// refused, and named: policy variables, NotPrincipal, users and federated principals, IfExists with a set operator, keys
// that no stand-in gives. It has no permissions boundaries, session policies, service control policies, grants, nor other
// accounts.
package iam

import (
	"slices"
	"strings"
)

// A Principal is who calls.
type Principal struct {
	ARN     string // of the role or of the root user; of a service, its name, such as "logs.amazonaws.com"
	Session string // of the role
}

// String is the principal as errors name it: of a role, its session.
func (p Principal) String() string {
	if !strings.Contains(p.ARN, ":role/") {
		return p.ARN
	}
	name := p.ARN[strings.LastIndex(p.ARN, "/")+1:]
	return "arn:aws:sts::" + accountOf(p.ARN) + ":assumed-role/" + name + "/" + p.Session
}

func (p Principal) isRoot() bool { return strings.HasSuffix(p.ARN, ":root") }

// A Request is one action on one resource.
type Request struct {
	Action   string // such as "s3:GetObject"
	Resource string // the ARN of what is acted on: an object, an index, a key
	Owner    string // the ARN of the bucket, table or key whose policy is asked; "": there is none yet
	Keys     Keys
}

// Policies are all that there are in an account.
type Policies struct {
	Identity map[string][]*Document // by the ARN of the role
	Resource map[string]*Document   // by the ARN of the bucket, the table or the key
}

// A Use is a right that a request needed. An allowed request may use two: the role's and the key's.
type Use struct {
	Principal string // as the policy names it: of a role's policy, the role
	Policy    string
	Statement string // its Sid, or its place
	Action    string // as the policy names it
}

// A Decision is what the policies say.
type Decision struct {
	Allowed bool
	By      []Use  // the statements that allow, or the one that denies; none denies by default
	Why     string // of a denial, as AWS words it
}

// Evaluate decides on a request. A denial, in whichever policy, goes before all that allows.
func (p *Policies) Evaluate(who Principal, r Request) Decision {
	r.Keys = r.Keys.With()
	if account := accountOf(who.ARN); account != "" {
		r.Keys.Add(keyPrincipalARN, who.ARN)
		r.Keys.Add(keyPrincipalAccount, account)
	}
	documents := slices.Clone(p.Identity[who.ARN])
	if d := p.Resource[r.Owner]; d != nil {
		documents = append(documents, d)
	}
	var byRole, byResource, delegated *Use
	for _, d := range documents {
		for i := range d.statements {
			st := &d.statements[i]
			use, direct, applies := st.applies(d, who, r)
			switch {
			case !applies:
			case st.deny && d.resource:
				return Decision{By: []Use{use}, Why: "with an explicit deny in a resource-based policy"}
			case st.deny:
				return Decision{By: []Use{use}, Why: "with an explicit deny in an identity-based policy"}
			case !d.resource:
				byRole = first(byRole, use)
			case direct:
				byResource = first(byResource, use)
			default:
				delegated = first(delegated, use)
			}
		}
	}
	return combine(r, byRole, byResource, delegated, who.isRoot())
}

func first(have *Use, next Use) *Use {
	if have != nil {
		return have
	}
	return &next
}

// combine weighs what allows. The root user needs no policy of its own. A key's policy must allow; where it allows the
// account, it leaves the choice to the policies of the account's roles. Elsewhere the account is left the choice anyhow, as it is
// where there is no key yet.
func combine(r Request, byRole, byResource, delegated *Use, root bool) Decision {
	action, isKey := r.Action, r.Owner != "" && strings.HasPrefix(strings.ToLower(r.Action), "kms:")
	if isKey && byResource == nil && delegated == nil {
		return Decision{Why: "because no resource-based policy allows the " + action + " action"}
	}
	if byRole == nil && byResource == nil && !root {
		return Decision{Why: "because no identity-based policy allows the " + action + " action"}
	}
	d := Decision{Allowed: true}
	if isKey && byResource == nil {
		byResource = delegated
	}
	for _, use := range []*Use{byRole, byResource} {
		if use != nil {
			d.By = append(d.By, *use)
		}
	}
	return d
}

// applies says whether the statement is about the request; direct: it names the caller, and not just his account.
func (st *statement) applies(d *Document, who Principal, r Request) (use Use, direct, applies bool) {
	use = Use{Principal: who.ARN, Policy: d.Name, Statement: st.name}
	if d.resource {
		if use.Principal, direct, applies = st.principals.names(who); !applies {
			return use, false, false
		}
	}
	if use.Action, applies = st.actions.cover(r.Action, likeAction); !applies {
		return use, direct, false
	}
	if _, applies = st.resources.cover(r.Resource, like); !applies {
		return use, direct, false
	}
	for _, c := range st.conditions {
		holds, unclear := c.holds(r.Keys)
		if unclear {
			holds = st.deny // what cannot be compared allows nothing
		}
		if !holds {
			return use, direct, false
		}
	}
	return use, direct, true
}

// cover finds the pattern that covers a name; of an opposite, none may match.
func (p patterns) cover(name string, matches func(pattern, name string) bool) (by string, covered bool) {
	at := slices.IndexFunc(p.list, func(pattern string) bool { return matches(pattern, name) })
	if p.not {
		return "all but " + strings.Join(p.list, ", "), at < 0
	}
	if at < 0 {
		return "", false
	}
	return p.list[at], true
}

// names finds the caller among the principals; direct: himself, and not just his account.
func (p principals) names(who Principal) (as string, direct, named bool) {
	account := accountOf(who.ARN)
	if slices.Contains(p.services, who.ARN) {
		return who.ARN, true, true
	}
	for _, v := range p.aws {
		switch v {
		case "*", who.ARN, who.String():
			return v, true, true
		}
	}
	for _, v := range p.aws {
		if account != "" && (v == account || v == "arn:aws:iam::"+account+":root") {
			return v, who.isRoot(), true
		}
	}
	return "", false, false
}

// Grants lists every right that the policies give, so that those never used can be found.
func (p *Policies) Grants() []Use {
	var all []Use
	for role, documents := range p.Identity {
		for _, d := range documents {
			all = append(all, d.grants([]string{role})...)
		}
	}
	for _, d := range p.Resource {
		all = append(all, d.grants(nil)...)
	}
	slices.SortFunc(all, compareUses)
	return slices.Compact(all)
}

func (d *Document) grants(to []string) []Use {
	var all []Use
	for _, st := range d.statements {
		if st.deny {
			continue
		}
		who, actions := to, st.actions.list
		if d.resource {
			who = slices.Concat(st.principals.aws, st.principals.services)
		}
		if st.actions.not {
			actions = []string{"all but " + strings.Join(actions, ", ")}
		}
		for _, principal := range who {
			for _, action := range actions {
				all = append(all, Use{Principal: principal, Policy: d.Name, Statement: st.name, Action: action})
			}
		}
	}
	return all
}

func compareUses(a, b Use) int {
	return slices.Compare([]string{a.Principal, a.Policy, a.Statement, a.Action}, []string{b.Principal, b.Policy, b.Statement, b.Action})
}
