package iam_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapas/localstack/standin/iam"
)

// A world is policies and a request, drawn from so few words that they often meet.
type world struct {
	role, resource []string // statements
	who            iam.Principal
	request        iam.Request
}

func (w world) decide(t testing.TB) iam.Decision {
	p := &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: map[string]*iam.Document{}}
	if len(w.role) > 0 {
		p.Identity[app] = []*iam.Document{identity(t, strings.Join(w.role, ","))}
	}
	if len(w.resource) > 0 {
		p.Resource[w.request.Owner] = document(t, iam.ParseResource, "resource", strings.Join(w.resource, ","))
	}
	return p.Evaluate(w.who, w.request)
}

func drawStatement(t *rapid.T, effect string, resource bool) string {
	action := rapid.SampledFrom([]string{"*", "s3:*", "s3:GetObject", "kms:Decrypt", "kms:*"}).Draw(t, "action")
	on := rapid.SampledFrom([]string{"*", object, "arn:aws:s3:::data/*", key}).Draw(t, "resource")
	not := rapid.SampledFrom([]string{"", "", "", "Not"}).Draw(t, "not")
	s := fmt.Sprintf(`{"Effect":%q,"%sAction":%q,"Resource":%q`, effect, not, action, on)
	if resource {
		s += fmt.Sprintf(`,"Principal":{"AWS":%q}`, rapid.SampledFrom([]string{"*", app, other, root}).Draw(t, "principal"))
	}
	condition := rapid.SampledFrom([]string{
		"", "", `{"StringEquals":{"s3:prefix":"a"}}`, `{"StringNotEquals":{"s3:prefix":"a"}}`, `{"Null":{"s3:prefix":"true"}}`,
		`{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["V#*"]}}`, `{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["V#1"]}}`,
		`{"ArnNotEquals":{"aws:PrincipalArn":"` + app + `"}}`,
	}).Draw(t, "condition")
	if condition != "" {
		s += `,"Condition":` + condition
	}
	return s + "}"
}

func drawWorld(t *rapid.T) world {
	ask := rapid.SampledFrom([]ask{{"s3:GetObject", object, bucket}, {"kms:Decrypt", key, key}}).Draw(t, "ask")
	w := world{
		who:     iam.Principal{ARN: rapid.SampledFrom([]string{app, other, root}).Draw(t, "who")},
		request: iam.Request{Action: ask.action, Resource: ask.on, Owner: ask.owner, Keys: iam.Keys{}},
	}
	for _, name := range []string{"s3:prefix", "dynamodb:LeadingKeys"} {
		if v := rapid.SampledFrom([]string{"absent", "a", "V#1", ""}).Draw(t, name); v != "absent" {
			w.request.Keys.Add(name, v)
		}
	}
	effect := rapid.SampledFrom([]string{"Allow", "Allow", "Deny"})
	for range rapid.IntRange(0, 3).Draw(t, "of the role") {
		w.role = append(w.role, drawStatement(t, effect.Draw(t, "effect"), false))
	}
	for range rapid.IntRange(0, 3).Draw(t, "of the resource") {
		w.resource = append(w.resource, drawStatement(t, effect.Draw(t, "effect"), true))
	}
	return w
}

func TestEvaluateProperties(t *testing.T) {
	t.Parallel()
	for name, holds := range map[string]func(*rapid.T, world){
		"ADenyMoreNeverAllows": func(r *rapid.T, w world) {
			before := w.decide(t)
			w.role = append(w.role, drawStatement(r, "Deny", false))
			w.resource = append(w.resource, drawStatement(r, "Deny", true))
			if after := w.decide(t); after.Allowed && !before.Allowed {
				r.Errorf("a deny more allowed: %+v", after)
			}
		},
		"AnAllowMoreNeverDenies": func(r *rapid.T, w world) {
			before := w.decide(t)
			w.role = append(w.role, drawStatement(r, "Allow", false))
			w.resource = append(w.resource, drawStatement(r, "Allow", true))
			if after := w.decide(t); !after.Allowed && before.Allowed {
				r.Errorf("an allow more denied: %+v", after)
			}
		},
		"ADenyOfEverythingDenies": func(r *rapid.T, w world) {
			w.resource = append(w.resource, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
			if d := w.decide(t); d.Allowed || len(d.By) != 1 {
				r.Errorf("allowed, or without a statement: %+v", d)
			}
		},
		"OrderDoesNotMatter": func(r *rapid.T, w world) {
			before := w.decide(t).Allowed
			slices.Reverse(w.role)
			slices.Reverse(w.resource)
			if after := w.decide(t).Allowed; after != before {
				r.Errorf("%v in one order, %v in the other", before, after)
			}
		},
		"WithoutPoliciesNobodyButRootMay": func(r *rapid.T, w world) {
			w.role, w.resource = nil, nil
			if d := w.decide(t); d.Allowed != (w.who.ARN == root && w.request.Action == "s3:GetObject") {
				r.Errorf("got %+v", d)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) { holds(r, drawWorld(r)) })
		})
	}
}

// An operator and its negation are opposites, on absent keys as well; over sets, "all are" and "any is not" are.
func TestNegationIsOpposite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		word := rapid.SampledFrom([]string{"a", "b", "arn:aws:s3:::x", "arn:aws:s3:::y"})
		values := rapid.SliceOfN(word, 1, 3).Draw(r, "values")
		list := `["` + strings.Join(values, `","`) + `"]`
		op := rapid.SampledFrom([]string{"StringEquals", "StringLike"}).Draw(r, "operator")
		not := strings.Replace(op, "String", "StringNot", 1)

		one := iam.Keys{}
		one.Add("s3:prefix", rapid.SliceOfN(word, 0, 1).Draw(r, "given")...)
		if conditionHolds(t, `{"`+op+`":{"s3:prefix":`+list+`}}`, one) == conditionHolds(t, `{"`+not+`":{"s3:prefix":`+list+`}}`, one) {
			r.Errorf("%s and %s with %s agree on %v", op, not, list, one)
		}
		set := iam.Keys{}
		set.Add("dynamodb:LeadingKeys", rapid.SliceOfN(word, 0, 3).Draw(r, "set")...)
		all := conditionHolds(t, `{"ForAllValues:`+op+`":{"dynamodb:LeadingKeys":`+list+`}}`, set)
		if any := conditionHolds(t, `{"ForAnyValue:`+not+`":{"dynamodb:LeadingKeys":`+list+`}}`, set); all == any {
			r.Errorf("all are, and any is not, agree on %v", set)
		}
	})
}

// StringLike is what a regular expression says it is.
func TestLikeIsWhatItLooksLike(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?é")), 0, 8, -1).Draw(r, "pattern")
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abé*")), 0, 8, -1).Draw(r, "text")
		expression := regexp.QuoteMeta(pattern)
		expression = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(expression)
		want := regexp.MustCompile(`^` + expression + `$`).MatchString(text)
		if got := conditionHolds(t, `{"StringLike":{"s3:prefix":"`+pattern+`"}}`, keys("s3:prefix", text)); got != want {
			r.Errorf("%q like %q: got %v", text, pattern, got)
		}
	})
}
