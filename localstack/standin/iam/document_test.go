package iam_test

import (
	"strings"
	"testing"

	"zapas/localstack/standin/iam"
)

// What is not understood is refused, by a sentence that names it and the policy.
func TestParse(t *testing.T) {
	t.Parallel()
	const allow = `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`
	whole := func(statement string) string {
		return `{"Version":"2012-10-17","Statement":{` + statement + `}}`
	}
	condition := func(c string) string { return whole(allow + `,"Condition":` + c) }
	for name, c := range map[string]struct {
		policy   string
		resource bool
		want     string // part of the error; "": none
	}{
		"OneStatement":             {policy: whole(allow)},
		"ListOfStatements":         {policy: `{"Version":"2012-10-17","Id":"x","Statement":[{` + allow + `},{"Sid":"A",` + allow + `}]}`},
		"Principal":                {policy: whole(allow + `,"Principal":{"AWS":["arn:aws:iam::111122223333:role/a","111122223333"],"Service":"sns.amazonaws.com"}`), resource: true},
		"AWSStar":                  {policy: whole(allow + `,"Principal":{"AWS":"*"}`), resource: true},
		"NoJSON":                   {policy: `x`, want: "policy role"},
		"OlderVersion":             {policy: `{"Version":"2008-10-17","Statement":{` + allow + `}}`, want: `Version "2008-10-17"`},
		"NoVersion":                {policy: `{"Statement":{` + allow + `}}`, want: `Version ""`},
		"NoStatement":              {policy: `{"Version":"2012-10-17"}`, want: "policy role"},
		"EmptyStatements":          {policy: `{"Version":"2012-10-17","Statement":[]}`, want: "no Statement"},
		"UnknownElementOfDocument": {policy: `{"Version":"2012-10-17","Statements":[]}`, want: "Statements"},
		"UnknownElement":           {policy: whole(allow + `,"NotPrincipal":"*"`), resource: true, want: "NotPrincipal"},
		"ElementInOtherCase":       {policy: whole(`"effect":"Allow","Action":"*","Resource":"*"`), want: "effect"},
		"TwiceTheSameElement":      {policy: whole(allow + `,"Effect":"Deny"`), want: "Effect"},
		"UnknownEffect":            {policy: whole(`"Effect":"allow","Action":"*","Resource":"*"`), want: `Effect "allow"`},
		"TwoStatementsOneSid":      {policy: `{"Version":"2012-10-17","Statement":[{"Sid":"A",` + allow + `},{"Sid":"A",` + allow + `}]}`, want: "Sid A"},
		"NoAction":                 {policy: whole(`"Effect":"Allow","Resource":"*"`), want: "either Action or NotAction"},
		"EmptyAction":              {policy: whole(`"Effect":"Allow","Action":[],"Resource":"*"`), want: "either Action or NotAction"},
		"ActionAndNotAction":       {policy: whole(allow + `,"NotAction":"s3:*"`), want: "either Action or NotAction"},
		"NoResource":               {policy: whole(`"Effect":"Allow","Action":"*"`), want: "either Resource or NotResource"},
		"ActionWithoutService":     {policy: whole(`"Effect":"Allow","Action":"GetItem","Resource":"*"`), want: `"GetItem" is no action`},
		"ActionOfNull":             {policy: whole(`"Effect":"Allow","Action":null,"Resource":"*"`), want: "neither a string"},
		"ResourceIsNoARN":          {policy: whole(`"Effect":"Allow","Action":"*","Resource":"data/*"`), want: `"data/*" is no resource`},
		"VariableInResource":       {policy: whole(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::data/${aws:username}/*"`), want: "${aws:username}"},
		"VariableInCondition":      {policy: condition(`{"StringEquals":{"s3:prefix":"${aws:PrincipalTag/x}"}}`), want: "${aws:PrincipalTag/x}"},
		"RolePolicyWithPrincipal":  {policy: whole(allow + `,"Principal":"*"`), want: "no Principal"},
		"ResourceWithoutPrincipal": {policy: whole(allow), resource: true, want: "needs a Principal"},
		"PrincipalOfNobody":        {policy: whole(allow + `,"Principal":{}`), resource: true, want: "names nobody"},
		"FederatedPrincipal":       {policy: whole(allow + `,"Principal":{"Federated":"accounts.google.com"}`), resource: true, want: "Federated"},
		"PrincipalIsAUser":         {policy: whole(allow + `,"Principal":{"AWS":"arn:aws:iam::111122223333:user/a"}`), resource: true, want: "user/a"},
		"PrincipalWithWildcard":    {policy: whole(allow + `,"Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}`), resource: true, want: "role/*"},
		"ServiceOfNoOne":           {policy: whole(allow + `,"Principal":{"Service":"*"}`), resource: true, want: `"*" is no service`},
		"UnknownOperator":          {policy: condition(`{"DateLessThan":{"s3:prefix":"x"}}`), want: "DateLessThan"},
		"OperatorInOtherCase":      {policy: condition(`{"stringEquals":{"s3:prefix":"x"}}`), want: "stringEquals"},
		"NegatedWhereNoneIs":       {policy: condition(`{"NotBool":{"aws:SecureTransport":"true"}}`), want: "NotBool"},
		"MisplacedNot":             {policy: condition(`{"NotStringEquals":{"s3:prefix":"x"}}`), want: "NotStringEquals"},
		"UnknownSetOperator":       {policy: condition(`{"ForSomeValues:StringEquals":{"dynamodb:LeadingKeys":"x"}}`), want: "ForSomeValues"},
		"UnknownKey":               {policy: condition(`{"StringEquals":{"aws:SourceIp":"x"}}`), want: "aws:SourceIp"},
		"UnknownNegatedKey":        {policy: condition(`{"StringNotEquals":{"aws:SourceVpce":"x"}}`), want: "aws:SourceVpce"},
		"NoValue":                  {policy: condition(`{"StringEquals":{"s3:prefix":[]}}`), want: "no value"},
		"NumericOfText":            {policy: condition(`{"NumericGreaterThan":{"s3:signatureAge":"ten"}}`), want: `"ten"`},
		"NumericOfInfinity":        {policy: condition(`{"NumericGreaterThan":{"s3:signatureAge":"inf"}}`), want: `"inf"`},
		"BoolOfText":               {policy: condition(`{"Bool":{"aws:SecureTransport":"no"}}`), want: `"no"`},
		"ArnOfText":                {policy: condition(`{"ArnLike":{"aws:PrincipalArn":"*"}}`), want: `"*" is no ARN`},
		"NullOfText":               {policy: condition(`{"Null":{"s3:prefix":"x"}}`), want: `"x"`},
		"NullOfTwo":                {policy: condition(`{"Null":{"s3:prefix":["true","false"]}}`), want: "Null takes one value"},
		"NullIfExists":             {policy: condition(`{"NullIfExists":{"s3:prefix":"true"}}`), want: "Null takes"},
		"SetKeyWithoutSetOperator": {policy: condition(`{"StringEquals":{"dynamodb:LeadingKeys":"x"}}`), want: "needs ForAllValues or ForAnyValue"},
		"SetOperatorOnOneValue":    {policy: condition(`{"ForAllValues:StringEquals":{"s3:prefix":"x"}}`), want: "takes no ForAllValues"},
		"SetOperatorWithIfExists":  {policy: condition(`{"ForAnyValue:StringEqualsIfExists":{"dynamodb:LeadingKeys":"x"}}`), want: "IfExists with ForAnyValue"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parse := iam.ParseIdentity
			if c.resource {
				parse = iam.ParseResource
			}
			_, err := parse("role", []byte(c.policy))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "policy role")):
				t.Errorf("got %v, want one that says %q", err, c.want)
			}
		})
	}
}

// Whatever is read can be evaluated.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::a/*"}}`,
		`{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Deny","Principal":{"AWS":"*"},"NotAction":["kms:Get*"],"NotResource":"*","Condition":{"ForAllValues:StringNotLike":{"dynamodb:LeadingKeys":["V#*"]},"Null":{"s3:prefix":true}}}]}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[1,true,"a:b"],"Resource":"arn:a:b:c:d:?*","Condition":{"NumericGreaterThan":{"s3:signatureAge":[1,-2.5]}}}}`,
	} {
		f.Add(seed, "s3:GetObject", "arn:aws:s3:::a/b", "V#1")
	}
	f.Fuzz(func(t *testing.T, policy, action, on, value string) {
		p := &iam.Policies{Identity: map[string][]*iam.Document{}, Resource: map[string]*iam.Document{}}
		if d, err := iam.ParseIdentity("role", []byte(policy)); err == nil {
			p.Identity[app] = []*iam.Document{d}
		}
		if d, err := iam.ParseResource("resource", []byte(policy)); err == nil {
			p.Resource[on] = d
		}
		k := keys("dynamodb:LeadingKeys", value, "s3:prefix", value, "s3:signatureAge", value, "aws:SourceArn", value)
		d := p.Evaluate(iam.Principal{ARN: app}, iam.Request{Action: action, Resource: on, Owner: on, Keys: k})
		if d.Allowed != (d.Why == "") || d.Allowed && len(d.By) == 0 {
			t.Errorf("a decision without its reason: %+v", d)
		}
	})
}
