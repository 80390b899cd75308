package conformance

import (
	"context"
	"maps"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// row is an item, a key or a set of values.
type row = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// The conditions that writes of Zapas have.
const (
	absent  = "attribute_not_exists(PK)"
	present = "attribute_exists(PK)"
	sameRev = "rev = :rev"
)

func rev(n int64) row { return row{":rev": number(n)} }

func (t *Target) key(sk string) row { return row{"PK": text(t.Prefix), "SK": text(sk)} }

// row is an item of this case, which has one partition.
func (t *Target) row(sk string, more row) row {
	r := t.key(sk)
	maps.Copy(r, more)
	return r
}

// put writes an item, on a condition unless that is "". A refusal then shows the item that is there.
func (t *Target) put(ctx context.Context, item row, condition string, values row) error {
	in := &dynamodb.PutItemInput{TableName: &t.Table, Item: item, ExpressionAttributeValues: values}
	if condition != "" {
		in.ConditionExpression = &condition
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	_, err := t.dynamodb.PutItem(ctx, in)
	return err
}

// putAll writes items of nothing but their keys.
func (t *Target) putAll(ctx context.Context, sks ...string) error {
	for _, sk := range sks {
		if err := t.put(ctx, t.key(sk), "", nil); err != nil {
			return err
		}
	}
	return nil
}

// want is nil if the item is as given; nil: if there is none.
func (t *Target) want(ctx context.Context, sk string, item row) error {
	out, err := t.dynamodb.GetItem(ctx, &dynamodb.GetItemInput{TableName: &t.Table, Key: t.key(sk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return at("read an item", err)
	}
	return sameRow("the item "+sk, out.Item, item)
}

// sameRow compares items; one without attributes is none.
func sameRow(what string, got, want row) error {
	if len(got) == 0 && len(want) == 0 || reflect.DeepEqual(got, want) {
		return nil
	}
	return differs(what, plain(got), plain(want))
}

// plain makes attributes readable in an error; long ones are cut.
func plain(r row) map[string]string {
	out := map[string]string{}
	for name, v := range r {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			out[name] = strconv.Quote(v.Value[:min(len(v.Value), 100)])
		case *types.AttributeValueMemberN:
			out[name] = v.Value
		default:
			out[name] = reflect.TypeOf(v).Elem().Name()
		}
	}
	return out
}
