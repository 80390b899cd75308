package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/infra/policy"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]any{
		"plain":                   "plain",
		"":                        "",
		"${Table}":                map[string]any{"Ref": "Table"},
		"${AWS::Region}":          map[string]any{"Ref": "AWS::Region"},
		"${Table.Arn}":            map[string]any{"Fn::GetAtt": []any{"Table", "Arn"}},
		"${Table.Arn}/index/a":    map[string]any{"Fn::Sub": "${Table.Arn}/index/a"},
		"${A}${B}":                map[string]any{"Fn::Sub": "${A}${B}"},
		"arn:${AWS::Partition}:x": map[string]any{"Fn::Sub": "arn:${AWS::Partition}:x"},
		"$context.requestId":      "$context.requestId",
	} {
		if d := cmp.Diff(want, policy.Value(v)); d != "" {
			t.Errorf("%q: %s", v, d)
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(policy.Document([]policy.Statement{
		{Sid: "A", Actions: []string{"s3:GetObject"}, Resources: []string{"${B.Arn}/*"}},
		{Sid: "B", Deny: true, Who: policy.Principal{AWS: []string{"*"}}, Actions: []string{"s3:GetObject", "s3:PutObject"}, Resources: []string{"*"},
			When: policy.Condition{"Bool": {"aws:SecureTransport": {"false"}}}},
		{Sid: "C", Who: policy.Principal{Service: "lambda.amazonaws.com"}, Actions: []string{"sts:AssumeRole"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Statement":[` +
		`{"Action":"s3:GetObject","Effect":"Allow","Resource":{"Fn::Sub":"${B.Arn}/*"},"Sid":"A"},` +
		`{"Action":["s3:GetObject","s3:PutObject"],"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":{"AWS":"*"},"Resource":"*","Sid":"B"},` +
		`{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Sid":"C"}],"Version":"2012-10-17"}`
	if d := cmp.Diff(want, string(b)); d != "" {
		t.Error(d)
	}
}
