package iam_test

import (
	"testing"

	"zapas/localstack/standin/iam"
)

// The pages of AWS's documentation that cases are taken from.
const (
	pageOperators = "IAM JSON policy elements: Condition operators"
	pageCondition = "IAM JSON policy elements: Condition"
	pageMultiple  = "Creating a condition with multiple keys or values"
	pageSets      = "Single-valued vs. multivalued context keys"
	pageEval      = "Policy evaluation logic"
	pageDifferent = "The difference between explicit and implicit denies"
	pagePrincipal = "AWS JSON policy elements: Principal"
	pageAction    = "IAM JSON policy elements: Action"
	pageNotAction = "IAM JSON policy elements: NotAction"
	pageResource  = "IAM JSON policy elements: Resource"
	pageNotRes    = "IAM JSON policy elements: NotResource"
	pageKeyPolicy = "Key policies in AWS KMS"
	pageDefault   = "Default key policy"
	pageKMSKeys   = "AWS KMS condition keys"
	pageSigV4     = "Amazon S3 Signature Version 4 Authentication Specific Policy Keys"
	pageWrites    = "Enforce conditional writes on Amazon S3 buckets"
	pageDynamoDB  = "Using IAM policy conditions for fine-grained access control"
)

func keys(pairs ...string) iam.Keys {
	k := iam.Keys{}
	for i := 0; i < len(pairs); i += 2 {
		k.Add(pairs[i], pairs[i+1])
	}
	return k
}

const (
	app   = "arn:aws:iam::111122223333:role/app"
	other = "arn:aws:iam::111122223333:role/other"
	table = "arn:aws:dynamodb:eu-central-1:111122223333:table/GameScores"
)

// conditionHolds asks by a statement that allows everything under the condition, and by one that denies it: the
// condition means the same in both.
func conditionHolds(t *testing.T, condition string, k iam.Keys) bool {
	t.Helper()
	allow := identity(t, `{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}`)
	deny := identity(t, `{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"D","Effect":"Deny","Action":"*","Resource":"*","Condition":`+condition+`}`)
	r := iam.Request{Action: "dynamodb:GetItem", Resource: table, Owner: table, Keys: k}
	allowed := (&iam.Policies{Identity: map[string][]*iam.Document{app: {allow}}}).Evaluate(iam.Principal{ARN: app}, r).Allowed
	denied := !(&iam.Policies{Identity: map[string][]*iam.Document{app: {deny}}}).Evaluate(iam.Principal{ARN: app}, r).Allowed
	if allowed != denied {
		t.Fatalf("the condition %s: %v in an Allow, %v in a Deny", condition, allowed, denied)
	}
	return allowed
}

func TestCondition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		page, condition string
		keys            iam.Keys
		holds           bool
	}{
		"EqualsIsExact":                 {pageOperators, `{"StringEquals":{"s3:prefix":"home/"}}`, keys("s3:prefix", "home/"), true},
		"EqualsIsCaseSensitive":         {pageOperators, `{"StringEquals":{"s3:prefix":"home/"}}`, keys("s3:prefix", "Home/"), false},
		"EqualsKnowsNoWildcards":        {pageOperators, `{"StringEquals":{"s3:prefix":"home/*"}}`, keys("s3:prefix", "home/a"), false},
		"EqualsAbsent":                  {pageOperators, `{"StringEquals":{"s3:prefix":"home/"}}`, keys(), false},
		"NotEqualsAbsent":               {pageOperators, `{"StringNotEquals":{"s3:prefix":"home/"}}`, keys(), true},
		"NotEqualsSame":                 {pageOperators, `{"StringNotEquals":{"s3:prefix":"home/"}}`, keys("s3:prefix", "home/"), false},
		"NotEqualsOther":                {pageOperators, `{"StringNotEquals":{"s3:prefix":"home/"}}`, keys("s3:prefix", "x"), true},
		"LikeIsCaseSensitive":           {pageOperators, `{"StringLike":{"s3:prefix":"home/*"}}`, keys("s3:prefix", "HOME/a"), false},
		"LikeAnywhere":                  {pageOperators, `{"StringLike":{"s3:prefix":"*/s/*/c"}}`, keys("s3:prefix", "u/1/s/2/c"), true},
		"LikeIsNoBeginning":             {pageOperators, `{"StringLike":{"s3:prefix":"home"}}`, keys("s3:prefix", "home/a"), false},
		"LikeStarIsAlsoNothing":         {pageOperators, `{"StringLike":{"s3:prefix":"home/*"}}`, keys("s3:prefix", "home/"), true},
		"LikeOneCharacter":              {pageOperators, `{"StringLike":{"s3:prefix":"a?c"}}`, keys("s3:prefix", "abc"), true},
		"LikeOneCharacterIsNotNone":     {pageOperators, `{"StringLike":{"s3:prefix":"a?c"}}`, keys("s3:prefix", "ac"), false},
		"LikeEmptyPrefix":               {pageOperators, `{"StringLike":{"s3:prefix":["","home/"]}}`, keys("s3:prefix", ""), true},
		"LikeEmptyPrefixIsNotAbsent":    {pageOperators, `{"StringLike":{"s3:prefix":["","home/"]}}`, keys(), false},
		"NotLikeAbsent":                 {pageOperators, `{"StringNotLike":{"s3:prefix":"home/*"}}`, keys(), true},
		"NotLikeSame":                   {pageOperators, `{"StringNotLike":{"s3:prefix":"home/*"}}`, keys("s3:prefix", "home/a"), false},
		"SeveralValuesAreOr":            {pageMultiple, `{"StringEquals":{"s3:prefix":["a","b"]}}`, keys("s3:prefix", "b"), true},
		"NotEqualsSeveralIsNor":         {pageMultiple, `{"StringNotEquals":{"s3:prefix":["a","b"]}}`, keys("s3:prefix", "b"), false},
		"NotEqualsSeveralNone":          {pageMultiple, `{"StringNotEquals":{"s3:prefix":["a","b"]}}`, keys("s3:prefix", "c"), true},
		"SeveralKeysAreAnd":             {pageMultiple, `{"StringEquals":{"s3:prefix":"a","s3:authType":"POST"}}`, keys("s3:prefix", "a", "s3:authType", "REST-HEADER"), false},
		"SeveralOperatorsAreAnd":        {pageMultiple, `{"StringEquals":{"s3:prefix":"a"},"Bool":{"aws:SecureTransport":"false"}}`, keys("s3:prefix", "a", "aws:SecureTransport", "true"), false},
		"KeyNamesIgnoreCase":            {pageCondition, `{"StringEquals":{"S3:PREFIX":"a"}}`, keys("s3:prefix", "a"), true},
		"Numeric":                       {pageSigV4, `{"NumericGreaterThan":{"s3:signatureAge":"600000"}}`, keys("s3:signatureAge", "600001"), true},
		"NumericAtTheEdge":              {pageSigV4, `{"NumericGreaterThan":{"s3:signatureAge":"600000"}}`, keys("s3:signatureAge", "600000"), false},
		"NumericIsNoText":               {pageOperators, `{"NumericGreaterThan":{"s3:signatureAge":"600000"}}`, keys("s3:signatureAge", "7"), false},
		"NumericAbsent":                 {pageSigV4, `{"NumericGreaterThan":{"s3:signatureAge":"600000"}}`, keys(), false},
		"NumericOfNoNumber":             {pageOperators, `{"NumericGreaterThan":{"s3:signatureAge":10}}`, keys("s3:signatureAge", "x"), false},
		"Bool":                          {pageOperators, `{"Bool":{"aws:SecureTransport":"false"}}`, keys("aws:SecureTransport", "false"), true},
		"BoolUnquoted":                  {"Grammar of the IAM JSON policy language", `{"Bool":{"aws:SecureTransport":false}}`, keys("aws:SecureTransport", "false"), true},
		"BoolOther":                     {pageOperators, `{"Bool":{"aws:SecureTransport":"false"}}`, keys("aws:SecureTransport", "true"), false},
		"BoolAbsent":                    {pageOperators, `{"Bool":{"aws:SecureTransport":"false"}}`, keys(), false},
		"BoolIfExistsAbsent":            {pageOperators, `{"BoolIfExists":{"aws:SecureTransport":"false"}}`, keys(), true},
		"ArnLikePartByPart":             {pageOperators, `{"ArnLike":{"aws:SourceArn":"arn:aws:someservice:*:111122223333:finance/*"}}`, keys("aws:SourceArn", "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"), false},
		"StringLikeOverTheWhole":        {pageOperators, `{"StringLike":{"aws:SourceArn":"arn:aws:someservice:*:111122223333:finance/*"}}`, keys("aws:SourceArn", "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"), true},
		"ArnEqualsKnowsWildcards":       {pageOperators, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:123456789012:TOPIC-*"}}`, keys("aws:SourceArn", "arn:aws:sns:eu-west-1:123456789012:TOPIC-ID"), true},
		"ArnIsCaseSensitive":            {pageOperators, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:123456789012:topic"}}`, keys("aws:SourceArn", "arn:aws:sns:eu-west-1:123456789012:Topic"), false},
		"ArnLastPartMayHoldColons":      {pageOperators, `{"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:123456789012:log-group:*"}}`, keys("aws:SourceArn", "arn:aws:logs:eu-west-1:123456789012:log-group:a:log-stream:b"), true},
		"ArnOfNoArn":                    {pageOperators, `{"ArnLike":{"aws:SourceArn":"arn:*:*:*:*:*"}}`, keys("aws:SourceArn", "x"), false},
		"ArnAbsent":                     {pageOperators, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:123456789012:topic"}}`, keys(), false},
		"ArnNotEqualsAbsent":            {pageOperators, `{"ArnNotEquals":{"aws:SourceArn":"arn:aws:sns:eu-west-1:123456789012:topic"}}`, keys(), true},
		"ArnNotLikeSeveralIsNor":        {pageMultiple, `{"ArnNotLike":{"aws:SourceArn":["arn:aws:sns:*:1:a","arn:aws:sns:*:1:b"]}}`, keys("aws:SourceArn", "arn:aws:sns:x:1:b"), false},
		"PrincipalArnIsTheRole":         {pagePrincipal, `{"ArnEquals":{"aws:PrincipalArn":"` + app + `"}}`, keys(), true},
		"IfExistsAbsent":                {pageOperators, `{"StringLikeIfExists":{"s3:prefix":"home/*"}}`, keys(), true},
		"IfExistsPresent":               {pageOperators, `{"StringLikeIfExists":{"s3:prefix":"home/*"}}`, keys("s3:prefix", "x"), false},
		"NotEqualsIfExistsAbsent":       {pageOperators, `{"StringNotEqualsIfExists":{"s3:prefix":"a"}}`, keys(), true},
		"NullTrueAbsent":                {pageWrites, `{"Null":{"s3:if-none-match":"true"}}`, keys(), true},
		"NullTruePresent":               {pageWrites, `{"Null":{"s3:if-none-match":"true"}}`, keys("s3:if-none-match", "*"), false},
		"NullFalseAbsent":               {pageOperators, `{"Null":{"s3:if-none-match":"false"}}`, keys(), false},
		"NullFalsePresent":              {pageOperators, `{"Null":{"s3:if-none-match":"false"}}`, keys("s3:if-none-match", "*"), true},
		"ForAllSubset":                  {pageMultiple, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a","b","c"]}}`, keys("dynamodb:LeadingKeys", "a", "dynamodb:LeadingKeys", "b"), true},
		"ForAllOneOutside":              {pageMultiple, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a","b","c"]}}`, keys("dynamodb:LeadingKeys", "a", "dynamodb:LeadingKeys", "d"), false},
		"ForAllAbsentIsTrue":            {pageMultiple, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a"]}}`, keys(), true},
		"ForAllOfNothingIsTrue":         {pageMultiple, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a"]}}`, keys("dynamodb:LeadingKeys", ""), true},
		"ForAllWithNullAbsentIsFalse":   {pageSets, `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["a"]},"Null":{"dynamodb:LeadingKeys":"false"}}`, keys(), false},
		"ForAllNotEquals":               {pageSets, `{"ForAllValues:StringNotEquals":{"dynamodb:LeadingKeys":["a","b"]}}`, keys("dynamodb:LeadingKeys", "c", "dynamodb:LeadingKeys", "b"), false},
		"ForAllNotEqualsNone":           {pageSets, `{"ForAllValues:StringNotEquals":{"dynamodb:LeadingKeys":["a","b"]}}`, keys("dynamodb:LeadingKeys", "c", "dynamodb:LeadingKeys", "d"), true},
		"ForAnyOne":                     {pageMultiple, `{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["a","b"]}}`, keys("dynamodb:LeadingKeys", "x", "dynamodb:LeadingKeys", "b"), true},
		"ForAnyNone":                    {pageMultiple, `{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["a","b"]}}`, keys("dynamodb:LeadingKeys", "x"), false},
		"ForAnyAbsentIsFalse":           {pageMultiple, `{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["a"]}}`, keys(), false},
		"ForAnyOfNothingIsFalse":        {pageMultiple, `{"ForAnyValue:StringLike":{"dynamodb:LeadingKeys":["*"]}}`, keys("dynamodb:LeadingKeys", ""), false},
		"ForAnyNotEqualsOneOutside":     {pageSets, `{"ForAnyValue:StringNotEquals":{"dynamodb:LeadingKeys":["a","b"]}}`, keys("dynamodb:LeadingKeys", "a", "dynamodb:LeadingKeys", "c"), true},
		"ForAnyNotEqualsAbsent":         {pageSets, `{"ForAnyValue:StringNotEquals":{"dynamodb:LeadingKeys":["a"]}}`, keys(), false},
		"LeadingKeysByBeginning":        {pageDynamoDB, `{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["V#*","F#*"]}}`, keys("dynamodb:LeadingKeys", "V#1", "dynamodb:LeadingKeys", "F#2"), true},
		"LeadingKeysOther":              {pageDynamoDB, `{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["V#*","F#*"]}}`, keys("dynamodb:LeadingKeys", "O#1"), false},
		"EncryptionContext":             {pageKMSKeys, `{"StringEquals":{"kms:EncryptionContext:AppName":"ExampleApp"}}`, keys("kms:EncryptionContext:AppName", "ExampleApp"), true},
		"EncryptionContextNameCase":     {pageKMSKeys, `{"StringEquals":{"kms:EncryptionContext:AppName":"ExampleApp"}}`, keys("kms:EncryptionContext:appname", "ExampleApp"), true},
		"EncryptionContextValueCase":    {pageKMSKeys, `{"StringEquals":{"kms:EncryptionContext:AppName":"ExampleApp"}}`, keys("kms:EncryptionContext:AppName", "exampleapp"), false},
		"EncryptionContextKeysCase":     {pageKMSKeys, `{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName"]}}`, keys("kms:EncryptionContextKeys", "appname"), false},
		"EncryptionContextKeysMore":     {pageKMSKeys, `{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName"]}}`, keys("kms:EncryptionContextKeys", "AppName", "kms:EncryptionContextKeys", "x"), false},
		"EncryptionContextKeysNoneGive": {pageKMSKeys, `{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName"]}}`, keys(), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if holds := conditionHolds(t, c.condition, c.keys); holds != c.holds {
				t.Errorf("%s: %s with %v: got %v, want %v", c.page, c.condition, c.keys, holds, c.holds)
			}
		})
	}
}

// A single-valued key with two values can come about only where two names differ in case. It is never a reason to allow.
func TestUnclearConditionAllowsNothing(t *testing.T) {
	t.Parallel()
	both := keys("kms:EncryptionContext:app", "zapas", "kms:EncryptionContext:App", "other")
	r := iam.Request{Action: "dynamodb:GetItem", Resource: table, Owner: table, Keys: both}
	for _, condition := range []string{`{"StringEquals":{"kms:EncryptionContext:app":"zapas"}}`, `{"StringNotEquals":{"kms:EncryptionContext:app":"zapas"}}`} {
		allow := identity(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+condition+`}`)
		deny := identity(t, `{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":`+condition+`}`)
		for _, d := range []*iam.Document{allow, deny} {
			if (&iam.Policies{Identity: map[string][]*iam.Document{app: {d}}}).Evaluate(iam.Principal{ARN: app}, r).Allowed {
				t.Errorf("%s allows a request with two values", condition)
			}
		}
	}
}
