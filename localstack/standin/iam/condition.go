package iam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A condition is one operator on one key.
type condition struct {
	key    string // in lower case
	set    string // forAll, forAny, or "" for a key of one value
	ifHas  bool   // IfExists
	null   bool   // the operator Null; values is "true" or "false"
	test   operator
	values []string
}

const (
	forAll = "ForAllValues"
	forAny = "ForAnyValue"
)

// An operator compares one value of the request with one of the policy.
type operator struct {
	match   func(policy, request string) bool
	negated bool
	check   func(policy string) error // refuses what the operator cannot compare with
}

// operators are those of the page "IAM JSON policy elements: Condition operators" that are implemented.
func operators(name string) (operator, bool) {
	plain := strings.NewReplacer("StringNot", "String", "ArnNot", "Arn").Replace(name)
	negated := plain != name
	switch plain {
	case "StringEquals":
		return operator{func(p, r string) bool { return p == r }, negated, anything}, true
	case "StringLike":
		return operator{like, negated, anything}, true
	case "ArnEquals", "ArnLike": // "behave identically"
		return operator{likeARN, negated, checkARN}, true
	}
	switch name {
	case "Bool":
		return operator{func(p, r string) bool { return p == r }, false, checkBool}, true
	case "NumericGreaterThan":
		return operator{greater, false, checkNumber}, true
	}
	return operator{}, false
}

func greater(policy, request string) bool {
	limit, err := number(policy)
	given, errGiven := number(request)
	return err == nil && errGiven == nil && given > limit
}

func checkNumber(s string) error {
	_, err := number(s)
	return err
}

func number(s string) (float64, error) {
	if strings.Trim(s, "0123456789.-") != "" {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return strconv.ParseFloat(s, 64)
}

func anything(string) error { return nil }

func checkBool(s string) error {
	if s != "true" && s != "false" {
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}

func checkARN(s string) error {
	if !isARN(s) {
		return fmt.Errorf("%q is no ARN of six parts", s)
	}
	return nil
}

// newCondition reads one operator and one key with its values.
func newCondition(name, key string, values []string) (condition, error) {
	fail := func(format string, args ...any) (condition, error) {
		return condition{}, fmt.Errorf("condition %s on %s: %w", name, key, fmt.Errorf(format, args...))
	}
	multi, known := valuesOf(key)
	if !known {
		return fail("no stand-in gives this key: name one that is in iam/key.go, or implement it")
	}
	if len(values) == 0 {
		return fail("no value is given")
	}
	c := condition{key: strings.ToLower(key), values: values}
	bare := name
	if set, rest, ok := strings.Cut(name, ":"); ok && (set == forAll || set == forAny) {
		c.set, bare = set, rest
	}
	bare, c.ifHas = strings.CutSuffix(bare, "IfExists")
	switch {
	case c.set != "" && c.ifHas:
		return fail("IfExists with %s is not implemented", c.set)
	case bare == "Null" && (c.set != "" || c.ifHas || len(values) != 1):
		return fail("Null takes one value, no set operator and no IfExists")
	case bare == "Null":
		c.null = true
		if err := checkBool(values[0]); err != nil {
			return fail("%w", err)
		}
		return c, nil
	case multi && c.set == "":
		return fail("a key of several values needs ForAllValues or ForAnyValue")
	case !multi && c.set != "":
		return fail("a key of one value takes no %s", c.set)
	}
	var ok bool
	if c.test, ok = operators(bare); !ok {
		return fail("the operator is not implemented")
	}
	for _, v := range values {
		if err := c.test.check(v); err != nil {
			return fail("%w", err)
		}
	}
	return c, nil
}

// holds evaluates the condition. unclear: the key has several values where it should have one.
func (c condition) holds(keys Keys) (holds, unclear bool) {
	given := keys[c.key]
	absent := len(given) == 0
	if c.null {
		return absent == (c.values[0] == "true"), false
	}
	// "Multivalued context keys": an empty string is a null data set.
	void := !slices.ContainsFunc(given, func(v string) bool { return v != "" })
	switch c.set {
	case forAll:
		return void || !slices.ContainsFunc(given, func(v string) bool { return !c.compare(v) }), false
	case forAny:
		return !void && slices.ContainsFunc(given, c.compare), false
	}
	if absent {
		return c.ifHas || c.test.negated, false
	}
	return c.compare(given[0]), len(given) > 1
}

// compare compares with all values of the policy: one must match, or with a negated operator, none.
func (c condition) compare(given string) bool {
	matches := slices.ContainsFunc(c.values, func(v string) bool { return c.test.match(v, given) })
	return matches != c.test.negated
}
