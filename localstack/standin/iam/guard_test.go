package iam_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/localstack/standin/iam"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := &iam.Guard{Log: slog.New(slog.NewTextHandler(&log, nil))}
	as := iam.As(t.Context(), iam.Principal{ARN: app, Session: "fn"})
	get := iam.Request{Action: "s3:GetObject", Resource: object, Owner: bucket}
	put := iam.Request{Action: "s3:PutObject", Resource: object, Owner: bucket}
	if err := g.Authorize(t.Context(), get); err != nil {
		t.Fatalf("nothing is in force, and %v", err)
	}
	p := &iam.Policies{
		Identity: map[string][]*iam.Document{app: {identity(t, `{"Sid":"Get","Effect":"Allow","Action":["s3:Get*","s3:PutObject"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`)}},
		Resource: map[string]*iam.Document{bucket: document(t, iam.ParseResource, "bucket", `{"Sid":"NoPut","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"*"},{"Sid":"Other","Effect":"Allow","Principal":{"AWS":"`+other+`"},"Action":"s3:GetObject","Resource":"*"}`)},
	}
	g.Enforce(p)
	if err := g.Authorize(as, get); err != nil {
		t.Errorf("what the role allows: %v", err)
	}
	if err := g.Authorize(t.Context(), get); err == nil {
		t.Error("nobody was allowed")
	}
	err := g.Authorize(as, put)
	if want := `User: arn:aws:sts::111122223333:assumed-role/app/fn is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::data/u/1/c" with an explicit deny in a resource-based policy`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, want := range []string{"action=s3:PutObject", "policy=bucket", "statement=NoPut", "on=arn:aws:s3:::data"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "u/1/c") {
		t.Errorf("the log names an object:\n%s", log.String())
	}
	used := []iam.Use{{Principal: app, Policy: "role", Statement: "Get", Action: "s3:Get*"}}
	if diff := cmp.Diff(used, g.Used()); diff != "" {
		t.Errorf("used (-want +got):\n%s", diff)
	}
	granted := []iam.Use{
		{Principal: app, Policy: "role", Statement: "Get", Action: "s3:Get*"}, {Principal: app, Policy: "role", Statement: "Get", Action: "s3:PutObject"},
		{Principal: other, Policy: "bucket", Statement: "Other", Action: "s3:GetObject"},
	}
	if diff := cmp.Diff(granted, p.Grants()); diff != "" {
		t.Errorf("granted (-want +got):\n%s", diff)
	}
	g.Enforce(nil)
	if err := g.Authorize(as, put); err != nil {
		t.Errorf("nothing is in force any more, and %v", err)
	}
}
