package dynamodb_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

func made(change func(*sdk.CreateTableInput)) *sdk.CreateTableInput {
	in := &sdk.CreateTableInput{TableName: aws.String("made"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: "HASH"}}}
	if change != nil {
		change(in)
	}
	return in
}

// TestTableOverTheWire: TTL that comes later holds for what is there, and a table of the same name again is empty; all of
// it outlives the process.
func TestTableOverTheWire(t *testing.T) {
	t.Parallel()
	d := open(t)
	one := func(name string, ends time.Duration) {
		t.Helper()
		_, err := d.PutItem(t.Context(), &sdk.PutItemInput{TableName: aws.String("made"), Item: item{"pk": s(name), "ends": i(int(d.clock.now().Add(ends).Unix()))}})
		if err != nil {
			t.Fatal(err)
		}
	}
	ttl := &sdk.UpdateTimeToLiveInput{TableName: aws.String("made"), TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ends"), Enabled: aws.Bool(true)}}
	there := func(name string) bool {
		t.Helper()
		got, err := d.GetItem(t.Context(), &sdk.GetItemInput{TableName: aws.String("made"), Key: item{"pk": s(name)}})
		if err != nil {
			t.Fatal(err)
		}
		return got.Item != nil
	}
	for range 2 {
		if _, err := d.CreateTable(t.Context(), made(nil)); err != nil {
			t.Fatal(err)
		}
		if there("late") {
			t.Error("a new table is not empty")
		}
		one("soon", time.Minute)
		one("late", time.Hour)
		if _, err := d.UpdateTimeToLive(t.Context(), ttl); err != nil {
			t.Fatal(err)
		}
		d.clock.advance(2 * time.Minute)
		if n, err := d.server.Reap(); n != 1 || err != nil || there("soon") || !there("late") {
			t.Errorf("%d items end: %v", n, err)
		}
		d.reopen(t)
		if _, err := d.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("made")}); err != nil {
			t.Fatal(err)
		}
		d.reopen(t)
	}
}

func TestTableOverTheWireRefuses(t *testing.T) {
	t.Parallel()
	d := open(t)
	create := func(change func(*sdk.CreateTableInput)) func() error {
		return func() error { _, err := d.CreateTable(t.Context(), made(change)); return err }
	}
	for name, c := range map[string]struct {
		do   func() error
		want string
	}{
		"Provisioned": {create(func(in *sdk.CreateTableInput) { in.BillingMode = types.BillingModeProvisioned }), "NotImplementedException"},
		"Streams": {create(func(in *sdk.CreateTableInput) {
			in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true)}
		}), "SerializationException"}, // a member that is none here
		"Name":      {create(func(in *sdk.CreateTableInput) { in.TableName = aws.String("a b c") }), "ValidationException"},
		"Undefined": {create(func(in *sdk.CreateTableInput) { in.AttributeDefinitions = nil }), "ValidationException"},
		"Unused": {create(func(in *sdk.CreateTableInput) {
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: aws.String("x"), AttributeType: "S"})
		}), "ValidationException"},
		"Delete": {func() error {
			_, err := d.DeleteTable(t.Context(), &sdk.DeleteTableInput{TableName: aws.String("none")})
			return err
		}, "ResourceNotFoundException"},
		"DisableTTL": {func() error {
			_, err := d.UpdateTimeToLive(t.Context(), &sdk.UpdateTimeToLiveInput{TableName: aws.String("things"),
				TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("ends"), Enabled: aws.Bool(false)}})
			return err
		}, "NotImplementedException"},
		"Policy": {func() error {
			_, err := d.PutResourcePolicy(t.Context(), &sdk.PutResourcePolicyInput{ResourceArn: aws.String("arn:aws:dynamodb:eu-central-1:000000000000:table/none"), Policy: aws.String("{}")})
			return err
		}, "ResourceNotFoundException"},
	} {
		err := c.do()
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
