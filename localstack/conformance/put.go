package conformance

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Pages of the Amazon DynamoDB Developer Guide and of the API Reference.
const (
	pageTypes       = "Amazon DynamoDB Developer Guide, Supported data types and naming rules in Amazon DynamoDB"
	pageConditions  = "Amazon DynamoDB Developer Guide, Condition and filter expressions, operators, and functions in DynamoDB"
	pagePut         = "Amazon DynamoDB API Reference, PutItem"
	pageUpdate      = "Amazon DynamoDB API Reference, UpdateItem"
	pageDelete      = "Amazon DynamoDB API Reference, DeleteItem"
	pageGet         = "Amazon DynamoDB API Reference, GetItem"
	pagePlaceholder = "Amazon DynamoDB Developer Guide, Expression attribute names (aliases) in DynamoDB"
	pageReserved    = "Amazon DynamoDB Developer Guide, Reserved words in DynamoDB"
)

// Error codes.
const (
	conditionFailed = "ConditionalCheckFailedException"
	invalid         = "ValidationException"
	cancelled       = "TransactionCanceledException"
)

func putCases() []Case {
	return []Case{
		{"Put/EveryType", pageTypes, "", everyType},
		{"Put/Replaces", pagePut, "", replaces},
		{"Put/IfAbsent", pageConditions, "", ifAbsent},
		{"Put/IfAbsentHasOneWinner", pageConditions, "", ifAbsentHasOneWinner},
		{"Put/IfSameRev", pageConditions, "", ifSameRev},
		{"Put/IfPresentWithoutAttribute", pageConditions, "", ifPresentWithoutAttribute},
		{"Put/RefusalShowsItem", pagePut, "", refusalShowsItem},
		{"Put/RefusalShowsNothingUnasked", pagePut, "", refusalShowsNothingUnasked},
		{"Put/UnusedValue", pageConditions, "", unusedValue},
		{"Put/UndefinedValue", pageConditions, "", undefinedValue},
		{"Put/ReservedWord", pageReserved, "", reservedWord},
		{"Get/Missing", pageGet, "", missingItem},
		{"Delete/OnCondition", pageDelete, "", deleteOnCondition},
	}
}

func everyType(ctx context.Context, t *Target) error {
	item := t.row("a", row{
		"text": text("ą\x00😀"), "empty": text(""), "zero": number(0), "least": number(-1 << 63),
		"long":  &types.AttributeValueMemberN{Value: strings.Repeat("9", 38)},
		"bytes": &types.AttributeValueMemberB{Value: []byte{0, 255}}, "noBytes": &types.AttributeValueMemberB{Value: []byte{}},
		"yes": &types.AttributeValueMemberBOOL{Value: true}, "null": &types.AttributeValueMemberNULL{Value: true},
		"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{text("b"), number(1), &types.AttributeValueMemberL{Value: []types.AttributeValue{}}}},
		"map":  &types.AttributeValueMemberM{Value: row{"c": text("c"), "d": &types.AttributeValueMemberM{Value: row{}}}},
	})
	return errors.Join(t.put(ctx, item, "", nil), t.want(ctx, "a", item))
}

func replaces(ctx context.Context, t *Target) error {
	second := t.row("a", row{"b": number(2)})
	return errors.Join(t.put(ctx, t.row("a", row{"a": number(1), "b": number(1)}), "", nil), t.put(ctx, second, "", nil), t.want(ctx, "a", second))
}

func ifAbsent(ctx context.Context, t *Target) error {
	first := t.row("a", rowOf("v", 1))
	if err := t.put(ctx, first, absent, nil); err != nil {
		return at("the first write", err)
	}
	err := t.put(ctx, t.row("a", rowOf("v", 2)), absent, nil)
	return errors.Join(refused(err, "a second write", conditionFailed), t.want(ctx, "a", first),
		at("a write beside it", t.put(ctx, t.key("b"), absent, nil)))
}

func rowOf(name string, n int64) row { return row{name: number(n)} }

func ifAbsentHasOneWinner(ctx context.Context, t *Target) error {
	return oneWinner(all(16, func(i int) error { return t.put(ctx, t.row("a", rowOf("v", int64(i))), absent, nil) }), conditionFailed)
}

func ifSameRev(ctx context.Context, t *Target) error {
	next := func(n int64) row { return t.row("a", rowOf("rev", n)) }
	return errors.Join(
		refused(t.put(ctx, next(1), sameRev, rev(0)), "a write where there is no item", conditionFailed),
		t.want(ctx, "a", nil),
		t.put(ctx, next(1), absent, nil),
		at("a write on the same rev", t.put(ctx, next(2), sameRev, rev(1))),
		refused(t.put(ctx, next(2), sameRev, rev(1)), "a write on an old rev", conditionFailed),
		refused(t.put(ctx, next(9), sameRev, rev(3)), "a write on a later rev", conditionFailed),
		refused(t.put(ctx, next(9), sameRev, row{":rev": text("2")}), "a write on a rev of another type", conditionFailed),
		t.want(ctx, "a", next(2)))
}

func ifPresentWithoutAttribute(ctx context.Context, t *Target) error {
	const condition = present + " AND attribute_not_exists(device)"
	used := t.row("a", row{"device": text("d")})
	return errors.Join(
		refused(t.put(ctx, used, condition, nil), "a write where there is no item", conditionFailed),
		t.put(ctx, t.key("a"), "", nil),
		at("a write where the attribute is not", t.put(ctx, used, condition, nil)),
		refused(t.put(ctx, t.key("a"), condition, nil), "a write where the attribute is", conditionFailed),
		t.want(ctx, "a", used))
}

// shown is the item that a refused write shows.
func shown(err error) (row, error) {
	failure, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok {
		return nil, refused(err, "a write whose condition does not hold", conditionFailed)
	}
	return failure.Item, nil
}

func refusalShowsItem(ctx context.Context, t *Target) error {
	there := t.row("a", row{"v": text("x"), "rev": number(7)})
	if err := t.put(ctx, there, "", nil); err != nil {
		return err
	}
	item, err := shown(t.put(ctx, t.key("a"), absent, nil))
	none, err2 := shown(t.put(ctx, t.key("b"), present, nil))
	return errors.Join(err, err2, sameRow("the item shown", item, there), sameRow("the item shown where there is none", none, nil))
}

func refusalShowsNothingUnasked(ctx context.Context, t *Target) error {
	if err := t.put(ctx, t.key("a"), "", nil); err != nil {
		return err
	}
	_, err := t.dynamodb.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.Table, Item: t.key("a"), ConditionExpression: aws.String(absent)})
	item, err := shown(err)
	return errors.Join(err, sameRow("the item shown", item, nil))
}

func unusedValue(ctx context.Context, t *Target) error {
	err := t.put(ctx, t.key("a"), absent, rev(1))
	return errors.Join(refused(err, "a value that no expression uses", invalid), t.want(ctx, "a", nil))
}

func undefinedValue(ctx context.Context, t *Target) error {
	err := t.put(ctx, t.key("a"), absent+" OR "+sameRev, nil)
	return errors.Join(refused(err, "an expression whose value is not given", invalid), t.want(ctx, "a", nil))
}

func reservedWord(ctx context.Context, t *Target) error {
	err := t.put(ctx, t.key("a"), "attribute_not_exists(owner)", nil)
	_, named := t.dynamodb.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.Table, Item: t.key("a"),
		ConditionExpression: aws.String("attribute_not_exists(#o)"), ExpressionAttributeNames: map[string]string{"#o": "owner"}})
	return errors.Join(refused(err, "a reserved word as an attribute's name", invalid), at("the same through a placeholder", named))
}

func missingItem(ctx context.Context, t *Target) error {
	return errors.Join(t.putAll(ctx, "a"), t.want(ctx, "A", nil), t.want(ctx, "a ", nil))
}

func deleteOnCondition(ctx context.Context, t *Target) error {
	there := t.row("a", rowOf("rev", 1))
	remove := func(n int64) (row, error) {
		out, err := t.dynamodb.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.Table, Key: t.key("a"), ConditionExpression: aws.String(sameRev),
			ExpressionAttributeValues: rev(n), ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return nil, err
		}
		return out.Attributes, nil
	}
	put := t.put(ctx, there, "", nil)
	_, stale := remove(2)
	kept := t.want(ctx, "a", there)
	old, err := remove(1)
	_, again := remove(1)
	return errors.Join(put, refused(stale, "a deletion on another rev", conditionFailed), kept, at("a deletion", err),
		sameRow("what was deleted", old, there), t.want(ctx, "a", nil), refused(again, "a second deletion", conditionFailed))
}
