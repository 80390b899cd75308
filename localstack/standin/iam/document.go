package iam

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Document is a policy, read and checked.
type Document struct {
	Name       string // for the log and for grants
	resource   bool   // it is a resource's, and names principals
	statements []statement
}

// A statement applies to a request when all its parts do.
type statement struct {
	name       string // its Sid, or its place
	deny       bool
	principals principals
	actions    patterns
	resources  patterns
	conditions []condition
}

// patterns are an Action or Resource element, or its opposite.
type patterns struct {
	not  bool
	list []string
}

// principals are those that a resource's statement names.
type principals struct {
	aws      []string // ARNs, account ids, "*"
	services []string
}

// version is the only one understood; the older one has other rules.
const version = "2012-10-17"

type wireDocument struct {
	Version   string
	ID        string         `json:"Id"`
	Statement jsontext.Value // one or a list
}

type wireStatement struct {
	Sid         string
	Effect      string
	Principal   jsontext.Value
	Action      texts
	NotAction   texts
	Resource    texts
	NotResource texts
	Condition   map[string]map[string]texts
}

// texts are a string, or a list of strings; numbers and booleans count as their text.
type texts []string

// UnmarshalJSON reads one value or a list.
func (t *texts) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	var values []jsontext.Value
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	*t = texts{}
	for _, v := range values {
		switch v.Kind() {
		case '"':
			var s string
			if err := json.Unmarshal(v, &s); err != nil {
				return err
			}
			*t = append(*t, s)
		case '0', 't', 'f':
			*t = append(*t, string(v))
		default:
			return errors.New("neither a string nor a list of strings")
		}
	}
	return nil
}

// ParseIdentity reads a policy that is attached to a role.
func ParseIdentity(name string, data []byte) (*Document, error) { return parse(name, data, false) }

// ParseResource reads a policy that is attached to a bucket, a table or a key.
func ParseResource(name string, data []byte) (*Document, error) { return parse(name, data, true) }

// parse refuses what it does not understand: an element that is passed over could be the one that denies.
func parse(name string, data []byte, resource bool) (*Document, error) {
	fail := func(err error) (*Document, error) { return nil, fmt.Errorf("policy %s: %w", name, err) }
	var wire wireDocument
	if err := json.Unmarshal(data, &wire, json.RejectUnknownMembers(true)); err != nil {
		return fail(err)
	}
	if wire.Version != version {
		return fail(fmt.Errorf("the Version %q is not implemented: write %s", wire.Version, version))
	}
	list := bytes.TrimSpace(wire.Statement)
	if len(list) > 0 && list[0] != '[' {
		list = slices.Concat([]byte("["), list, []byte("]"))
	}
	var wires []wireStatement
	if err := json.Unmarshal(list, &wires, json.RejectUnknownMembers(true)); err != nil {
		return fail(err)
	}
	if len(wires) == 0 {
		return fail(errors.New("it has no Statement"))
	}
	d := &Document{Name: name, resource: resource}
	sids := map[string]bool{}
	for i, w := range wires {
		st, err := w.statement(resource)
		if st.name = w.Sid; w.Sid == "" {
			st.name = "statement " + strconv.Itoa(i+1)
		}
		if err != nil {
			return fail(fmt.Errorf("%s: %w", st.name, err))
		}
		if sids[st.name] {
			return fail(fmt.Errorf("two statements have the Sid %s", st.name))
		}
		sids[st.name] = true
		d.statements = append(d.statements, st)
	}
	return d, nil
}

func (w wireStatement) statement(resource bool) (st statement, err error) {
	if w.Effect != "Allow" && w.Effect != "Deny" {
		return st, fmt.Errorf("the Effect %q is neither Allow nor Deny", w.Effect)
	}
	st.deny = w.Effect == "Deny"
	switch {
	case resource && w.Principal == nil:
		return st, errors.New("a resource's policy needs a Principal")
	case !resource && w.Principal != nil:
		return st, errors.New("a role's policy has no Principal")
	case resource:
		if st.principals, err = readPrincipals(w.Principal); err != nil {
			return st, err
		}
	}
	if st.actions, err = either("Action", w.Action, w.NotAction, checkAction); err != nil {
		return st, err
	}
	if st.resources, err = either("Resource", w.Resource, w.NotResource, checkResource); err != nil {
		return st, err
	}
	return st, st.readConditions(w.Condition)
}

func (st *statement) readConditions(wire map[string]map[string]texts) error {
	for _, name := range slices.Sorted(maps.Keys(wire)) {
		for _, key := range slices.Sorted(maps.Keys(wire[name])) {
			values := wire[name][key]
			if err := checkVariables(values); err != nil {
				return fmt.Errorf("condition %s on %s: %w", name, key, err)
			}
			c, err := newCondition(name, key, values)
			if err != nil {
				return err
			}
			st.conditions = append(st.conditions, c)
		}
	}
	return nil
}

// either takes the one of an element and its opposite that is given.
func either(name string, plain, not texts, check func(string) error) (patterns, error) {
	p := patterns{list: plain}
	if not != nil {
		p = patterns{not: true, list: not}
	}
	if (plain == nil) == (not == nil) || len(p.list) == 0 {
		return p, fmt.Errorf("give either %s or Not%s", name, name)
	}
	for _, v := range p.list {
		if err := check(v); err != nil {
			return p, err
		}
	}
	return p, checkVariables(p.list)
}

func checkAction(s string) error {
	if s != "*" && !regexp.MustCompile(`^[a-zA-Z0-9-]+:[a-zA-Z0-9*?]+$`).MatchString(s) {
		return fmt.Errorf("%q is no action", s)
	}
	return nil
}

func checkResource(s string) error {
	if s != "*" && !isARN(s) {
		return fmt.Errorf("%q is no resource: write an ARN, or *", s)
	}
	return nil
}

// checkVariables refuses policy variables: no policy needs them.
func checkVariables(values []string) error {
	for _, v := range values {
		if strings.Contains(v, "${") {
			return fmt.Errorf("the policy variable in %q is not implemented", v)
		}
	}
	return nil
}

func readPrincipals(data jsontext.Value) (p principals, err error) {
	if string(data) == `"*"` {
		return principals{aws: []string{"*"}}, nil
	}
	var kinds map[string]texts
	if err := json.Unmarshal(data, &kinds); err != nil {
		return p, fmt.Errorf("Principal: %w", err)
	}
	for kind, values := range kinds {
		switch kind {
		case "AWS":
			p.aws = values
		case "Service":
			p.services = values
		default:
			return p, fmt.Errorf("the Principal %s is not implemented", kind)
		}
	}
	if len(p.aws)+len(p.services) == 0 {
		return p, errors.New("the Principal names nobody")
	}
	for _, v := range p.aws {
		if !regexp.MustCompile(`^(\*|\d{12}|arn:aws:(iam|sts)::\d{12}:(root|(role|assumed-role)/[^*?]+))$`).MatchString(v) {
			return p, fmt.Errorf("the Principal %q is not implemented: name the account, a role or a role's session whole, or *", v)
		}
	}
	for _, v := range p.services {
		if !strings.HasSuffix(v, ".amazonaws.com") {
			return p, fmt.Errorf("the Principal %q is no service", v)
		}
	}
	return p, nil
}
